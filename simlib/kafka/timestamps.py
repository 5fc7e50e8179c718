"""Record timestamps, in ms as in Kafka: the producer's (CreateTime) or the leader's at the append (LogAppendTime)."""

from __future__ import annotations

from typing import Any

from simlib.kafka.lane import Batch, Lane
from simlib.kafka.log import Entry
from simlib.units import MS

LOG_APPEND_TIME = "LogAppendTime"


def largest(entry: Entry, kind: str) -> int:
    """The largest timestamp in a batch: retention and segments go by it."""
    batch = entry.batch
    if kind == LOG_APPEND_TIME or batch.lane is None:
        return entry.time // MS
    if not batch.lane.stamps:
        return batch.lane.created[batch.start + batch.count - 1] // MS
    return max(batch.lane.timestamp(ordinal) for ordinal in range(batch.start, batch.start + batch.count))


def first_at_or_after(entries: list[Entry], timestamp: int, kind: str) -> tuple[int, int] | None:
    """(offset, timestamp) of the first record of a log that is not older; None if all are."""
    for entry in entries:
        lane = entry.batch.lane
        if lane is None or largest(entry, kind) < timestamp:
            continue
        for i in range(entry.batch.count):
            stamp = entry.time // MS if kind == LOG_APPEND_TIME else lane.timestamp(entry.batch.start + i)
            if stamp >= timestamp:
                return entry.base + i, stamp
    return None


def refused(batch: Batch, lane: Lane, settings: Any, now: int) -> bool:
    """Whether a CreateTime is further ahead or behind than the topic allows: INVALID_TIMESTAMP (K71)."""
    if settings.message_timestamp_type == LOG_APPEND_TIME:
        return False
    ahead = now // MS + settings.message_timestamp_after_max_ms
    behind = now // MS - settings.message_timestamp_before_max_ms
    chosen = [lane.timestamp(ordinal) for ordinal in range(batch.start, batch.start + batch.count)]
    return max(chosen) > ahead or min(chosen) < behind
