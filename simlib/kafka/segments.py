"""A log in segments: retention and compaction go by whole segments, and leave the last one, the active one, alone.

Where segments end follows from the batches and the settings, so that nothing is done at an append: segments catch up
with their log when somebody looks. No clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlib.kafka.log import NO_CUT, Entry, Log
from simlib.kafka.timestamps import largest


@dataclass(slots=True)
class Segment:
    """Offsets `base` to `end`, the end not included; timestamps in ms, of its first batch and the largest."""

    base: int
    end: int
    size: int
    first: int
    largest: int


class Segments:
    """The segments of one replica's log, the oldest first."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.all: list[Segment] = []
        self.end = log.start
        self.first_dirty = log.start
        """The cleaner's checkpoint: what is before has no two records of one key."""

    def catch_up(self, settings: Any) -> None:
        """Follow the log: what it discarded at either end, and what was appended since."""
        self._cut_back()
        while self.all and self.all[0].end <= self.log.start:
            del self.all[0]
        self.first_dirty = max(self.first_dirty, self.log.start)
        self.end = max(self.end, self.log.start)
        for entry in self.log.entries[self.log.place_of(self.end):]:
            self._take(entry, largest(entry, settings.message_timestamp_type), settings)
        self.end = self.log.end

    def _cut_back(self) -> None:
        """After a truncation; the segment that was cut in two is measured again."""
        self.first_dirty = min(self.first_dirty, self.log.cut)
        if self.log.cut < self.end:
            self.all = [segment for segment in self.all if segment.base < self.log.cut]
            self.end = self.log.cut
            if self.all and self.all[-1].end > self.log.cut:
                last = self.all[-1]
                self.all[-1] = Segment(last.base, last.base, 0, last.first, last.first)
                self.end = last.base
        self.log.cut = NO_CUT

    def _take(self, entry: Entry, stamp: int, settings: Any) -> None:
        """A batch that has no room in the active segment, or is too much younger, begins another (segment.ms)."""
        size = entry.batch.size
        active = self.all[-1] if self.all else None
        if active is None or (active.size and (active.size + size > settings.segment_bytes
                                               or stamp - active.first > settings.longest_segment_ms)):
            active = Segment(entry.base, entry.base, 0, stamp, stamp)
            self.all.append(active)
        active.end, active.size = entry.end, active.size + size
        active.largest = max(active.largest, stamp)

    def cleaned(self, end: int, settings: Any) -> None:
        """The cleaner has rewritten the closed segments before `end`; neighbours become one where they have room."""
        count = sum(one.base < end for one in self.all[:-1])
        groups: list[list[Segment]] = []
        for segment in self.all[:count]:
            if groups and sum(one.size for one in groups[-1]) + segment.size <= settings.segment_bytes:
                groups[-1].append(segment)
            else:
                groups.append([segment])
        self.all[:count] = [self._joined(group, settings) for group in groups]
        self.first_dirty = end

    def _joined(self, group: list[Segment], settings: Any) -> Segment:
        log, base, end = self.log, group[0].base, group[-1].end
        entries = log.entries[log.place_of(base):log.place_of(end)]
        stamps = [largest(entry, settings.message_timestamp_type) for entry in entries]
        oldest = max(one.largest for one in group)
        return Segment(base, end, sum(entry.batch.size for entry in entries), (stamps or [oldest])[0],
                       max(stamps, default=oldest))

    def end_of_oldest(self, count: int) -> int:
        """Where the log begins without its `count` oldest segments."""
        return self.all[count].base if count < len(self.all) else self.end
