"""Where each group stands: what waits for it, what it skipped, and what it will never finish."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simlib.trace.deliveries import Deliveries
from simlib.trace.lag import group_partitions, lag_columns
from simlib.trace.records import Messages
from simlib.trace.trace_data import TraceData
from simlib.units import NEVER

ENDS_OF_A_PROCESS = ("crashed", "power_lost", "exception", "shutdown")


@dataclass(frozen=True)
class GroupLog:
    """The records of one partition as one group sees them: the final log, and what was removed. Times in ns."""

    group: int
    tp: int
    message: np.ndarray
    offset: np.ndarray
    handed: np.ndarray
    """When it was last handed to the group; NEVER if it was not."""
    finished: np.ndarray
    """Whether a member was ever done with it."""
    in_hand: np.ndarray
    """Handed over, not finished, and the member that has it is alive: it is still at work."""
    skipped: np.ndarray
    """Whether a reset policy jumped over it (while it was there)."""
    passed_at: np.ndarray
    """When the group committed an offset past it; NEVER if the commits are not past it."""
    removed: np.ndarray
    """When retention or compaction took it out of the log; NEVER for what is there."""

    @property
    def waiting(self) -> np.ndarray:
        """Still in front of the group: in the log, not handed over, not skipped, not committed past."""
        return (self.handed == NEVER) & ~self.skipped & (self.passed_at == NEVER) & (self.removed == NEVER)

    @property
    def passed_over(self) -> np.ndarray:
        """Committed past and never finished: nobody will read it again."""
        return self._unfinished & (self.passed_at != NEVER) & ~self.missed

    @property
    def missed(self) -> np.ndarray:
        """Removed from the log before the group had finished with it, or committed past it."""
        was_passed = (self.passed_at != NEVER) & (self.passed_at <= self.removed)
        return self._unfinished & (self.removed != NEVER) & ~was_passed

    @property
    def _unfinished(self) -> np.ndarray:
        return ~self.finished & ~self.in_hand & ~self.skipped


@dataclass(frozen=True)
class Groups:
    """Every group's view of every partition it reads."""

    deliveries: Deliveries

    @property
    def messages(self) -> Messages:
        return self.deliveries.messages

    @property
    def data(self) -> TraceData:
        return self.deliveries.data

    @cached_property
    def codes(self) -> list[int]:
        """Every group, in the order of the code table."""
        return list(range(len(self.data.code_table("groups"))))

    @cached_property
    def logs(self) -> list[GroupLog]:
        return [self._log(group, tp) for group, tp in group_partitions(self.data)]

    @cached_property
    def lag(self) -> dict[str, np.ndarray]:
        """Lag of every group and partition, as `lag_columns` says."""
        return lag_columns(self.data)

    def logs_of(self, group: int) -> list[GroupLog]:
        """The partitions that one group reads."""
        return [log for log in self.logs if log.group == group]

    def log_by_log(self, group: int) -> Iterator[GroupLog]:
        """The same one after the other, for sums: of a large trace they need not all be kept."""
        kept = self.__dict__.get("logs")
        for code, tp in group_partitions(self.data) if kept is None else ():
            if code == group:
                yield self._log(code, tp)
        yield from () if kept is None else self.logs_of(group)

    @cached_property
    def passed_over(self) -> dict[str, np.ndarray]:
        """Every record that is passed over, as columns group, tp, offset, message, handed, passed_at."""
        return self.chosen("passed_over")

    def chosen(self, which: str) -> dict[str, np.ndarray]:
        """The entries of all logs for which a mask (`waiting`, `passed_over`) is true, as columns."""
        parts = [(log, getattr(log, which)) for log in self.logs]
        columns = {name: [np.full(mask.sum(), getattr(log, name)) for log, mask in parts] for name in ("group", "tp")}
        for name in ("offset", "message", "handed", "passed_at"):
            columns[name] = [getattr(log, name)[mask] for log, mask in parts]
        return {name: np.concatenate([np.empty(0, np.int64), *arrays]) for name, arrays in columns.items()}

    def _final_log(self, group: int, tp: int) -> tuple[np.ndarray, np.ndarray]:
        """Message and offset of each copy in the final log that the group reads: an aborted one only without
        read_committed."""
        here, messages = self.data.column("log_end", "tp") == tp, self.messages
        message, offset = messages.of("log_end", here), messages.offsets("log_end", here)
        if self.data.code_table("groups")[group] not in self.data.meta.get("read_committed", ()):
            return message, offset
        is_read = ~messages.is_aborted_copy[messages.spread("log_end", "tp") == tp]
        return message[is_read], offset[is_read]

    def _log(self, group: int, tp: int) -> GroupLog:
        message, offset = self._final_log(group, tp)
        removed = np.broadcast_to(np.int64(NEVER), len(message))
        if len(self._removed):
            gone = self._removed[self.messages.tp[self._removed] == tp]
            message, offset = np.r_[message, gone], np.r_[offset, self.messages.offset[gone]]
            removed = np.r_[removed, self.messages.removed[gone]]
        fate, passed_at = self._fate(group, message), self._passed_at(group, tp, offset)
        skipped = self._skipped(group, tp, offset, removed)
        if group in self.deliveries.answers.share_groups:
            skipped &= fate[0] == NEVER
            fate, passed_at = self._shared_fate(group, message, fate, passed_at)
        return GroupLog(group, tp, message, offset, *fate, skipped, passed_at, removed)

    @cached_property
    def _removed(self) -> np.ndarray:
        """The messages that left the log on purpose."""
        return np.flatnonzero(self.messages.is_removed)

    def _fate(self, group: int, message: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each message: when the group was last handed it, whether it was finished, whether it is in hand."""
        of_all, were_finished = self._last_handed(group)
        last, finished = of_all[message], were_finished[message]
        if not len(self.deliveries):
            return np.full(len(message), NEVER), finished, finished
        handed = np.where(last < 0, NEVER, self.deliveries.time[last])
        return handed, finished, (last >= 0) & ~finished & self._holder_lives[last]

    def _last_handed(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Of every message: the row of its last delivery to a group (-1: none), and whether any was finished."""
        if group not in self._last:
            is_ours, is_done = self.deliveries.group == group, self.deliveries.done != NEVER
            mine: Any = slice(None) if is_ours.all() else is_ours
            kind = np.int32 if len(is_ours) < 1 << 31 else np.int64
            last, finished = np.full(len(self.messages), -1, kind), np.zeros(len(self.messages), bool)
            last[self.deliveries.message[mine]] = np.arange(len(is_ours), dtype=kind)[mine]
            finished[self.deliveries.message[is_ours & is_done]] = True
            self._last[group] = last, finished
        return self._last[group]

    @cached_property
    def _last(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _shared_fate(self, group: int, message: np.ndarray, fate: tuple[np.ndarray, np.ndarray, np.ndarray],
                     passed_at: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
        """In a share group a record is finished when somebody has decided, and passed over when it was given up.

        A reset may go past records that somebody has. Those a member was done with and could not say so are finished,
        the others are passed over.
        """
        answers = self.deliveries.answers
        handed, is_done, in_hand = fate
        given_up, is_past = answers.given_up(group)[message], passed_at != NEVER
        is_held = (handed != NEVER) & (answers.last(group)[message] < handed) & ~is_past
        finished = answers.decided(group)[message] | (is_done & is_past & (given_up == NEVER))
        passed_at = np.where(given_up != NEVER, given_up, passed_at)
        return (handed, finished, is_held & (in_hand | is_done)), passed_at

    @cached_property
    def _holder_lives(self) -> np.ndarray:
        """For each delivery, whether its member outlived it (as far as the run goes)."""
        died = np.full(len(self.data.code_table("actors")), NEVER)
        ends = np.isin(self.data.column("events", "kind").astype(str), ENDS_OF_A_PROCESS)
        if not ends.any():
            return np.ones(len(self.deliveries), bool)
        np.maximum.at(died, self.data.column("events", "actor")[ends], self.data.column("events", "time")[ends])
        return died[self.deliveries.member] < self.deliveries.time

    def _skipped(self, group: int, tp: int, offset: np.ndarray, removed: np.ndarray) -> np.ndarray:
        chosen = self._rows("skipped", group, tp)
        result = np.zeros(len(offset), bool)
        for time, low, high in zip(*(self.data.column("skipped", name)[chosen]
                                     for name in ("time", "from_offset", "to_offset")), strict=True):
            result |= (offset >= low) & (offset < high) & ((removed == NEVER) | (time < removed))
        return result

    def _passed_at(self, group: int, tp: int, offset: np.ndarray) -> np.ndarray:
        """When the commits went past each offset for good (a seek back that is committed counts)."""
        chosen = self._rows("commits", group, tp)
        times, committed = self.data.column("commits", "time")[chosen], self.data.column("commits", "offset")[chosen]
        if not len(committed):
            return np.full(len(offset), NEVER)
        lowest_from_here = np.minimum.accumulate(committed[::-1])[::-1]
        position = np.searchsorted(lowest_from_here, offset, side="right")
        return np.r_[times, NEVER][position]

    def _rows(self, table: str, group: int, tp: int) -> np.ndarray:
        return (self.data.column(table, "group") == group) & (self.data.column(table, "tp") == tp)
