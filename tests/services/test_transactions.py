"""What a service can do with a transactional producer, and what it is told when it cannot."""

import pytest
from small_services import control, done, run_alone

from simlib import Change, ConsumerGroup, Crash, LoseReply, LoseRequest, Pause, Scenario, Service, Topic, laws, run
from simlib.services.errors import (
    CommitFailedError,
    IllegalStateError,
    InvalidTransactionTimeoutError,
    KafkaTimeoutError,
)

both_clients = pytest.mark.parametrize("client", ["kafka-python", "java"])


def error_of(attempt, **more):
    """What a service is told when it tries something with its transactional producer."""
    told = []

    async def main(app):
        producer = app.producer(transactional_id="w")
        try:
            await attempt(app, producer)
        except Exception as error:
            await app.effect("told", f"{type(error).__name__}: {error}")

    told = done(run_alone(main, **more), "told")
    return told[0] if told else None


async def send_outside(app, producer):
    await producer.init_transactions()
    await producer.send("orders", 1)


async def begin_twice(app, producer):
    await producer.begin_transaction()
    await producer.begin_transaction()


async def commit_nothing(app, producer):
    await producer.init_transactions()
    await producer.commit_transaction()


async def offsets_outside(app, producer):
    await producer.init_transactions()
    await producer.send_offsets_to_transaction({("orders", 0): 1}, "billing")


async def offsets_of_a_number(app, producer):
    await producer.begin_transaction()
    await producer.send_offsets_to_transaction({("orders", 0): 1}, 7)


async def send_before_anything(app, producer):
    await producer.send("orders", 1)


