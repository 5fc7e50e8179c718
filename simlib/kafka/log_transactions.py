"""What a log knows of the transactions in it: which are open, which ended how, what is stable. No clock."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from simlib.kafka.lane import Batch, Marker


class Ended(NamedTuple):
    """One transaction's part in one partition: its first record, and its marker."""

    first: int
    marker: int
    committed: bool


class LogTransactions:
    """By producer id. Built from the log alone, so that every replica knows the same."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        """Producer id -> first offset of its open transaction."""
        self.ended: list[Ended] = []
        """In the order of their markers."""
        self.coordinator_epochs: dict[int, int] = {}
        self._of: dict[int, list[Ended]] = {}

    def appended(self, batch: Batch, base: int) -> None:
        """A transactional batch or a marker was written at `base`."""
        if not isinstance(batch, Marker):
            self.open.setdefault(batch.pid, base)
            return
        self.coordinator_epochs[batch.pid] = batch.coordinator_epoch
        first = self.open.pop(batch.pid, None)
        if first is not None:  # else a marker that came twice, after a failover of the coordinator
            ended = Ended(first, base, batch.committed)
            self.ended.append(ended)
            self._of.setdefault(batch.pid, []).append(ended)

    def last_stable_offset(self, high_watermark: int) -> int:
        """The first offset of the oldest transaction that is open, or whose marker is not replicated yet (K31)."""
        stable = min([high_watermark, *self.open.values()])
        for ended in reversed(self.ended):
            if ended.marker < high_watermark:
                break
            stable = min(stable, ended.first)
        return stable

    def is_aborted(self, batch: Batch, base: int) -> bool:
        """Was this batch taken back?"""
        if not batch.is_transactional or isinstance(batch, Marker):
            return False
        mine = self._of.get(batch.pid, [])
        i = bisect_right(mine, base, key=lambda ended: ended.marker)
        return i < len(mine) and mine[i].first <= base and not mine[i].committed
