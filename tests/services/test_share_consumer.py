"""`app.share_consumer` (K102e and others): the faces of a share group in a service, and what `explore` finds there."""

import pytest

from simlib import (
    ConfigError,
    ConsumerGroup,
    Crash,
    KafkaError,
    Pause,
    Producer,
    Scenario,
    Service,
    Topic,
    TopicPartition,
    explore,
    laws,
    run,
)
from simlib.services.errors import IllegalStateError

START = {"group_id": "billing", "share_auto_offset_reset": "earliest"}
EXPLICIT = {**START, "share_acknowledgement_mode": "explicit"}


def shop(main, count=3, *, partitions=1, instances=1, faults=(), services=(), restart_after=1.0, **more):
    rows = [{"key": str(number), "value": number} for number in range(count)]
    settings = {"brokers": 1, "duration": 300, **more}
    billing = Service("billing", main, instances=instances, restart_after=restart_after)
    return Scenario([Topic("orders", partitions, replication_factor=settings["brokers"])], inputs={"orders": rows},
                    services=[billing, *services], faults=faults, **settings)


def effects(trace, name):
    return list(trace.effects[trace.effects.name == name].key)


def answers(trace):
    return [(row.offset, row.how) for row in trace.acknowledgements.itertuples()]


async def implicit(app):
    consumer = app.share_consumer("orders", **START, max_poll_records=1)
    async for order in consumer:
        await app.effect("charge", order.value)


async def explicit(app):
    async with app.share_consumer("orders", **EXPLICIT) as consumer:
        async for order in consumer:
            await app.effect("charge", order.value)
            await consumer.acknowledge(order)


# -- the two modes

@pytest.mark.statement("K102e")
def test_the_next_poll_accepts_all_that_the_last_one_brought():
    """Three records of one poll: who dies with the last one in hand gets all three again."""
    async def main(app):
        async for order in app.share_consumer("orders", **START):
            await app.effect("charge", order.value)

    trace = run(shop(main))
    assert answers(trace) == [(0, "accepted"), (1, "accepted"), (2, "accepted")]
    assert trace.acknowledgements.time.nunique() == 1 and trace.ended == "quiet"
    died = run(shop(main, faults=[Crash("billing-0", after="charge", nth=3)]))
    assert effects(died, "charge") == [0, 1, 2]  # it is not started again
    again = run(shop(main, faults=[Crash("billing-0", after="charge", nth=3, restart_after=1)]))
    assert effects(again, "charge") == [0, 1, 2, 0, 1, 2]


@pytest.mark.statement("K102e")
def test_commit_accepts_what_was_handed_over_so_far():
    async def main(app):
        consumer = app.share_consumer("orders", **START)
        async for order in consumer:
            await app.effect("charge", order.value)
            await consumer.commit()
            await consumer.commit()  # nothing is left to say

    trace = run(shop(main))
    assert trace.acknowledgements.time.nunique() == 3
    died = run(shop(main, faults=[Crash("billing-0", before="acknowledge", nth=3, restart_after=1)]))
    assert effects(died, "charge") == [0, 1, 2, 2]


@pytest.mark.statement("K102e")
def test_each_record_is_accepted_released_or_rejected():
    async def main(app):
        consumer = app.share_consumer("orders", **EXPLICIT)
        async for order in consumer:
            await app.effect("seen", (order.value, order.delivery_count))
            if order.value == 1 and order.delivery_count < 3:
                await consumer.acknowledge(order, "release")
            else:
                await consumer.acknowledge(order, "reject" if order.value == 2 else "accept")

    trace = run(shop(main))
    assert effects(trace, "seen") == [(0, 1), (1, 1), (2, 1), (1, 2), (1, 3)]
    assert answers(trace) == [(0, "accepted"), (1, "released"), (2, "rejected"), (1, "released"), (1, "accepted")]
    assert trace.duplicates.cause_of_repeat.tolist() == ["released", "released"]
    group = trace.summary().groups["billing"]
    assert group.archived == {"rejected": 1} and group.lag == 0
    assert laws.nothing_lost("billing")(trace).holds  # somebody decided about each


@pytest.mark.statement("K102b")
def test_what_is_released_for_ever_is_archived():
    async def main(app):
        consumer = app.share_consumer("orders", **EXPLICIT)
        async for order in consumer:
            await consumer.acknowledge(order, "release" if order.value == 0 else "accept")

    trace = run(shop(main))
    assert trace.deliveries.groupby("message").size().to_dict() == {"inputs:0": 5, "inputs:1": 1, "inputs:2": 1}
    verdict = laws.nothing_lost("billing")(trace)
    assert verdict.broken and trace.ended == "quiet"


