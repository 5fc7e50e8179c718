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

    def catch_up(self, settings: Any) -> None:
        """Follow the log: what it discarded at either end, and what was appended since."""
        self._cut_back()
        while self.all and self.all[0].end <= self.log.start:
            del self.all[0]
        self.end = max(self.end, self.log.start)
        for entry in self.log.entries[self.log.place_of(self.end):]:
            self._take(entry, largest(entry, settings.message_timestamp_type), settings)
        self.end = self.log.end

    def _cut_back(self) -> None:
        """After a truncation; the segment that was cut in two is measured again."""
        if self.log.cut < self.end:
            self.all = [segment for segment in self.all if segment.base < self.log.cut]
            self.end = self.log.cut
            if self.all:
                last = self.all[-1]
                self.all[-1] = Segment(last.base, last.base, 0, last.first, last.first)
                self.end = last.base
        self.log.cut = NO_CUT

    def _take(self, entry: Entry, stamp: int, settings: Any) -> None:
        """A batch that has no room in the active segment, or is too much younger, begins another (segment.ms)."""
        size = entry.batch.size
        active = self.all[-1] if self.all else None
        if active is None or (active.size and (active.size + size > settings.segment_bytes
                                               or stamp - active.first > settings.segment_ms)):
            active = Segment(entry.base, entry.base, 0, stamp, stamp)
            self.all.append(active)
        active.end, active.size = entry.end, active.size + size
        active.largest = max(active.largest, stamp)

    def end_of_oldest(self, count: int) -> int:
        """Where the log begins without its `count` oldest segments."""
        return self.all[count].base if count < len(self.all) else self.end
