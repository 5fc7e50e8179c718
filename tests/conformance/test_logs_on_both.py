"""What is left of a log: compaction and retention [K62 to K70]."""

import pytest
from both import on_both
from real_shop import QUICK, acts, shop

from simlib import Producer, Service, Topic, TopicPartition

pytestmark = pytest.mark.slow
ORDERS = TopicPartition("orders", 0)
COMPACTED = {"cleanup_policy": "compact", "segment_ms": 500, "min_cleanable_dirty_ratio": 0.01}
"""A new segment twice a second; closed ones are compacted as soon as the cleaner comes."""

SHORT_LIVED = {"retention_ms": 2_000, "segment_ms": 500}


def topic(**config):
    return Topic("orders", replication_factor=3, config=config)


def rows(*given):
    """(at, key, value)"""
    return {"orders": [{"at": at, "key": key, "value": value} for at, key, value in given]}


async def reads(app):
    consumer = app.consumer("orders", group_id=app.name, enable_auto_commit=False, **QUICK)
    async for order in consumer:
        await app.effect("read", (order.offset, order.key, order.value))


def read(trace):
    return [tuple(key) for name, key in acts(trace) if name == "read"]


CHANGES = rows((0, "a", 1), (0.1, "b", 1), (0.8, "a", 2), (1.6, "c", 1), (2.4, "a", 3), (3.2, "b", None),
               (4, "d", 1), (12, "z", 1))


@pytest.mark.statement("K66", "K67", "K70")
@on_both
def test_compaction_keeps_the_last_value_of_each_key_and_its_place():
    trace = yield shop(topics=[topic(**COMPACTED)], inputs=CHANGES, services=[Service("late", reads, start=11)])
    assert read(trace) == [(3, "c", 1), (4, "a", 3), (5, "b", None), (6, "d", 1), (7, "z", 1)]


@pytest.mark.statement("K66")
@on_both
def test_who_reads_in_time_sees_what_is_compacted_later():
    trace = yield shop(topics=[topic(**COMPACTED)], inputs=CHANGES, services=[Service("early", reads)])
    assert [offset for offset, *_ in read(trace)] == [*range(8)]


async def stays_behind(app):
    """Reads one, commits, and comes back when the rest has been deleted."""
    config = {**QUICK, "enable_auto_commit": False, "group_id": "late"}
    if app.now < 5:
        async with app.consumer("orders", **config) as consumer:
            order = await consumer.getone()
            await app.effect("read", (order.offset, order.key, order.value))
            await consumer.commit()
        await app.sleep(12)
    async for order in app.consumer("orders", **config):
        await app.effect("read", (order.offset, order.key, order.value))


@pytest.mark.statement("K61", "K62", "K65")
@on_both
def test_what_retention_has_deleted_is_skipped_even_by_a_group_with_a_commit():
    given = rows((0, "a", 1), (0.1, "b", 1), (0.2, "c", 1), (16, "d", 1))
    trace = yield shop(topics=[topic(**SHORT_LIVED)], inputs=given, services=[Service("late", stays_behind)])
    assert read(trace) == [(0, "a", 1), (3, "d", 1)]


@pytest.mark.statement("K63")
@on_both
def test_of_a_log_that_is_too_large_the_oldest_segments_go():
    """Sixty records of 100 kB; two million bytes are to stay, in segments of one."""
    limited = topic(retention_bytes=2_000_000, segment_bytes=1_048_576)
    load = Producer("shop", "orders", rate=20, value_bytes=100_000, stop=3)
    trace = yield shop(topics=[limited], inputs={}, producers=[load], services=[Service("asks", asks)], duration=10)
    begins, ends = map(int, acts(trace)[-1][1].split("-"))
    assert ends == 60
    assert 20 <= ends - begins <= 31


async def tells_times(app):
    """Sends a record that claims to be of second 1, at second 3 or later, and tells the time it is read with."""
    await app.sleep(3)
    await app.producer().send_and_wait("orders", 1, timestamp_ms=1_000)
    async for order in app.consumer("orders", group_id="late", **QUICK):
        await app.effect("type", order.timestamp_type)
        await app.effect("own time", order.timestamp == 1_000)
        await app.effect("time of writing", order.timestamp >= 3_000)
        return


@pytest.mark.statement("K71a")
@on_both
def test_a_record_carries_its_own_time_or_that_of_its_writing():
    for kind, number in (("CreateTime", 0), ("LogAppendTime", 1)):
        trace = yield shop(topics=[topic(message_timestamp_type=kind)], inputs={},
                           services=[Service("late", tells_times)])
        assert acts(trace) == [("type", number), ("own time", not number), ("time of writing", bool(number))]


async def asks(app):
    """Where the log begins, again and again."""
    consumer = app.consumer("orders", group_id="asks", enable_auto_commit=False, **QUICK)
    for _ in range(5):
        await app.sleep(4)
        begins = await consumer.beginning_offsets([ORDERS])
        ends = await consumer.end_offsets([ORDERS])
        await app.effect("log", f"{begins[ORDERS]}-{ends[ORDERS]}")


@pytest.mark.statement("K62")
@on_both
def test_an_idle_topic_becomes_empty():
    trace = yield shop(topics=[topic(**SHORT_LIVED)], inputs=rows((0, "a", 1), (0.1, "b", 1)),
                       services=[Service("asks", asks, restart_after=None)])
    found = [key for _, key in acts(trace)]
    assert found[-1] == "2-2"