@pytest.mark.statement("K102e")
def test_an_explicit_consumer_must_answer_before_it_polls_again():
    async def main(app):
        consumer = app.share_consumer("orders", **EXPLICIT)
        try:
            while True:
                await consumer.getone()
        except IllegalStateError as error:
            await app.effect("refused", str(error))

    refused, = effects(run(shop(main)), "refused")
    assert "3 records are of the last poll not acknowledged" in refused and "'release' or 'reject'" in refused


@pytest.mark.statement("K102e")
@pytest.mark.parametrize(("mode", "answer", "said"), [
    ("implicit", "accept", "acknowledge() is for"), ("explicit", "accepted", "one of 'accept', 'release', 'reject'"),
    ("explicit", "accept", "acknowledged already")])
def test_a_wrong_acknowledgement_is_refused(mode, answer, said):
    async def main(app):
        consumer = app.share_consumer("orders", **START, share_acknowledgement_mode=mode)
        order = await consumer.getone()
        try:
            await consumer.acknowledge(order, answer)
            await consumer.acknowledge(order, answer)
        except (KafkaError, ValueError) as error:
            await app.effect("refused", str(error))

    assert said in effects(run(shop(main)), "refused")[0]


def test_batches():
    async def main(app):
        consumer = app.share_consumer("orders", **EXPLICIT)
        while batch := await consumer.getmany(timeout_ms=1_000, max_records=2):
            await app.effect("batch", [[tp.topic, tp.partition, len(records)] for tp, records in batch.items()])
            await consumer.acknowledge([record for records in batch.values() for record in records])
        assert consumer.assignment() == {TopicPartition("orders", 0)}
        await consumer.stop()

    trace = run(shop(main))
    assert effects(trace, "batch") == [[["orders", 0, 2]], [["orders", 0, 1]]]
    assert [how for _, how in answers(trace)] == ["accepted"] * 3


def test_several_tasks_share_one_consumer():
    async def main(app):
        import asyncio

        consumer = app.share_consumer("orders", **EXPLICIT)

        async def work():
            order = await consumer.getone()
            await app.sleep(1)
            await consumer.acknowledge(order)
            await app.effect("done", order.value)

        await asyncio.gather(*[work() for _ in range(3)])

    trace = run(shop(main))
    assert sorted(effects(trace, "done")) == [0, 1, 2] and trace.effects.time.max() < 1.2


@pytest.mark.statement("K102c")
def test_closing_gives_back_what_was_not_answered_for():
    async def main(app):
        async with app.share_consumer("orders", **EXPLICIT) as consumer:
            order = await consumer.getone()
            await app.effect("charge", order.value)

    trace = run(shop(main, instances=2))
    assert sorted(answers(trace)) == [(0, "closed"), (0, "closed"), (1, "closed"), (1, "closed"), (2, "closed"),
                                      (2, "closed")]
    assert trace.duplicates.cause_of_repeat.tolist() == ["released"]


# -- settings

@pytest.mark.parametrize(("config", "said"), [
    ({"share_auto_offset_reset": "none"}, "must be one of 'latest', 'earliest'"),
    ({"enable_auto_commit": False}, "no setting of a share consumer"),
    ({"share_record_lock_duration_ms": 5_000}, "refused by the brokers, who allow 15000 to 60000")])
def test_settings_are_checked(config, said):
    async def main(app):
        try:
            app.share_consumer("orders", group_id="billing", **config)
        except ConfigError as error:
            await app.effect("refused", str(error))

    assert said in effects(run(shop(main)), "refused")[0]


def test_what_is_the_group_s_all_members_give_alike():
    async def main(app):
        app.share_consumer("orders", **START)
        try:
            app.share_consumer("orders", group_id="billing")
        except ConfigError as error:
            await app.effect("refused", str(error))

    refused, = effects(run(shop(main)), "refused")
    assert "share_auto_offset_reset='latest': share group 'billing' has 'earliest'" in refused


