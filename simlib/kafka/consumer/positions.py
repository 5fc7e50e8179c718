"""Where a consumer is in each partition it owns. No clock.

Three marks (K72, K99): what has been fetched ahead, what has been handed to the application (the *position*), and
what is committed. They are different numbers, and most misunderstandings about Kafka confuse two of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from simlib.kafka.lane import Lane
from simlib.kafka.log import Entry

UNKNOWN = -1


@dataclass(slots=True)
class Run:
    """Consecutive records of one batch, handed over by a poll: `count` records of a lane from ordinal `start`."""

    tp: int
    lane: Lane
    start: int
    count: int
    offset: int
    appended: int

    def part(self, first: int, end: int) -> Run:
        """From the record at place `first` up to, not including, the one at `end`."""
        return Run(self.tp, self.lane, self.start + first, end - first, self.offset + first, self.appended)


@dataclass(slots=True)
class Cursor:
    """One partition of one consumer. `position`: next record the application is due; `taken`: next one a poll returns;
    `fetched`: next one to ask the broker for. They differ by what is in the application's hands and in the buffer."""

    tp: int
    position: int = UNKNOWN
    taken: int = UNKNOWN
    fetched: int = UNKNOWN
    committed: int = UNKNOWN
    buffered: deque[Entry] = field(default_factory=deque)
    fetching: bool = False
    is_aside: bool = False
    """About to be given up."""

    def seek(self, offset: int) -> None:
        """Continue at `offset`; what was fetched ahead is dropped."""
        self.position = self.taken = self.fetched = offset
        self.buffered.clear()
        self.fetching = False

    def set_aside(self) -> None:
        """Stop here: the position is committed, and the partition given up."""
        self.fetched = UNKNOWN
        self.buffered.clear()
        self.is_aside = True

    def wants_fetch(self) -> bool:
        return not self.fetching and not self.buffered and self.fetched >= 0

    def received(self, entries: list[Entry]) -> None:
        self.buffered.extend(entries)
        self.fetched = entries[-1].end

    def take(self, most: int) -> list[Run]:
        """Up to `most` records out of the buffer, as runs.

        Markers, and what a read_committed consumer is not to see, hold no records: the position goes past them.
        """
        runs: list[Run] = []
        while self.buffered and most > 0:
            entry = self.buffered[0]
            if self.taken < entry.base:  # a hole that compaction has left
                self.taken = entry.base
            lane = entry.batch.lane
            if lane is None:
                self.taken = self.buffered.popleft().end
                continue
            count = min(entry.end - self.taken, most)
            runs.append(Run(self.tp, lane, entry.batch.start + self.taken - entry.base, count, self.taken, entry.time))
            most -= count
            self.taken += count
            if self.taken == entry.end:
                self.buffered.popleft()
        return runs
