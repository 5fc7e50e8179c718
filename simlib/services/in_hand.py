"""Records that a poll brought and that a service has not been handed yet."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simlib.kafka.consumer.positions import Cursor, Run


@dataclass(frozen=True, slots=True)
class ConsumerRecord:
    """One record as the application gets it; `timestamp` is in milliseconds, as in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: Any
    value: Any
    headers: tuple[tuple[str, Any], ...] = ()
    message: str = field(default="", repr=False)
    timestamp_type: int = field(default=0, repr=False)
    """0: CreateTime, 1: LogAppendTime."""


class ConsumerGroupMetadata(NamedTuple):
    """Who a consumer is in its group, for `send_offsets_to_transaction` (KIP-447)."""

    group_id: str
    generation_id: int
    member_id: str
    group_instance_id: str | None


class InHand:
    """In the order in which they came. Taking some moves their partitions' positions."""

    def __init__(self, cursors: dict[int, Cursor]) -> None:
        self._cursors = cursors
        self._runs: deque[Run] = deque()
        self._taken: list[Run] = []

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def first(self) -> int:
        """The partition of the record that is next."""
        return self._runs[0].tp

    def has(self, wanted: Collection[int]) -> bool:
        """Is there a record of one of these partitions (of any, if none is named)?"""
        return any(not wanted or run.tp in wanted for run in self._runs)

    def add(self, runs: list[Run]) -> None:
        self._runs.extend(runs)

    def drop(self, tps: Collection[int]) -> None:
        """Partitions that are read by others from now on, or from elsewhere."""
        self._runs = deque(run for run in self._runs if run.tp not in tps)

    def take_one(self, one_by_one: bool) -> Run:
        """The next record. The position moves before anybody has seen it: past it, or past its poll (K77, K78)."""
        run = self._runs.popleft()
        if run.count > 1:
            self._runs.appendleft(run.part(1, run.count))
        cursor = self._cursors[run.tp]
        cursor.position = run.offset + 1 if one_by_one else cursor.taken
        self._taken = [run.part(0, 1)]
        return self._taken[0]

    def take(self, wanted: Collection[int], most: int | None) -> list[Run]:
        """The first records of these partitions. The position is behind them, and before those that stay."""
        self._taken, left = [], sys.maxsize if most is None else most
        runs, self._runs = self._runs, deque()
        for run in runs:
            count = 0 if wanted and run.tp not in wanted else min(run.count, left)
            left -= count
            if count:
                self._taken.append(run.part(0, count))
            if count < run.count:
                self._runs.append(run.part(count, run.count))
        for run in self._taken:
            self._cursors[run.tp].position = run.offset + run.count
        self.not_taken()
        return self._taken

    def not_taken(self) -> None:
        """The positions are before what is still in hand."""
        for run in reversed(self._runs):
            self._cursors[run.tp].position = run.offset

    def again(self) -> None:
        """Hand the same over once more, as a broker does that never heard of the commit."""
        self._runs.extendleft(reversed(self._taken))
