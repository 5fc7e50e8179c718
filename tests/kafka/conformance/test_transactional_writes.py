"""K30-K38: all or nothing, what a read_committed consumer sees, who is fenced. Each test is a run."""

import pytest
from transaction_scenarios import ended, handed, said, when, written_by

from simlib import Crash, laws
from simlib.scenario.errors import ConfigError
from simlib.scenario.settings import resolve_producer

both_clients = pytest.mark.parametrize("client", ["kafka-python", "java"])


async def opened(app, name, value, **settings):
    """A producer that has sent one record in a transaction and leaves it open."""
    producer = app.producer(transactional_id=name, **settings)
    await producer.begin_transaction()
    await producer.send_and_wait("out", value)
    return producer


async def tell(app, name, act):
    """What came of it, told to the outside world."""
    try:
        await act()
        await app.effect(name, "done")
    except Exception as error:
        await app.effect(name, type(error).__name__)


async def two_then_one(app):
    """Commits 0 and 1, aborts 2, commits 3."""
    producer = app.producer(transactional_id="w")
    async with producer.transaction():
        for value in (0, 1):
            await producer.send("out", value, partition=value)
    await producer.begin_transaction()
    await producer.send_and_wait("out", 2, partition=0)
    await producer.abort_transaction()
    async with producer.transaction():
        await producer.send("out", 3, partition=0)


@pytest.mark.statement("K30", "K32")
@both_clients
def test_a_committed_transaction_is_seen_and_an_aborted_one_only_by_who_did_not_ask(client):
    trace = written_by(two_then_one, client=client, partitions=2)
    assert sorted(handed(trace, "wary")) == [0, 1, 3] and sorted(handed(trace, "open")) == [0, 1, 2, 3]
    assert list(trace.records.sort_values("value").outcome) == ["acked", "acked", "aborted", "acked"]
    assert laws.no_aborted_reads(trace) and laws.conservation(trace)


@pytest.mark.statement("K30")
@both_clients
def test_every_marker_takes_an_offset_in_every_partition(client):
    trace = written_by(two_then_one, client=client, partitions=2)
    offsets = trace.records.sort_values("value")[["value", "partition", "offset"]].values.tolist()
    assert offsets == [[0, 0, 0], [1, 1, 0], [2, 0, 2], [3, 0, 4]]
    markers = trace.data.column("log_markers", "offset")
    assert sorted(markers) == [1, 1, 3, 5]
    assert {name: group.lag for name, group in trace.summary().groups.items()} == {"wary": 0, "open": 0}


@pytest.mark.statement("K30")
def test_all_of_a_transaction_is_handed_over_after_its_commit_and_in_the_order_of_the_partition():
    async def main(app):
        producer = app.producer(transactional_id="w")
        await producer.begin_transaction()
        for value in range(5):
            await producer.send_and_wait("out", value)
            await app.sleep(1)
        await app.effect("commits", app.now)
        await producer.commit_transaction()

    trace = written_by(main)
    assert handed(trace, "wary") == list(range(5))
    assert when(trace, "open", 0) < 1 and when(trace, "wary", 0) > said(trace, "commits")[0] > 5


@pytest.mark.statement("K31")
@both_clients
def test_behind_an_open_transaction_nothing_is_read_not_even_what_is_in_none(client):
    async def main(app):
        plain = app.producer()
        await plain.send_and_wait("out", "before")
        slow = await opened(app, "slow", "slow")
        await plain.send_and_wait("out", "after")
        await app.sleep(20)
        await slow.abort_transaction()

    trace = written_by(main, client=client)
    assert handed(trace, "wary") == ["before", "after"] and handed(trace, "open") == ["before", "slow", "after"]
    assert when(trace, "open", "after") < 1 and 20 < when(trace, "wary", "after") < 21
    assert max(trace.lag[(trace.lag.group == "wary") & (trace.lag.time < 20)].lag) == 1


@pytest.mark.statement("K31")
@both_clients
def test_the_end_of_the_log_is_the_last_stable_offset_for_who_reads_what_is_committed(client):
    async def main(app):
        producer = await opened(app, "slow", "open")
        for level in ("read_committed", "read_uncommitted"):
            consumer = app.consumer("out", group_id=level, isolation_level=level, auto_offset_reset="earliest")
            found = await consumer.end_offsets([("out", 0)])
            await app.effect(level, list(found.values())[0])
        await producer.commit_transaction()

    trace = written_by(main, client=client)
    assert said(trace, "read_committed") == [0] and said(trace, "read_uncommitted") == [1]


async def older(app):
    producer = await opened(app, "w", "older")
    await app.sleep(10)
    for what, act in (("send", lambda: producer.send_and_wait("out", "late")),
                      ("commit", producer.commit_transaction), ("abort", producer.abort_transaction),
                      ("begin", producer.begin_transaction)):
        await tell(app, f"{what} told", act)


async def newer(app):
    await app.sleep(5)
    producer = app.producer(transactional_id="w")
    await producer.init_transactions()
    await app.effect("initialised", round(app.now, 1))
    async with producer.transaction():
        await producer.send("out", "newer")


@pytest.mark.statement("K33")
@both_clients
def test_a_newer_producer_aborts_the_older_one_s_transaction_and_fences_it(client):
    trace = written_by(older, more=[("taker", newer)], client=client)
    assert handed(trace, "wary") == ["newer"] and said(trace, "initialised")[0] in (5.1, 5.2)
    assert [how for _, how in ended(trace)] == ["w aborted: fenced by a newer producer", "w committed: by its producer"]
    errors = [said(trace, f"{what} told")[0] for what in ("send", "commit", "abort", "begin")]
    assert errors[0] == "InvalidProducerEpochError" and errors[2:] == ["ProducerFencedError", "ProducerFencedError"]
    assert errors[1] in ("InvalidProducerEpochError", "ProducerFencedError")


