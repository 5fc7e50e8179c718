"""One replica's log of one partition: append, read, truncate. No clock."""

from __future__ import annotations

from bisect import bisect_right

from simlib.kafka.lane import Batch
from simlib.kafka.log_transactions import LogTransactions
from simlib.kafka.producer_state import ProducerStates


class Entry:
    """A batch at its place in the log. The same object stands in the log of every replica that holds it."""

    __slots__ = ("base", "batch", "end", "epoch", "time")

    def __init__(self, base: int, batch: Batch, epoch: int, time: int) -> None:
        self.base = base
        self.end = base + batch.count
        self.batch = batch
        self.epoch = epoch
        self.time = time


class Log:
    """Append-only, but for the suffix that a replica discards when a new leader never had it (K56)."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._bases: list[int] = []
        self.end = 0
        self.epochs: list[tuple[int, int]] = []
        self.last_epoch = -1
        self.producers = ProducerStates()
        self.transactions: LogTransactions | None = None
        """None as long as no transactional record was written here."""

    def append(self, entry: Entry) -> None:
        """Take an entry whose base is the end of this log."""
        if entry.base != self.end:
            raise ValueError(f"an entry at {entry.base} does not follow a log that ends at {self.end}")
        if entry.epoch != self.last_epoch:
            self.last_epoch = entry.epoch
            self.epochs.append((entry.epoch, entry.base))
        self.entries.append(entry)
        self._bases.append(entry.base)
        self.end = entry.end
        if entry.batch.pid >= 0:
            self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        batch = entry.batch
        self.producers.remember(batch, entry.base, entry.time)
        if batch.is_transactional:
            if self.transactions is None:
                self.transactions = LogTransactions()
            self.transactions.appended(batch, entry.base)

    def read(self, start: int, limit: int, max_bytes: int) -> list[Entry]:
        """Entries that hold offsets from `start` up to, not including, `limit`; at least one, if there is one."""
        entries = self.entries
        if start >= limit or start >= self.end:
            return []
        if entries[-1].base <= start:
            return entries[-1:] if entries[-1].end <= limit else []
        i = bisect_right(self._bases, start) - 1
        found: list[Entry] = []
        size = 0
        while i < len(entries) and entries[i].end <= limit and (not found or size + entries[i].batch.size <= max_bytes):
            found.append(entries[i])
            size += entries[i].batch.size
            i += 1
        return found

    def end_of_epoch(self, epoch: int) -> tuple[int, int]:
        """(largest epoch here that is <= `epoch`, offset where it ends); (-1, 0) if there is none. KIP-101, K56."""
        if epoch >= self.last_epoch >= 0:  # as almost always: whoever asks has followed us to our last epoch
            return self.last_epoch, self.end
        known = [(e, start) for e, start in self.epochs if e <= epoch]
        if not known:
            return -1, 0
        following = [start for e, start in self.epochs if e > epoch]
        return known[-1][0], following[0] if following else self.end

    def truncate(self, to: int) -> None:
        """Discard everything from offset `to` on. Batches are never cut in two."""
        while self.entries and self.entries[-1].end > to:
            self.entries.pop()
            self._bases.pop()
        self.end = self.entries[-1].end if self.entries else 0
        self.epochs = [(epoch, start) for epoch, start in self.epochs if start < self.end]
        self.last_epoch = self.epochs[-1][0] if self.epochs else -1
        self.producers = ProducerStates()
        self.transactions = None
        for entry in self.entries:
            if entry.batch.pid >= 0:
                self._remember(entry)

    def last_stable_offset(self, high_watermark: int) -> int:
        """Up to here, exclusive, everything is decided: where a read_committed consumer stops (K31)."""
        return high_watermark if self.transactions is None else self.transactions.last_stable_offset(high_watermark)

    def read_committed(self, start: int, high_watermark: int, max_bytes: int) -> list[Entry]:
        """As `read`, up to the last stable offset; what was aborted is there as an entry without records."""
        entries = self.read(start, self.last_stable_offset(high_watermark), max_bytes)
        return [_without_records(entry) if self.is_aborted(entry) else entry for entry in entries]

    def is_aborted(self, entry: Entry) -> bool:
        """Was this entry taken back with its transaction?"""
        return self.transactions is not None and self.transactions.is_aborted(entry.batch, entry.base)


def _without_records(entry: Entry) -> Entry:
    batch = entry.batch
    return Entry(entry.base, Batch(None, 0, batch.count, batch.size, batch.created), entry.epoch, entry.time)
