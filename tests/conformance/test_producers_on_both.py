"""Where a record goes, what its producer is told, and what a lost reply does [K01 to K47a, K71, K100]."""

import itertools

import pytest
from both import on_both
from real_shop import QUICK, SHORT, acts, shop

from simlib import AddPartitions, LoseReply, LoseRequest, Producer, Scenario, Service, Topic
from simlib.kafka.partitioner import keyed_partition
from simlib.services.errors import KafkaError

pytestmark = pytest.mark.slow


def sends(*records, **config):
    """A service that sends these records one after the other, and tells what came of each."""
    async def main(app):
        async with app.producer(**config) as producer:
            for record in records:
                try:
                    answer = await producer.send_and_wait(**{"topic": "orders", "value": 1, **record})
                    await app.effect("sent", f"{answer.topic}-{answer.partition}@{answer.offset}")
                except KafkaError as error:
                    await app.effect("refused", type(error).__name__)
        await app.sleep(1)  # what goes out with acks=0 is not on its way yet when send returns

    return main


def sent(*topics, faults=(), main, **more):
    """One service, `shop`, that sends; nobody reads."""
    return shop(topics=topics or [Topic("orders", replication_factor=3)], inputs={}, faults=faults,
                services=[Service("shop", main)], **more)


def told(trace):
    """What the producer was told, in order."""
    return [key if name == "sent" else name for name, key in acts(trace)]


def in_order(trace):
    """The records in the order in which they were sent."""
    return trace.records.sort_values("created", kind="stable")


@pytest.mark.statement("K39", "K40", "K41", "K47a")
@on_both
def test_a_key_s_bytes_decide_the_partition_and_a_number_wins_over_them():
    four = [{"topic": "four", "key": key} for key in ("order-1", "order-2", "bob", "")]
    six = [{"topic": "six", "key": key} for key in ("42", (42).to_bytes(4, "big"), (42).to_bytes(8, "big"))]
    trace = yield sent(Topic("four", partitions=4, replication_factor=3), Topic("six", 6, replication_factor=3),
                       main=sends(*four, *six, {"topic": "four", "key": "bob", "partition": 0}))
    assert told(trace) == ["four-2@0", "four-3@0", "four-2@1", "four-1@0", "six-4@0", "six-0@0", "six-4@1", "four-0@0"]


@pytest.mark.statement("K44a")
@on_both
def test_null_keys_are_spread_record_by_record():
    trace = yield Scenario([Topic("orders", partitions=4, replication_factor=3)], broker_config=SHORT, duration=6,
                           producers=[Producer("shop", "orders", rate=100, stop=4)])
    partitions = in_order(trace)["partition"].tolist()
    assert len(partitions) == 400
    assert all(50 < partitions.count(number) < 150 for number in range(4))
    stays = sum(one == next_one for one, next_one in itertools.pairwise(partitions))
    assert 50 < stays < 150


KEYS = [f"customer-{n}" for n in range(8)]


async def sends_before_and_after(app):
    producer = app.producer(metadata_max_age_ms=500)
    for key in KEYS:
        await producer.send_and_wait("orders", 1, key=key)
    await app.sleep(5)
    for key in KEYS:
        await producer.send_and_wait("orders", 2, key=key)


@pytest.mark.statement("K46a")
@on_both
def test_a_topic_that_grows_sends_keys_elsewhere():
    trace = yield sent(Topic("orders", partitions=2, replication_factor=3), main=sends_before_and_after,
                       faults=[AddPartitions("orders", at=2, to=4)])
    before, after = (in_order(trace).query(f"value == {value}")["partition"].tolist() for value in (1, 2))
    assert before == [keyed_partition(key.encode(), 2) for key in KEYS]
    assert after == [keyed_partition(key.encode(), 4) for key in KEYS]
    assert before != after


@pytest.mark.statement("K01")
@on_both
def test_with_acks_0_nobody_knows_the_offset():
    trace = yield sent(main=sends({}, {}, acks=0))
    assert told(trace) == ["orders-0@-1", "orders-0@-1"]
    assert trace.records["offset"].tolist() == [0, 1]


@pytest.mark.statement("K09")
@on_both
def test_without_idempotence_a_lost_reply_means_two_copies():
    trace = yield sent(main=sends({}, {}, {}, enable_idempotence=False), faults=[LoseReply("shop-0", "produce", nth=2)])
    assert in_order(trace)["copies"].tolist() == [1, 2, 1]
    assert [name for name, _ in acts(trace)] == ["sent"] * 3


@pytest.mark.statement("K22")
@on_both
def test_acks_1_switches_idempotence_off_without_a_word():
    trace = yield sent(main=sends({}, {}, {}, acks=1), faults=[LoseReply("shop-0", "produce", nth=2)])
    assert in_order(trace)["copies"].tolist() == [1, 2, 1]


