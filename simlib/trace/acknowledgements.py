"""How each hold of a member on a record of a share group ended: accepted, released, rejected, or by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlib.trace.records import Messages
from simlib.trace.runs import combined
from simlib.trace.trace_data import ANSWERS, TraceData
from simlib.units import NEVER

DECISIONS = [ANSWERS.index("accepted"), ANSWERS.index("rejected")]
STATES = ("acknowledged", "available", "archived")
"""What a record is afterwards."""


@dataclass(frozen=True)
class Acknowledgements:
    """One entry a record in each array, in the order in which they were stored. Times in ns."""

    messages: Messages

    @property
    def data(self) -> TraceData:
        return self.messages.data

    def column(self, name: str) -> np.ndarray:
        """A column of the raw table, one entry a record: time, group, tp, member, how, deliveries."""
        return self.messages.spread("acknowledgements", name)

    @cached_property
    def message(self) -> np.ndarray:
        return self.messages.of("acknowledgements")

    @cached_property
    def offset(self) -> np.ndarray:
        return self.messages.offsets("acknowledgements")

    @cached_property
    def is_decided(self) -> np.ndarray:
        """Somebody accepted or rejected it."""
        return np.isin(self.column("how"), DECISIONS)

    @cached_property
    def is_given_up(self) -> np.ndarray:
        """It was archived because it had been delivered too often, and nobody had decided."""
        return (self.column("archived") == 1) & ~self.is_decided

    @cached_property
    def state(self) -> np.ndarray:
        """Index into STATES: what the record is afterwards."""
        accepted = self.column("how") == ANSWERS.index("accepted")
        return np.where(accepted, 0, np.where(self.column("archived") == 1, 2, 1))

    @cached_property
    def share_groups(self) -> list[int]:
        """The codes of the share groups of this run."""
        names = [str(name) for name in self.data.code_table("groups")]
        return [names.index(name) for name in self.data.meta.get("share_groups", ()) if name in names]

    def decided(self, group: int) -> np.ndarray:
        """For each message, whether this group has accepted or rejected it."""
        result = np.zeros(len(self.messages), bool)
        result[self.message[self.is_decided & (self.column("group") == group)]] = True
        return result

    def given_up(self, group: int) -> np.ndarray:
        """For each message, when this group gave it up; NEVER if it did not."""
        return self._when(self.is_given_up & (self.column("group") == group))

    def last(self, group: int) -> np.ndarray:
        """For each message, when a hold of this group's on it ended last; NEVER if none did."""
        return self._when(self.column("group") == group)

    def _when(self, rows: np.ndarray) -> np.ndarray:
        result = np.full(len(self.messages), NEVER, np.int64)
        np.maximum.at(result, self.message[rows], self.column("time")[rows])
        return result

    def done_behind(self, group: int, tp: int, times: np.ndarray, start: np.ndarray) -> np.ndarray:
        """How many records from an offset `start` on were done with at each time: they wait for those before them."""
        mine = (self.column("group") == group) & (self.column("tp") == tp) & (self.state != 1)
        offsets, firsts = np.unique(self.offset[mine], return_index=True)
        done_at = np.sort(self.column("time")[mine][firsts])
        return np.searchsorted(done_at, times, side="right") - np.searchsorted(offsets, start, side="left")

    def codes(self, *others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One integer for each (group, message, offset), of these rows and of other columns of the same kind."""
        mine = (self.column("group"), self.message, self.offset)
        both = combined(*(np.r_[one, other] for one, other in zip(mine, others, strict=True)))
        return both[:len(self.message)], both[len(self.message):]
