"""A partition's log, of which what everybody has is forgotten."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

import numpy as np

from simlib.flow.fed_outbox import FedOutbox
from simlib.flow.moments import Moments
from simlib.flow.partition_log import PartitionLog
from simlib.flow.sliding import Sliding
from simlib.trace.runs import unroll

COLUMNS = ("bases", "times", "sizes", "outboxes")


class SlidingLog(PartitionLog):
    """Batches that somebody may still ask for."""

    is_whole = False
    bases: Any
    times: Any
    sizes: Any
    outboxes: Any
    high_watermarks: Any

    def __init__(self, tp: int) -> None:
        super().__init__(tp)
        for name in ("bases", "times", "sizes", "high_watermarks"):
            setattr(self, name, Sliding(array("q")))
        self.outboxes, self.moments = Sliding([]), Moments(lambda: Sliding(array("q")))

    def note_written(self) -> None:
        """Tell the outboxes how many of their batches are here."""
        senders = self.outboxes.objects(self.bases.gone)
        for outbox in dict.fromkeys(senders):
            outbox.written = outbox.forgotten + senders.count(outbox)

    def high_watermarks_at(self, times: list[int]) -> list[int]:
        """The high watermark at the end of each of these instants; nothing of them may have been forgotten."""
        gone, seen = self.high_watermarks.gone, len(self.high_watermarks)
        moments = self.moments.times.between(gone, seen)
        last_gone = self.high_watermarks[gone - 1] if gone else 0
        known = np.r_[last_gone, self.high_watermarks.between(gone, seen)]
        found: list[int] = known[np.searchsorted(moments, times, side="right")].tolist()
        return found

    def origin(self, first: int, end: int, column: str) -> np.ndarray:
        """Of the records at offsets `first` ... `end` - 1 what their outboxes know: created, numbers, keys; or rank."""
        bases, counts, senders = self._batches()
        found = np.empty(self.end - int(bases[0]), np.int64)
        for outbox in dict.fromkeys(senders):
            mine = np.array([sender is outbox for sender in senders])
            places = unroll(bases[mine] - bases[0], counts[mine])
            found[places] = outbox.rank if column == "rank" else outbox.records(int(mine.sum()), column)
        return found[first - int(bases[0]):end - int(bases[0])]

    def bases_between(self, first: int, end: int) -> np.ndarray:
        """Where batches begin, from an offset to before another."""
        bases = self._batches()[0]
        found: np.ndarray = bases[np.searchsorted(bases, first):np.searchsorted(bases, end)]
        return found

    def of_records(self, offsets: np.ndarray, column: str) -> np.ndarray:
        """The same of single records."""
        bases, _, senders = self._batches()
        batch = np.searchsorted(bases, offsets, side="right") - 1
        found = np.empty(len(offsets), np.int64)
        for outbox in dict.fromkeys(senders):
            sent = np.array([sender is outbox for sender in senders])
            starts = np.zeros(len(sent), np.int64)
            starts[sent] = outbox.starts.between(outbox.forgotten, outbox.forgotten + int(sent.sum()))
            mine = sent[batch]
            ordinals = starts[batch[mine]] + offsets[mine] - bases[batch[mine]]
            found[mine] = outbox.rank if column == "rank" else getattr(outbox, column)[ordinals]
        return found

    def _batches(self) -> tuple[np.ndarray, np.ndarray, list[FedOutbox]]:
        gone = self.bases.gone
        bases = self.bases.between(gone, len(self.bases))
        return bases, np.diff(np.r_[bases, self.end]), self.outboxes.objects(gone)

    def forget(self, before: int) -> None:
        """What lies wholly below an offset is needed no more."""
        gone, first = self.bases.gone, bisect_right(self.bases, before) - 1
        if first > gone:
            senders = self.outboxes.objects(gone)[:first - gone]
            for outbox in dict.fromkeys(senders):
                outbox.forgotten += senders.count(outbox)
                outbox.forget(outbox.forgotten)
            for name in COLUMNS:
                getattr(self, name).forget(first)
        seen = bisect_right(self.high_watermarks, before)
        self.high_watermarks.forget(seen)
        for column in (self.moments.times, self.moments.orders, self.moments.changes):
            column.forget(seen)