@pytest.mark.parametrize(("attempt", "told"), [
    (send_before_anything, "IllegalStateError: send: not initialised: call init_transactions() first"),
    (send_outside, "IllegalStateError: send: no transaction is open: call begin_transaction() first"),
    (begin_twice, "IllegalStateError: begin_transaction: a transaction is open"),
    (commit_nothing, "IllegalStateError: commit_transaction: no transaction is open: call begin_transaction() first"),
    (offsets_outside, "IllegalStateError: send_offsets_to_transaction: no transaction is open: "
                      "call begin_transaction() first"),
    (offsets_of_a_number, "TypeError: send_offsets_to_transaction(..., 7): give the group's name, or "
                          "consumer.group_metadata()"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_out_of_order_is_refused(attempt, told):
    assert error_of(attempt) == told


@pytest.mark.parametrize("method", ["init_transactions", "begin_transaction", "commit_transaction",
                                    "abort_transaction"])
def test_a_producer_without_a_transactional_id_says_what_is_missing(method):
    async def main(app):
        try:
            await getattr(app.producer(), method)()
        except IllegalStateError as error:
            await app.effect("told", str(error))

    (told,) = done(run_alone(main), "told")
    assert told.startswith(f"{method}: this producer has no transactional_id; give one: app.producer(transactional_id=")


@both_clients
def test_an_exception_in_the_block_aborts_and_goes_on(client):
    async def main(app):
        producer = app.producer(transactional_id="w")
        try:
            async with producer.transaction():
                await producer.send_and_wait("orders", 1)
                raise ValueError("changed my mind")
        except ValueError as error:
            await app.effect("raised", str(error))
        async with producer.transaction():
            await producer.send("orders", 2)

    trace = run_alone(main, client=client)
    assert done(trace, "raised") == ["changed my mind"]
    assert trace.records.set_index("value").outcome.to_dict() == {1: "aborted", 2: "acked"}


@both_clients
def test_what_was_not_sent_yet_is_given_up_by_an_abort(client):
    async def main(app):
        producer = app.producer(transactional_id="w", linger_ms=1_000)
        await producer.begin_transaction()
        future = await producer.send("orders", 1)
        await producer.abort_transaction()
        try:
            await future
        except Exception as error:
            await app.effect("told", type(error).__name__)
        async with producer.transaction():
            await producer.send("orders", 2)

    trace = run_alone(main, client=client)
    assert done(trace, "told") == ["TransactionAbortedError"]
    assert list(trace.records.outcome) == ["acked", "aborted"] and list(trace.records.copies) == [1, 0]
    summary = trace.summary()
    assert (summary.produced, summary.in_log, summary.lost, summary.aborted) == (2, 1, 0, 1)
    assert laws.conservation(trace)


@both_clients
def test_closing_aborts_what_is_open(client):
    async def main(app):
        async with app.producer(transactional_id="w") as producer:
            await producer.begin_transaction()
            await producer.send_and_wait("orders", 1)

    trace = run_alone(main, client=client)
    assert list(trace.records.outcome) == ["aborted"] and trace.ended_at < 20


def test_an_empty_transaction_asks_nobody():
    async def main(app):
        producer = app.producer(transactional_id="w")
        async with producer.transaction():
            await app.sleep(1)
        await app.effect("done", app.now)

    trace = run_alone(main)
    assert done(trace)[0] < 1.2 and control(trace, "transaction_ended").empty


def test_a_commit_does_not_wait_for_lingering_batches():
    async def main(app):
        producer = app.producer(transactional_id="w", linger_ms=30_000, delivery_timeout_ms=90_000)
        async with producer.transaction():
            await producer.send("orders", 1)
        await app.effect("done", app.now)

    assert done(run_alone(main))[0] < 1


def test_a_time_out_that_is_too_long_is_refused_by_the_brokers():
    async def main(app):
        try:
            await app.producer(transactional_id="w", transaction_timeout_ms=900_001).init_transactions()
        except InvalidTransactionTimeoutError:
            await app.effect("told", "too long")

    assert done(run_alone(main)) == ["too long"]


def test_without_a_coordinator_init_gives_up_after_max_block_ms():
    async def main(app):
        try:
            await app.producer(transactional_id="w", max_block_ms=3_000).init_transactions()
        except KafkaTimeoutError as error:
            await app.effect("told", str(error))
            await app.effect("at", round(app.now, 1))

    faults = [Pause(f"broker-{number}", at=0, duration=60) for number in range(3)]
    told, at = done(run_alone(main, faults=faults))
    assert told.endswith("no transaction coordinator answered for max_block_ms=3000") and at == 3


@pytest.mark.parametrize("kind", ["init_producer_id", "add_partitions_to_txn", "produce", "add_offsets_to_txn",
                                  "txn_offset_commit", "end_txn"])
@pytest.mark.parametrize("loss", [LoseRequest, LoseReply])
@both_clients
def test_whatever_gets_lost_is_asked_again(client, loss, kind):
    async def main(app):
        producer = app.producer(transactional_id="w", request_timeout_ms=2_000)
        for value in range(2):
            async with producer.transaction():
                await producer.send("orders", value)
                await producer.send_offsets_to_transaction({("orders", 0): value + 1}, "billing")

    trace = run_alone(main, client=client, faults=[loss("billing-0", kind, nth=1)])
    assert list(trace.records.copies) == [1, 1] and set(trace.records.outcome) == {"acked"}
    assert list(trace.commits.offset) == [1, 2]
    if client == "kafka-python" or not kind.startswith("add_"):  # Java leaves it to the brokers (KIP-890)
        assert not trace.summary().faults_not_fired


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("at", [0.1, 0.2, 2.0, 2.002, 2.004, 2.006, 4.0])
@both_clients
def test_a_broker_s_death_decides_nothing(client, at, number):
    async def main(app):
        producer = app.producer(transactional_id="w")
        for value in range(4):
            async with producer.transaction():
                await producer.send("orders", value)
            await app.sleep(1)

    scenario = Scenario(topics=[Topic("orders", replication_factor=3)], services=[Service("billing", main)],
                        groups=[ConsumerGroup("wary", "orders", isolation_level="read_committed",
                                              auto_offset_reset="earliest")],
                        faults=[Crash(f"broker-{number}", at=at, restart_after=30)], client=client)
    trace = run(scenario, progress=False)
    assert trace.ended == "quiet" and laws.conservation(trace) and laws.no_aborted_reads(trace)
    assert sorted(trace.records.value) == [0, 1, 2, 3] and set(trace.records.outcome) == {"acked"}
    assert trace.summary().groups["wary"].delivered == 4


@pytest.mark.statement("K36a")
@both_clients
def test_a_consumer_that_lost_its_place_cannot_commit_in_a_transaction(client):
    async def main(app):
        producer = app.producer(transactional_id="w")
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False)
        async for order in consumer:
            member = consumer.group_metadata()
            await producer.begin_transaction()
            try:
                await producer.send_offsets_to_transaction({("orders", 0): 1}, member._replace(generation_id=77))
            except CommitFailedError as error:
                await app.effect("told", str(error))
            try:
                await producer.commit_transaction()
            except CommitFailedError:
                await producer.abort_transaction()
            async with producer.transaction():  # the producer is none the worse for it
                await producer.send_offsets_to_transaction({("orders", 0): order.offset + 1}, member)
            return

    trace = run_alone(main, client=client, orders=1)
    assert done(trace) == ["ILLEGAL_GENERATION"] and list(trace.commits.offset) == [1]


@pytest.mark.statement("K36a")
def test_who_reads_what_is_committed_waits_for_offsets_that_may_still_change():
    async def slow(app):
        producer = app.producer(transactional_id="slow")
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({("orders", 0): 2}, "billing")
        await app.sleep(20)
        await producer.commit_transaction()

    async def main(app):
        import asyncio

        async def read(level):
            consumer = app.consumer("orders", group_id="billing", isolation_level=level, enable_auto_commit=False,
                                    auto_offset_reset="earliest")
            record = await consumer.getone()
            await app.effect(level, (record.value, app.now > 20))
            await consumer.stop()

        await app.sleep(1)
        async with asyncio.TaskGroup() as group:
            group.create_task(read("read_committed"))

    scenario = Scenario(topics=[Topic("orders")], services=[Service("slow", slow), Service("billing", main)],
                        inputs={"orders": [{"value": value} for value in range(3)]})
    assert done(run(scenario, progress=False), "read_committed") == [(2, True)]


def test_a_run_with_transactions_can_be_saved_and_read_again(tmp_path):
    async def main(app):
        producer = app.producer(transactional_id="w")
        for committed in (True, False):
            await producer.begin_transaction()
            await producer.send_and_wait("orders", committed)
            await (producer.commit_transaction() if committed else producer.abort_transaction())

    trace = run_alone(main)
    trace.save(tmp_path / "trace.zip")
    again = type(trace).load(tmp_path / "trace.zip")
    assert again.same_as(trace) and list(again.records.outcome) == ["acked", "aborted"]
    assert trace.same_as(run_alone(main))


def test_settings_of_the_topic_may_change_under_a_transaction():
    async def main(app):
        producer = app.producer(transactional_id="w")
        async with producer.transaction():
            await producer.send_and_wait("orders", 1)
            await app.sleep(5)

    trace = run_alone(main, faults=[Change("topics.orders.config", at=2, value={"max_message_bytes": 5_000})])
    assert list(trace.records.outcome) == ["acked"]