def test_a_topic_must_exist_and_the_group_must_be_a_share_group():
    async def main(app):
        for topics in ((), ("order",)):
            try:
                app.share_consumer(*topics, **START)
            except ValueError as error:
                await app.effect("refused", str(error))
        try:
            await app.share_consumer("orders", group_id="owners").getone()
        except KafkaError as error:
            await app.effect("refused", str(error))

    trace = run(Scenario([Topic("orders")], brokers=1, duration=20, services=[Service("billing", main)],
                         groups=[ConsumerGroup("owners", "orders")], producers=[Producer("shop", "orders", rate=1)]))
    first, second, third = effects(trace, "refused")
    assert "name at least one topic" in first and "no such topic" in second and third == "GROUP_ID_NOT_FOUND"


def test_a_reset_that_skips_the_inputs_is_told():
    async def main(app):
        await app.sleep(1)
        async for _ in app.share_consumer("orders", group_id="billing"):
            pass

    trace = run(shop(main))
    assert any("share_auto_offset_reset='latest'" in line for line in trace.summary().warnings)
    assert trace.summary().skipped == 3


# -- deaths

@pytest.mark.statement("K102", "K102a")
def test_explore_tries_the_acknowledgement_too():
    result = explore(shop(explicit, instances=2, partitions=2), laws.exactly_once("charge"), progress=False)
    table = result.table.set_index("schedule").verdict
    assert table["crash-before:billing-0.0/receive#1"] == "holds"
    assert table["crash-after:billing-0.0/charge#1"] == "broken"
    assert table["lose-request:billing-0.0/acknowledge#1"] == "broken"
    assert table["lose-reply:billing-0.0/acknowledge#1"] == "holds"
    assert table["stall-after:billing-0.0/receive#1"] == "broken"  # it was somebody else's meanwhile
    assert table["stall-after:billing-0.0/acknowledge#1"] == "broken"  # and so were the others of its poll


@pytest.mark.statement("K102", "K102d")
@pytest.mark.parametrize("main", [implicit, explicit], ids=["implicit", "explicit"])
def test_whatever_happens_every_record_is_done_at_least_once(main):
    rules = [laws.at_least_once("charge"), laws.nothing_lost("billing"), laws.conservation]
    result = explore(shop(main, instances=2, brokers=3, partitions=2), rules, brokers=True, progress=False)
    assert result.holds, result
    assert any(hit.startswith("kill-before-ack") and "acknowledge" in hit for hit in result.table.schedule)


@pytest.mark.statement("K102a")
def test_the_second_delivery_works_while_the_first_one_still_does():
    """The zombie of share groups: a stall longer than the lock."""
    async def slow(app):
        consumer = app.share_consumer("orders", **EXPLICIT)
        async for order in consumer:
            await app.effect("begin", app.name)
            await app.sleep(40)
            await app.effect("charge", order.value)
            try:
                await consumer.acknowledge(order)
            except KafkaError as error:
                await app.effect("refused", str(error))

    trace = run(shop(slow, count=1, instances=2, duration=200))
    begun = trace.effects[trace.effects.name == "begin"]
    assert begun.key.nunique() == 2 and begun.time.diff().iloc[1] == pytest.approx(30, abs=0.1)
    assert effects(trace, "refused")[0] == "INVALID_RECORD_STATE"
    assert trace.deliveries.attempt.max() == 5  # and nobody is ever quick enough
    assert trace.summary().groups["billing"].archived == {"delivered too often": 1}


@pytest.mark.statement("K102a")
def test_an_inbox_makes_the_zombie_harmless():
    """As with every at-least-once: the second one finds that it is done."""
    async def main(app):
        consumer = app.share_consumer("orders", **EXPLICIT)
        async for order in consumer:
            async with app.database.transaction():
                new = await app.database.execute("INSERT OR IGNORE INTO paid VALUES (?)", (order.value,))
                if new.rowcount:
                    await app.database.execute("UPDATE account SET balance = balance - 1")
            await consumer.acknowledge(order)

    tables = "CREATE TABLE paid (id PRIMARY KEY); CREATE TABLE account (balance); INSERT INTO account VALUES (10);"
    scenario = Scenario([Topic("orders")], brokers=1, inputs={"orders": [{"value": 0}, {"value": 1}]},
                        services=[Service("billing", main, instances=2, database=tables)])
    assert explore(scenario, laws.as_calm("SELECT balance FROM account"), progress=False).holds


def test_a_process_that_stood_still_goes_on_where_it_was():
    trace = run(shop(implicit, count=5, instances=2, faults=[Pause("billing-0", at=0.05, duration=100)]))
    assert sorted(set(effects(trace, "charge"))) == [0, 1, 2, 3, 4] and trace.ended == "quiet"
    assert laws.nothing_lost("billing")(trace).holds
