"""What stands in a run's topics at its end, and what of it was taken back with its transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from simlib.real.errors import RealRunError
from simlib.real.worker.records import carried
from simlib.scenario.scenario import Scenario

PATIENCE = 30.0
"""Seconds without a record."""


class FinalLogs(NamedTuple):
    """`rows`: (topic, partition, offset, message); `aborted`: (topic, partition, offset) of those taken back."""

    rows: list[tuple[str, int, int, str]]
    aborted: set[tuple[str, int, int]]


def read_final_logs(client: dict[str, Any], scenario: Scenario, prefix: str) -> FinalLogs:
    """Read twice where there were transactions: what a careful reader is not given was aborted (K30)."""
    rows, ends = _read(client, scenario, prefix, "read_uncommitted")
    if not _has_gaps(rows, ends):
        return FinalLogs(rows, set())
    committed, stable = _read(client, scenario, prefix, "read_committed")
    places = {row[:3] for row in rows if row[2] < stable[row[:2]]}  # behind that, something is still open
    return FinalLogs(rows, places - {row[:3] for row in committed})


def _has_gaps(rows: list[tuple[str, int, int, str]], ends: dict[tuple[str, int], int]) -> bool:
    """The end of a transaction takes an offset, and gives a reader nothing (K70)."""
    there = {row[:3] for row in rows}
    first = {place: min((row[2] for row in rows if row[:2] == place), default=0) for place in ends}
    return any((*place, offset) not in there for place, end in ends.items() for offset in range(first[place], end))


def _read(client: dict[str, Any], scenario: Scenario, prefix: str, isolation: str
          ) -> tuple[list[tuple[str, int, int, str]], dict[tuple[str, int], int]]:
    """All records that such a reader is given; and by (topic, partition), where its reading ends."""
    from kafka import KafkaConsumer, TopicPartition

    with KafkaConsumer(**client, auto_offset_reset="earliest", enable_auto_commit=False,
                       isolation_level=isolation) as consumer:
        mine = [TopicPartition(prefix + topic.name, number) for topic in scenario.topics
                for number in sorted(consumer.partitions_for_topic(prefix + topic.name) or ())]
        ends = consumer.end_offsets(mine)
        consumer.assign(mine)
        consumer.seek_to_beginning()
        rows = [(record.topic.removeprefix(prefix), record.partition, record.offset, carried(record.headers).message)
                for record in _records(consumer, ends)]
    return rows, {(tp.topic.removeprefix(prefix), tp.partition): end for tp, end in ends.items()}


def _records(consumer: Any, ends: dict[Any, int]) -> Iterator[Any]:
    """Up to the ends. Raises RealRunError where brokers fall silent: what was not read would be called lost."""
    heard = time.monotonic()
    while left := {tp: end for tp, end in ends.items() if consumer.position(tp) < end}:
        found = consumer.poll(timeout_ms=200)
        if found:
            heard = time.monotonic()
        elif time.monotonic() - heard > PATIENCE:
            stands = ", ".join(f"{tp}: {consumer.position(tp)} of {end}" for tp, end in left.items())
            raise RealRunError(f"the topics of this run cannot be read to their ends, {PATIENCE:g} s without a record "
                               f"({stands}). Do all brokers run? Run once more when they do")
        for records in found.values():
            yield from records
