"""What a transaction holds together, who sees it, and who is shut out [K30 to K37, K70]."""

import pytest
from both import on_both
from real_shop import QUICK, SHORT, acts, shop

from simlib import (
    ConsumerGroup,
    Crash,
    LoseReply,
    Producer,
    Scenario,
    Service,
    Shutdown,
    Topic,
    TopicPartition,
    laws,
)
from simlib.services.errors import KafkaError

pytestmark = pytest.mark.slow
PAID = Topic("paid", replication_factor=3)
OFFSETS = TopicPartition("orders", 0)


def reader(name, **config):
    """A service that tells what it reads, and where it stood."""
    async def main(app):
        consumer = app.consumer("paid", group_id=name, enable_auto_commit=False, **{**QUICK, **config})
        async for payment in consumer:
            await app.effect(name, f"{payment.value}@{payment.offset}")

    return Service(name, main)


CAREFUL = reader("careful", isolation_level="read_committed")
CAREFREE = reader("carefree")


def read(trace, name):
    """What one of them has read, in order."""
    return [key for effect, key in acts(trace) if effect == name]


def times(trace, name):
    return trace.effects[trace.effects["name"] == name]["time"].tolist()


def writes(*services, **more):
    return shop(inputs=more.pop("inputs", {}), services=[*services, CAREFUL, CAREFREE],
                topics=[Topic("orders", replication_factor=3), PAID], **more)


async def two_and_two(app):
    """Two transactions of two records, the second aborted, and one more."""
    producer = app.producer(transactional_id="two")
    for last, value in ((False, "a"), (True, "b")):
        try:
            async with producer.transaction():
                await producer.send_and_wait("paid", value + "1")
                await producer.send_and_wait("paid", value + "2")
                if last:
                    raise LookupError
        except LookupError:
            pass
    async with producer.transaction():
        await producer.send_and_wait("paid", "c")


@pytest.mark.statement("K30", "K32", "K70")
@on_both
def test_all_or_nothing_for_those_who_read_committed_and_a_gap_where_the_marker_is():
    trace = yield writes(Service("two", two_and_two))
    assert read(trace, "careful") == ["a1@0", "a2@1", "c@6"]
    assert read(trace, "carefree") == ["a1@0", "a2@1", "b1@3", "b2@4", "c@6"]


async def holds_open(app):
    producer = app.producer(transactional_id="slow")
    async with producer.transaction():
        await producer.send_and_wait("paid", "in the transaction")
        await app.sleep(4)
        await app.effect("ends", "slow")


async def sends_beside(app):
    await app.sleep(2)
    await app.producer().send_and_wait("paid", "beside it")
    await app.effect("beside", "sent")


@pytest.mark.statement("K31")
@on_both
def test_an_open_transaction_holds_back_what_stands_behind_it():
    trace = yield writes(Service("slow", holds_open), Service("beside", sends_beside))
    (ends,), (sent,) = times(trace, "ends"), times(trace, "beside")
    assert read(trace, "careful") == ["in the transaction@0", "beside it@1"]
    assert all(at > ends for at in times(trace, "careful"))
    assert times(trace, "carefree")[1] < ends
    assert sent < ends


async def first_of_two(app):
    producer = app.producer(transactional_id="same")
    await producer.begin_transaction()
    await producer.send_and_wait("paid", "of the first")
    await app.sleep(4)
    try:
        await producer.commit_transaction()
        await app.effect("committed", app.name)
    except KafkaError as error:
        await app.effect("fenced", type(error).__name__)


async def second_of_two(app):
    await app.sleep(2)
    async with app.producer(transactional_id="same").transaction() as _:
        await app.effect("second", "begins")


@pytest.mark.statement("K33")
@on_both
def test_who_takes_a_transactional_id_fences_the_one_before():
    trace = yield writes(Service("first", first_of_two), Service("second", second_of_two))
    done = dict(acts(trace))
    assert done["fenced"] in ("ProducerFencedError", "InvalidProducerEpochError")
    assert "committed" not in done
    assert read(trace, "careful") == []
    assert read(trace, "carefree") == ["of the first@0"]


async def never_ends(app):
    producer = app.producer(transactional_id="lazy", transaction_timeout_ms=2_000)
    await producer.begin_transaction()
    await producer.send_and_wait("paid", "too slow")
    await app.sleep(8)
    try:
        await producer.commit_transaction()
        await app.effect("committed", app.name)
    except KafkaError:
        await app.effect("refused", app.name)


@pytest.mark.statement("K34")
@on_both
def test_a_transaction_that_takes_too_long_is_aborted_by_the_coordinator():
    trace = yield writes(Service("lazy", never_ends), Service("beside", sends_beside))
    (refused,) = times(trace, "refused")
    assert read(trace, "careful") == ["beside it@1"]
    assert times(trace, "careful")[0] < refused
    assert "committed" not in dict(acts(trace))


