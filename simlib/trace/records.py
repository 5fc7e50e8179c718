"""The life of each message: created, appended, acknowledged, still in the log - or lost, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simlib.trace.runs import first_of_lanes, same_codes, unroll
from simlib.trace.trace_data import OUTCOMES, PENDING, TraceData
from simlib.units import NEVER

ALL = slice(None)
"""Every row."""

ABORTED = OUTCOMES.index("aborted")

LOST_REASONS = ("acknowledged, then discarded", "discarded before it was acknowledged", "never confirmed",
                "timed out", "refused", "lost with its producer", "acknowledged, never in the log")
"""Why a record is neither in the log nor still with its producer."""


@dataclass(frozen=True)
class Messages:
    """One entry a message in each array, in the order of the raw table `messages`. Times in ns."""

    data: TraceData

    @cached_property
    def first(self) -> np.ndarray:
        """Where each lane starts."""
        return first_of_lanes(self.data.column("messages", "lane"), len(self.data.code_table("lanes")))

    def __len__(self) -> int:
        return self.data.rows("messages")

    def of(self, table: str, rows: Any = ALL) -> np.ndarray:
        """The message of every record that the ranges of a raw table name, range by range; or of some of its rows."""
        lane, start = self.data.column(table, "lane")[rows], self.data.column(table, "start")[rows]
        return unroll(self.first[lane] + start, self.data.column(table, "count")[rows])

    def spread(self, table: str, column: str) -> np.ndarray:
        """A column of a raw table, repeated for every record of its ranges."""
        return np.repeat(self.data.column(table, column), self.data.column(table, "count"))

    def offsets(self, table: str, rows: Any = ALL) -> np.ndarray:
        """The offset of every record that the ranges of a raw table name, or some of its rows."""
        return unroll(self.data.column(table, "base_offset")[rows], self.data.column(table, "count")[rows])

    @cached_property
    def written(self) -> tuple[np.ndarray, np.ndarray]:
        """Message and offset of every copy that a leader appended, in the order of the raw table."""
        return self.of("appends"), self.offsets("appends")

    @cached_property
    def lane(self) -> np.ndarray:
        return self.data.column("messages", "lane")

    @cached_property
    def lanes(self) -> np.ndarray:
        """The code table of lanes as rows of (producer, topic, partition)."""
        return np.array(self.data.code_table("lanes") or np.empty((0, 3)), np.int64).reshape(-1, 3)

    @cached_property
    def producer(self) -> np.ndarray:
        return self.lanes[:, 0][self.lane]

    @cached_property
    def topic(self) -> np.ndarray:
        return self.lanes[:, 1][self.lane]

    @cached_property
    def partition(self) -> np.ndarray:
        """The partition; -1 where the record never got as far as having one."""
        return self.lanes[:, 2][self.lane]

    @cached_property
    def tp(self) -> np.ndarray:
        """The raw (topic, partition) code; -1 where there is no partition."""
        code = {tuple(pair): tp for tp, pair in enumerate(self.data.code_table("tps"))}
        of_lane = [code.get((topic, partition), -1) for _, topic, partition in self.lanes.tolist()]
        return np.array(of_lane, np.int64)[self.lane]

    @cached_property
    def created(self) -> np.ndarray:
        return self.data.column("messages", "created")

    @cached_property
    def appended(self) -> np.ndarray:
        """When a leader first wrote it."""
        return self._first_of("appends", self.spread("appends", "time"), NEVER)

    @cached_property
    def copies(self) -> np.ndarray:
        """How often it stands in the log at the end."""
        return np.bincount(self.of("log_end"), minlength=len(self))

    @cached_property
    def offset(self) -> np.ndarray:
        """Of its first copy in the log; of its first lost copy if none is left; -1 if it never had one."""
        lost = self._first_of("appends", self.offsets("appends"), -1)
        kept = self._first_of("log_end", self.offsets("log_end"), -1)
        return np.where(kept >= 0, kept, lost)

    @cached_property
    def outcome(self) -> np.ndarray:
        """What its producer learned (index into OUTCOMES; PENDING while it waits); aborted if that is how it ended."""
        if not self.data.rows("aborted"):
            return self._told
        outcome = self._told.copy()
        outcome[self.of("aborted")] = ABORTED
        stands = self.of("log_end")[~self.is_aborted_copy]
        outcome[stands] = self._told[stands]
        return outcome

    @cached_property
    def _told(self) -> np.ndarray:
        """What its producer was told when the batch was answered."""
        return self._first_of("acks", self.spread("acks", "outcome"), PENDING)

    @cached_property
    def is_aborted(self) -> np.ndarray:
        """Taken back with its transaction, whether or not it stands in the log."""
        return self.outcome == ABORTED

    @cached_property
    def is_aborted_copy(self) -> np.ndarray:
        """The same for each copy in the log at the end, in the order of the raw table `log_end`."""
        copies, aborted = same_codes((self.of("log_end"), self.offsets("log_end")),
                                     (self.of("aborted"), self.offsets("aborted")))
        return np.isin(copies, aborted)

    @cached_property
    def acked(self) -> np.ndarray:
        """When its producer saw the acknowledgement."""
        seen = self._first_of("acks", self.spread("acks", "time"), NEVER)
        return np.where(self._told == OUTCOMES.index("acked"), seen, NEVER)

    @cached_property
    def error(self) -> np.ndarray:
        """The error its producer was told (code); -1 if none."""
        return self._first_of("acks", self.spread("acks", "error"), -1)

    @cached_property
    def removed(self) -> np.ndarray:
        """When retention or compaction took it, the last time; NEVER if it did not."""
        result = np.full(len(self), NEVER, np.int64)
        result[self.of("removals")] = self.spread("removals", "time")
        return result

    @cached_property
    def removed_by(self) -> np.ndarray:
        """Index into REMOVED_BY; -1 where `removed` is NEVER."""
        result = np.full(len(self), -1, np.int64)
        result[self.of("removals")] = self.spread("removals", "reason")
        return result

    @cached_property
    def is_removed(self) -> np.ndarray:
        """Was in the log and counted, and retention or compaction has taken it: that is no loss."""
        if not self.data.rows("removals"):
            return np.zeros(len(self), bool)
        return (self.copies == 0) & (self.removed != NEVER) & ~self.is_aborted

    @cached_property
    def is_lost(self) -> np.ndarray:
        """Neither in the log, nor removed from it or taken back on purpose, nor still with its producer."""
        return (self.copies == 0) & (self.outcome != PENDING) & ~self.is_removed & ~self.is_aborted

    @cached_property
    def is_pending(self) -> np.ndarray:
        """Never in the log or lost from it, and its producer has not given up on it."""
        return (self.copies == 0) & (self.outcome == PENDING) & ~self.is_removed

    @cached_property
    def reason(self) -> np.ndarray:
        """Index into LOST_REASONS, meaningful where `is_lost`."""
        written, acked = self.appended != NEVER, self.outcome == OUTCOMES.index("acked")
        told = self.outcome + 1  # unacknowledged .. lost with its producer follow in the same order
        return np.select([acked & written, acked, written], [0, 6, 1], default=told)

    def _first_of(self, table: str, values: np.ndarray, default: int) -> np.ndarray:
        result = np.full(len(self), default, np.int64)
        result[self.of(table)[::-1]] = values[::-1]  # written backwards, so the first row of a message stays
        return result

    @cached_property
    def order(self) -> np.ndarray:
        """By topic, partition and offset; then those that were never appended, by creation."""
        return np.lexsort((self.created, self.offset, self.partition, self.topic, self.offset < 0))