@pytest.mark.statement("K33")
@both_clients
def test_a_commit_of_the_older_one_is_fenced_too(client):
    async def main(app):
        producer = await opened(app, "w", "older")
        await app.sleep(10)
        await tell(app, "told", producer.commit_transaction)

    trace = written_by(main, more=[("taker", newer)], client=client)
    assert said(trace, "told") == ["ProducerFencedError"] and handed(trace, "wary") == ["newer"]


@pytest.mark.statement("K33")
@both_clients
def test_a_producer_that_died_in_its_transaction_aborts_it_when_it_is_back(client):
    async def main(app):
        producer = app.producer(transactional_id=app.name)
        async with producer.transaction():
            await producer.send_and_wait("out", app.now > 1)

    trace = written_by(main, client=client, faults=[Crash("writer-0", after="send", restart_after=2)])
    assert handed(trace, "wary") == [True] and handed(trace, "open") == [False, True]
    assert [how.split(": ")[1] for _, how in ended(trace)] == ["fenced by a newer producer", "by its producer"]
    assert sorted(trace.records.outcome) == ["aborted", "acked"]


@pytest.mark.statement("K34")
@both_clients
def test_a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_fenced(client):
    async def main(app):
        plain, producer = app.producer(), await opened(app, "w", "slow", transaction_timeout_ms=15_000)
        await plain.send_and_wait("out", "plain")
        await app.sleep(40)
        await tell(app, "told", producer.commit_transaction)

    trace = written_by(main, client=client)
    ((time, how),) = ended(trace)
    assert how == "w aborted: timed out" and 15 < time < 26  # the next scan after 15 s; one every 10 s
    assert said(trace, "told") == ["ProducerFencedError"] and handed(trace, "wary") == ["plain"]
    assert when(trace, "wary", "plain") == pytest.approx(time, abs=0.1)


@pytest.mark.statement("K34")
def test_a_producer_that_nobody_misses_keeps_a_run_alive_until_its_transaction_has_ended():
    async def main(app):
        await opened(app, "w", "forgotten")

    trace = written_by(main)
    assert trace.ended == "quiet" and 60 < trace.ended_at < 80
    assert list(trace.records.outcome) == ["aborted"] and handed(trace, "wary") == []


@pytest.mark.statement("K35")
@pytest.mark.parametrize(("client", "epochs"), [("kafka-python", [0, 0, 0]), ("java", [1, 2, 3])])
def test_a_new_client_s_epoch_is_raised_with_every_transaction(client, epochs):
    trace = written_by(two_then_one, client=client, partitions=2)
    assert list(trace.control[trace.control.kind == "transaction_ended"].b) == epochs


async def transform(app, commit):
    """Copies orders to out in transactions; the first is aborted by hand."""
    producer = app.producer(transactional_id=app.name)
    async with app.producer() as inputs:
        for value in range(3):
            await inputs.send("orders", value)
    consumer = app.consumer("orders", group_id="copy", enable_auto_commit=False, auto_offset_reset="earliest",
                            isolation_level="read_committed")
    for attempt in range(3 + ("seek" in commit)):
        order = await consumer.getone()
        await producer.begin_transaction()
        await producer.send("out", order.value)
        where = {(order.topic, order.partition): order.offset + 1}
        await producer.send_offsets_to_transaction(where, consumer.group_metadata())
        if attempt == 0:
            await producer.abort_transaction()
            if "seek" in commit:
                await consumer.seek_to_committed()
        else:
            await producer.commit_transaction()
    await app.effect("position", consumer.position((order.topic, order.partition)))


@pytest.mark.statement("K36")
@both_clients
def test_after_an_abort_the_consumer_goes_on_where_it_was(client):
    async def main(app):
        await transform(app, "without")

    trace = written_by(main, client=client)
    assert handed(trace, "wary") == [1, 2]  # 0 was aborted, and is never read again
    assert said(trace, "position") == [3]
    assert list(trace.commits[trace.commits.group == "copy"].offset) == [2, 3]


@pytest.mark.statement("K36")
@both_clients
def test_who_seeks_back_to_the_committed_offset_leaves_nothing_out(client):
    async def main(app):
        await transform(app, "seek")

    trace = written_by(main, client=client)
    assert handed(trace, "wary") == [0, 1, 2] and said(trace, "position") == [3]
    assert list(trace.commits[trace.commits.group == "copy"].offset) == [1, 2, 3]
    assert laws.commit_never_ahead_of_delivery(trace)


@pytest.mark.statement("K37")
@both_clients
def test_an_effect_is_outside_of_the_transaction(client):
    async def main(app):
        producer = app.producer(transactional_id=app.name)
        async with producer.transaction():
            await producer.send("out", "paid")
            await app.effect("charge", "order 1")

    trace = written_by(main, client=client, faults=[Crash("writer-0", after="charge", restart_after=1)])
    assert said(trace, "charge") == ["order 1", "order 1"] and handed(trace, "wary") == ["paid"]
    assert laws.at_most_once("charge")(trace).broken


@pytest.mark.statement("K38")
@both_clients
@pytest.mark.parametrize("settings", [{"enable_idempotence": False}, {"acks": 1}, {"retries": 0}])
def test_a_transactional_id_needs_idempotence(client, settings):
    with pytest.raises(ConfigError, match="idempotence"):
        resolve_producer(client, {"transactional_id": "w", **settings})
    assert resolve_producer(client, {"transactional_id": "w"}).enable_idempotence