def paying(goes_back):
    """Reads an order, announces its payment, exactly once - if it goes back after an abort."""
    async def main(app):
        consumer = app.consumer("orders", group_id="paying", enable_auto_commit=False, **QUICK)
        producer = app.producer(transactional_id="paying")
        failed = False
        async for order in consumer:
            number = order.value["order_id"]
            try:
                async with producer.transaction():
                    await producer.send_and_wait("paid", number)
                    await producer.send_offsets_to_transaction({OFFSETS: order.offset + 1}, consumer.group_metadata())
                    if number == 1 and not failed:
                        failed = True
                        raise LookupError
            except LookupError:
                if goes_back:
                    await consumer.seek_to_committed()

    return main


def commits(trace):
    """What its transactions committed for the group, in order; an aborted one commits nothing."""
    return trace.commits[trace.commits["group"] == "paying"]["offset"].tolist()


ORDERS = {"orders": [{"value": {"order_id": number}} for number in range(3)]}


@pytest.mark.statement("K36")
@on_both
def test_after_an_abort_the_position_stays_and_the_record_is_passed_over():
    trace = yield writes(Service("paying", paying(goes_back=False)), inputs=ORDERS)
    assert [each.split("@")[0] for each in read(trace, "careful")] == ["0", "2"]
    assert commits(trace) == [1, 3]


@pytest.mark.statement("K30", "K36")
@on_both
def test_who_goes_back_to_the_committed_offset_loses_nothing():
    trace = yield writes(Service("paying", paying(goes_back=True)), inputs=ORDERS)
    assert [each.split("@")[0] for each in read(trace, "careful")] == ["0", "1", "2"]
    assert commits(trace) == [1, 2, 3]


async def charges_too(app):
    """Exactly once in Kafka, and an effect outside of it."""
    consumer = app.consumer("orders", group_id="paying", enable_auto_commit=False, **QUICK)
    producer = app.producer(transactional_id="paying")
    async for order in consumer:
        async with producer.transaction():
            await app.effect("charge", order.value["order_id"])
            await producer.send_and_wait("paid", order.value["order_id"])
            await producer.send_offsets_to_transaction({OFFSETS: order.offset + 1}, consumer.group_metadata())


@pytest.mark.statement("K37")
@on_both
def test_an_effect_outside_of_kafka_is_not_part_of_the_transaction():
    trace = yield writes(Service("paying", charges_too), inputs=ORDERS), "crash-after:paying-0.0/charge#2"
    assert read(trace, "charge") == [0, 1, 1, 2]
    assert [each.split("@")[0] for each in read(trace, "careful")] == ["0", "1", "2"]


def load(*faults, transaction_duration=1.0, **settings):
    """Ten records a second for six seconds, committed every second, read by a careful and a carefree group."""
    seller = Producer("shop", "orders", rate=10, keys=9, stop=6, transactional_id="shop",
                      transaction_duration=transaction_duration, **settings)
    groups = [ConsumerGroup(name, "orders", isolation_level=level, **QUICK)
              for name, level in (("careful", "read_committed"), ("carefree", "read_uncommitted"))]
    return Scenario(topics=[Topic("orders", 2, 3)], producers=[seller], groups=groups, faults=faults, duration=20,
                    broker_config=SHORT)


def waited(trace, group):
    """The longest time from a record's creation to its first delivery to the group (s)."""
    created = trace.records.set_index("message")["created"]
    rows = trace.deliveries.query(f"group == {group!r} and attempt == 1")
    return max(rows["time"].values - created[rows["message"]].values)


@pytest.mark.statement("K30", "K31")
@on_both
def test_a_declared_producer_s_records_wait_for_the_commit_of_their_transaction():
    trace = yield load()
    summary = trace.summary()
    assert (summary.produced, summary.in_log, summary.aborted, summary.lost) == (60, 60, 0, 0)
    assert summary.groups["careful"].delivered == summary.groups["carefree"].delivered == 60
    assert waited(trace, "careful") > waited(trace, "carefree") and waited(trace, "careful") > 0.7


@pytest.mark.statement("K33")
@on_both
def test_a_killed_declared_producer_s_open_transaction_is_aborted_when_it_is_back():
    trace = yield load(Crash("shop", at=2, restart_after=1), transaction_duration=3.0)  # on a busy machine: late
    summary = trace.summary()
    assert 5 <= summary.aborted <= 21 and summary.groups["careful"].delivered == summary.in_log
    assert summary.groups["carefree"].delivered == summary.in_log + summary.aborted
    assert laws.no_aborted_reads(trace) and laws.nothing_lost("careful")(trace)


@on_both
def test_a_clean_end_of_a_declared_producer_commits_what_is_open():
    trace = yield load(Shutdown("shop", at=3.5))
    summary = trace.summary()
    assert summary.aborted == summary.lost == 0
    assert 20 < summary.groups["careful"].delivered == summary.in_log == summary.produced < 45


@on_both
def test_a_lost_answer_to_a_commit_changes_nothing():
    trace = yield load(LoseReply("shop", "end_txn", nth=3), request_timeout_ms=3_000)
    summary = trace.summary()
    assert not summary.faults_not_fired and summary.aborted == 0 and summary.groups["careful"].delivered == 60
