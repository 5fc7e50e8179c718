"""Several clients in one process, what a service is warned about, and closing."""

import pytest
from small_services import control, done, run_alone

from simlib import Crash, Scenario, Service, Topic, run


def test_two_producers_of_one_process_do_not_send_each_other_s_records():
    async def main(app):
        async with app.producer() as safe, app.producer(acks=1, enable_idempotence=False, linger_ms=20) as quick:
            for number in range(5):
                await quick.send("orders", number + 10)
                await safe.send_and_wait("orders", number)

    records = run_alone(main).records
    assert sorted(records.value) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14] and set(records.copies) == {1}
    assert sorted(records.message) == [f"billing-0:{n}" for n in range(10)] and set(records.outcome) == {"acked"}


def test_a_closed_producer_has_flushed_and_takes_no_more():
    async def main(app):
        async with app.producer(linger_ms=1_000) as producer:
            await producer.send("orders", 1)
        await app.effect("closed at", round(app.now, 3))
        try:
            await producer.send("orders", 2)
        except RuntimeError as error:
            await app.effect("told", str(error))

    trace = run_alone(main)
    assert done(trace)[1] == "this producer is closed" and 1.0 <= done(trace)[0] < 1.1
    assert list(trace.records.value) == [1]


@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_two_consumers_of_one_process_share_the_work_of_their_group(client):
    async def main(app):
        import asyncio

        async def read(name):
            consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
            await app.sleep(1)
            async for record in consumer:
                await app.effect(name, record.value)

        await asyncio.gather(read("first"), read("second"))

    scenario = Scenario(topics=[Topic("orders", partitions=4)], services=[Service("billing", main)], client=client,
                        inputs={"orders": [{"value": n, "partition": n % 4, "at": 20} for n in range(20)]})
    trace = run(scenario)
    assert sorted(done(trace)) == list(range(20))
    assert {len(done(trace, name)) for name in ("first", "second")} == {10}


def test_two_groups_in_one_process_read_everything_each():
    async def main(app):
        import asyncio

        async def read(group):
            async for record in app.consumer("orders", group_id=group, auto_offset_reset="earliest"):
                await app.effect(group, record.value)

        await asyncio.gather(read("billing"), read("audit"))

    trace = run_alone(main, orders=5)
    assert done(trace, "billing") == done(trace, "audit") == [0, 1, 2, 3, 4]


def test_reading_from_the_latest_of_inputs_that_are_there_already_is_warned_about():
    async def main(app):
        async for record in app.consumer("orders", group_id="billing"):
            await app.effect("charge", record.value)

    trace = run_alone(main, orders=5)
    (warning,) = trace.summary().warnings
    assert "auto_offset_reset='latest'" in warning and "billing-0 reads orders" in warning
    assert done(trace) == [] and trace.summary().skipped == 5 and trace.summary().lost == 0


def test_inputs_with_a_time_are_not_warned_about():
    async def main(app):
        async for record in app.consumer("orders", group_id="billing"):
            await app.effect("charge", record.value)

    trace = run(Scenario(topics=[Topic("orders")], services=[Service("billing", main)],
                         inputs={"orders": [{"value": 1, "at": 20}]}))
    assert trace.summary().warnings == [] and done(trace) == [1]


def test_unknown_topics_and_settings_are_refused_by_name():
    async def main(app):
        for attempt in (lambda: app.consumer("order", group_id="billing"), lambda: app.consumer(group_id="billing"),
                        lambda: app.consumer("orders", group_id="billing", auto_ofset_reset="latest"),
                        lambda: app.producer(ack="all")):
            try:
                attempt()
            except ValueError as error:
                await app.effect("told", str(error))
        try:
            await app.producer().send("order", 1)
        except ValueError as error:
            await app.effect("told", str(error))

    told = done(run_alone(main))
    for words, text in zip(["no such topic; this scenario has orders", "at least one topic", "auto_ofset_reset", "ack",
                            "no such topic; this scenario has orders"], told, strict=True):
        assert words in text


@pytest.mark.parametrize("value", [{1, 2}, 1j, b"bytes"])
def test_values_that_json_cannot_say_are_refused(value):
    async def main(app):
        try:
            await app.producer().send("orders", value)
        except TypeError as error:
            await app.effect("told", str(error))

    assert "a value must be something JSON can say" in done(run_alone(main))[0]


def test_a_restarted_process_sends_as_a_new_producer_and_its_messages_are_counted_on():
    async def main(app):
        producer = app.producer()
        await producer.send_and_wait("orders", round(app.now))
        await app.sleep(5)

    trace = run_alone(main, faults=[Crash("billing-0", at=2, restart_after=1)])
    assert list(trace.records.message) == ["billing-0:0", "billing-0:1"] and list(trace.records.value) == [0, 3]
    assert not len(control(trace, "exception"))
