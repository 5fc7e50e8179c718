"""One replica's log of one partition: append, read, truncate, forget the beginning. No clock."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from operator import itemgetter

from simlib.kafka.lane import NO_SEQUENCE, Batch
from simlib.kafka.log_transactions import LogTransactions
from simlib.kafka.producer_state import BATCHES_TO_RETAIN, ProducerStates

NO_CUT = 2**62


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
    """Append-only, but for the suffix that a replica discards when a new leader never had it (K56), the beginning,
    which retention takes (K61): what is left begins at `start`, and what compaction takes in between (K66).
    Offsets never change.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._bases: list[int] = []
        self.start = 0
        self.end = 0
        self.epochs: list[tuple[int, int]] = []
        self.last_epoch = -1
        self.producers = ProducerStates()
        self.transactions: LogTransactions | None = None
        """None as long as no transactional record was written here."""
        self._forgotten: list[tuple[Batch, int, int]] = []
        """What producers had sent of what is gone: it outlives the records (KIP-360)."""
        self.cut = NO_CUT
        """How far back the log was truncated since its segments were looked at."""

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
        self.producers.remember(entry.batch, entry.base, entry.time)
        if entry.batch.is_transactional:
            self._note_transaction(entry)

    def _note_transaction(self, entry: Entry) -> None:
        if self.transactions is None:
            self.transactions = LogTransactions()
        self.transactions.appended(entry.batch, entry.base)

    def read(self, start: int, limit: int, max_bytes: int) -> list[Entry]:
        """Entries that hold offsets from `start` up to, not including, `limit`; at least one, if there is one."""
        entries = self.entries
        if start >= limit or start >= self.end or start < self.start or not entries:
            return []
        if entries[-1].base <= start:
            return entries[-1:] if start < entries[-1].end <= limit else []
        i = bisect_right(self._bases, start) - 1
        if i < 0 or entries[i].end <= start:  # in a hole that compaction has left: the next one
            i += 1
        found: list[Entry] = []
        size = 0
        while i < len(entries) and entries[i].end <= limit and (not found or size + entries[i].batch.size <= max_bytes):
            found.append(entries[i])
            size += entries[i].batch.size
            i += 1
        return found

    def leave_hole(self, end: int) -> None:
        """The next entry comes later: what was in between is gone from the leader's log already."""
        self.end = end

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
            self.end = self.entries.pop().base
            self._bases.pop()
        self.end = min(self.end, to)
        self.start = min(self.start, self.end)
        self.cut = min(self.cut, self.end)
        self.epochs = [(epoch, start) for epoch, start in self.epochs if start < self.end]
        self.last_epoch = self.epochs[-1][0] if self.epochs else -1
        self._recall_producers()

    def _recall_producers(self) -> None:
        self.producers = ProducerStates()
        self._forgotten = [row for row in self._forgotten if row[1] < self.end]
        self.transactions = None
        there = [entry for entry in self.entries if entry.batch.pid >= 0]
        rows = [*self._forgotten, *((entry.batch, entry.base, entry.time) for entry in there)]
        for batch, base, time in sorted(rows, key=itemgetter(1)):
            self.producers.remember(batch, base, time)
        for entry in there:
            if entry.batch.is_transactional:
                self._note_transaction(entry)

    # -- transactions

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

    # -- the beginning

    def place_of(self, offset: int) -> int:
        """The index of the first entry that reaches beyond an offset."""
        place = bisect_right(self._bases, offset)
        return place - 1 if place and self.entries[place - 1].end > offset else place

    def begin_at(self, start: int) -> list[Entry]:
        """Forget what is before offset `start`, whole entries; answers what went. Beyond the end nothing is left."""
        if start > self.end:
            self.truncate(self.start)
            self.start = self.end = start
            return []
        place = self.place_of(start)
        gone = self.entries[:place]
        del self.entries[:place], self._bases[:place]
        self._forget(gone)
        self.start = start
        kept = [i for i, (_, first) in enumerate(self.epochs) if first <= start][-1:]
        self.epochs = [(epoch, max(first, start)) for epoch, first in self.epochs[kept[0] if kept else 0:]]
        return gone

    def _forget(self, gone: list[Entry]) -> None:
        rows = [(entry.batch, entry.base, entry.time) for entry in gone if entry.batch.pid >= 0]
        self._forgotten = latest_of_each(sorted([*self._forgotten, *rows], key=itemgetter(1)))

    def rewrite(self, count: int, kept: list[Entry]) -> None:
        """Instead of the first `count` entries have these: what a cleaner has left of them (K66)."""
        stays = {id(entry) for entry in kept}
        self._forget([entry for entry in self.entries[:count] if id(entry) not in stays])
        self.entries[:count] = kept
        self._bases[:count] = [entry.base for entry in kept]


def _without_records(entry: Entry) -> Entry:
    batch = entry.batch
    return Entry(entry.base, Batch(None, 0, batch.count, batch.size, batch.created), entry.epoch, entry.time)


def latest_of_each(batches: list[tuple[Batch, int, int]]) -> list[tuple[Batch, int, int]]:
    """The last batches of each producer: as many as a partition remembers (K17)."""
    seen: Counter[int] = Counter()
    kept = []
    for row in reversed(batches):
        seen[row[0].pid] += row[0].sequence != NO_SEQUENCE  # markers do not count
        if seen[row[0].pid] <= BATCHES_TO_RETAIN:
            kept.append(row)
    return kept[::-1]