@pytest.mark.statement("K17")
@on_both
def test_with_idempotence_a_lost_reply_means_one_copy_and_its_first_offset():
    trace = yield sent(main=sends({}, {}, {}), faults=[LoseReply("shop-0", "produce", nth=2)])
    assert trace.records["copies"].tolist() == [1, 1, 1]
    assert told(trace) == ["orders-0@0", "orders-0@1", "orders-0@2"]


@pytest.mark.statement("K19")
@on_both
def test_who_sends_the_same_twice_has_sent_two_records():
    trace = yield sent(main=sends({"key": "a", "value": "same"}, {"key": "a", "value": "same"}))
    assert told(trace) == ["orders-0@0", "orders-0@1"]


@pytest.mark.statement("K29")
@on_both
def test_without_retries_one_lost_request_is_one_lost_record():
    careless = {"enable_idempotence": False, "retries": 0, "request_timeout_ms": 3_000}
    trace = yield sent(main=sends({}, {}, {}, **careless), faults=[LoseRequest("shop-0", "produce", nth=2)])
    assert [name for name, _ in acts(trace)] == ["sent", "refused", "sent"]
    assert in_order(trace)["copies"].tolist() == [1, 0, 1]


@pytest.mark.statement("K71")
@on_both
def test_a_record_from_the_future_is_refused():
    """Without idempotence: see tests/real/test_real_clients.py."""
    records = {"timestamp_ms": 2 * 3_600_000}, {"timestamp_ms": 1_000}
    trace = yield sent(main=sends(*records, enable_idempotence=False))
    assert acts(trace) == [("refused", "InvalidTimestampError"), ("sent", "orders-0@0")]


@pytest.mark.statement("K68")
@on_both
def test_a_compacted_topic_takes_no_record_without_a_key():
    compacted = Topic("orders", replication_factor=3, config={"cleanup_policy": "compact"})
    trace = yield sent(compacted, main=sends({}, {"key": "a"}, enable_idempotence=False))
    assert acts(trace) == [("refused", "InvalidRecordError"), ("sent", "orders-0@0")]


async def reads_all(app):
    async for order in app.consumer("orders", group_id="reading", enable_auto_commit=False, **QUICK):
        await app.effect("read", order.value)


async def sends_forty(app):
    """Five at a time."""
    producer = app.producer()
    for number in range(40):
        await producer.send("orders", number)
        if number % 5 == 4:
            await app.sleep(0.05)
    await producer.flush()


@pytest.mark.statement("K100")
@on_both
def test_the_records_of_one_producer_in_one_partition_keep_their_order():
    trace = yield shop(inputs={}, services=[Service("shop", sends_forty), Service("reading", reads_all)])
    assert [key for _, key in acts(trace)] == [*range(40)]


FAILS_TWICE = [LoseRequest("shop-0", "produce", nth=2), LoseReply("shop-0", "produce", nth=3)]


@pytest.mark.statement("K27")
@on_both
def test_with_idempotence_what_is_tried_again_keeps_its_order_and_its_number():
    trace = yield shop(inputs={}, faults=FAILS_TWICE,
                       services=[Service("shop", sends_forty), Service("reading", reads_all)])
    assert [key for _, key in acts(trace)] == [*range(40)]
    assert not trace.summary().faults_not_fired


@pytest.mark.statement("K15")
@on_both
def test_a_batch_that_is_too_large_is_split():
    """Ten records of 300 bytes are ready together; the topic takes batches of a thousand."""
    small = Topic("orders", replication_factor=3, config={"max_message_bytes": 1_000})
    load = Producer("shop", "orders", rate=100, value_bytes=300, records=10, linger_ms=500)
    trace = yield Scenario([small], producers=[load], broker_config=SHORT, duration=4)
    assert trace.records["copies"].tolist() == [1] * 10
    assert trace.records["offset"].tolist() == [*range(10)]


async def reads_by_seven(app):
    consumer = app.consumer("orders", group_id="reading", max_poll_records=7, **QUICK)
    found = 0
    while found < 40:
        records = await consumer.getmany(timeout_ms=1_000)
        count = sum(map(len, records.values()))
        found += count
        if count:
            await app.effect("polled", count)


@pytest.mark.statement("K101")
@on_both
def test_a_poll_brings_no_more_than_it_may():
    trace = yield shop(inputs={}, services=[Service("shop", sends_forty), Service("reading", reads_by_seven, start=3)])
    assert [key for _, key in acts(trace)] == [7, 7, 7, 7, 7, 5]


@pytest.mark.statement("K101")
@on_both
def test_a_consumer_that_waits_is_given_a_record_at_once():
    rows = [{"value": 1, "at": at} for at in (0, 5, 6.3, 7.6)]
    trace = yield shop(inputs={"orders": rows}, services=[Service("reading", reads_all)])
    waited = (trace.deliveries["time"] - trace.records["acked"]).tolist()[1:]
    assert len(waited) == 3
    assert sorted(waited)[1] < 0.2
