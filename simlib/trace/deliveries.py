"""Every hand-over of a record to a member of a group, and which of them are repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from simlib.trace.acknowledgements import Acknowledgements
from simlib.trace.records import Messages
from simlib.trace.runs import are_distinct, combined, latest_before, occurrence, previous, same_codes, unroll
from simlib.trace.trace_data import ANSWERS, TraceData
from simlib.units import NEVER

CAUSES = ("", "producer retry", "crash", "eviction", "reset", "rebalance", "seek", "unknown", "released",
          "lock expired", "leader change")
"""Why a group sees a message again; "" for the first time. The rule is in `cause_of_repeat`."""

OF_ANSWER = {"released": "released", "closed": "released", "lock expired": "lock expired", "connection lost": "crash"}
"""In a share group: why a record is handed over again, by how the last hold on it ended."""

WORTH_LEAVING = 10_000
"""Deliveries; fewer are sorted in no time, and the next view will want them sorted."""

EVENTS_OF_CAUSE = {"crash": ("crashed", "power_lost", "exception"), "eviction": ("evicted",), "reset": ("reset",)}


class Columns(Protocol):
    """Tables of a trace, or what there is of them so far."""

    def column(self, table: str, column: str, /) -> np.ndarray: ...


class Handovers(Protocol):
    """Deliveries in order of time, one entry each: what `cause_of_repeat` has to know of them."""

    @property
    def data(self) -> Columns: ...

    @property
    def time(self) -> np.ndarray: ...

    @property
    def attempt(self) -> np.ndarray: ...

    @property
    def previous_of_copy(self) -> np.ndarray: ...

    @property
    def member(self) -> np.ndarray: ...

    @property
    def incarnation(self) -> np.ndarray: ...

    @property
    def generation(self) -> np.ndarray: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Deliveries:
    """One entry a delivery in each array, in order of time. Times in ns; `message` is a row of `Messages`."""

    messages: Messages

    @property
    def data(self) -> TraceData:
        return self.messages.data

    def __len__(self) -> int:
        return len(self.order)

    def for_sums(self) -> Deliveries:
        """The same, in any order, for whoever adds up: a large trace need not be sorted where nothing comes twice."""
        written = DeliveriesAsWritten(self.messages)
        return written if len(written) >= WORTH_LEAVING and written.is_each_once() else self

    @cached_property
    def order(self) -> np.ndarray:
        """From the order of the raw ranges to the order of time."""
        return np.argsort(self._unrolled_time, kind="stable")

    @cached_property
    def _slot(self) -> Any:
        """Where the times of each delivery stand; all of them, if they stand in the order of the ranges."""
        first, count = self.data.column("deliveries", "first"), self.data.column("deliveries", "count")
        in_a_row = np.array_equal(first, np.cumsum(count) - count) and count.sum() == self.data.rows("delivery_times")
        return slice(None) if in_a_row else unroll(first, count)

    @cached_property
    def _unrolled_time(self) -> np.ndarray:
        return self.data.column("delivery_times", "handed")[self._slot]

    def column(self, name: str) -> np.ndarray:
        """A column of the raw table, one entry a delivery: member, incarnation, group, tp, generation."""
        return self.messages.spread("deliveries", name)[self.order]

    @cached_property
    def time(self) -> np.ndarray:
        return self._unrolled_time[self.order]

    @cached_property
    def done(self) -> np.ndarray:
        return self.data.column("delivery_times", "done")[self._slot][self.order]

    @cached_property
    def message(self) -> np.ndarray:
        return self.messages.of("deliveries")[self.order]

    @cached_property
    def offset(self) -> np.ndarray:
        return self.messages.offsets("deliveries")[self.order]

    @cached_property
    def group(self) -> np.ndarray:
        return self.column("group")

    @cached_property
    def member(self) -> np.ndarray:
        return self.column("member")

    @cached_property
    def incarnation(self) -> np.ndarray:
        return self.column("incarnation")

    @cached_property
    def tp(self) -> np.ndarray:
        return self.column("tp")

    @cached_property
    def generation(self) -> np.ndarray:
        return self.column("generation")

    @cached_property
    def attempt(self) -> np.ndarray:
        """How often the group has now seen the message: 1, 2, ..."""
        return occurrence(combined(self.group, self.message))

    @cached_property
    def previous_of_copy(self) -> np.ndarray:
        """Index of the delivery before this one of the same copy (message at this offset) to the group; -1 if none."""
        return previous(combined(self.group, self.message, self.offset))

    @cached_property
    def append(self) -> np.ndarray:
        """For each delivery the append (row of the unrolled ranges) that wrote the copy, last before it; -1 if none."""
        messages = self.messages
        delivered, written = same_codes((self.message, self.offset), messages.written)
        return latest_before(delivered, self.time, written, messages.spread("appends", "time"))

    @cached_property
    def answers(self) -> Acknowledgements:
        """How holds on records of share groups ended."""
        return Acknowledgements(self.messages)

    @cached_property
    def cause(self) -> np.ndarray:
        """Index into CAUSES for each delivery."""
        causes = cause_of_repeat(self)
        if not causes.any():
            return causes
        repeats = (self.attempt > 1) & (self.previous_of_copy >= 0)
        shared = np.flatnonzero(repeats & np.isin(self.group, self.answers.share_groups))
        causes[shared] = _cause_in_share_group(self, shared)
        return causes


@dataclass(frozen=True)
class DeliveriesAsWritten(Deliveries):
    """In the order of the raw ranges, poll by poll, of a trace in which no group sees a message twice."""

    @property
    def order(self) -> Any:
        """All of them, as they are."""
        return slice(None)

    def __len__(self) -> int:
        return int(self.data.column("deliveries", "count").sum())

    def column(self, name: str) -> np.ndarray:
        """As of all deliveries; what is the same everywhere takes no room."""
        values = self.data.column("deliveries", name)
        if len(values) and (values == values[0]).all():
            return np.broadcast_to(values[0], len(self))
        return super().column(name)

    def is_each_once(self) -> bool:
        """Does no group see a message twice?"""
        groups = np.unique(self.data.column("deliveries", "group")).tolist()
        return all(are_distinct(self.message if len(groups) == 1 else self.message[self.group == group])
                   for group in groups)

    @cached_property
    def attempt(self) -> np.ndarray:
        return np.broadcast_to(np.int64(1), len(self))


def cause_of_repeat(deliveries: Handovers) -> np.ndarray:
    """Why each repeat happened, by the first line that fits (compared with the delivery of the same copy before it).

    1. producer retry: this copy was never delivered before; the message stands in the log more than once.
    2. crash: the member that had it last died since (crash, power loss, exception).
    3. eviction: the member that had it last was evicted since (session or poll timeout), or the one that has it now
       is of an older generation: it was evicted and does not know yet (a zombie).
    4. reset: the member that has it now was sent back by its reset policy.
    5. rebalance: another member has it now, or the generation changed.
    6. seek: same member, same generation: its own code went back.

    A share group has causes of its own (`_cause_in_share_group`).
    """
    causes = np.zeros(len(deliveries), np.int8)
    again = np.flatnonzero(deliveries.attempt > 1)
    if not len(again):
        return causes
    before = deliveries.previous_of_copy[again]
    had, has = deliveries.member[before], deliveries.member[again]
    since, until = deliveries.time[before], deliveries.time[again]
    moved = (had != has) | (deliveries.generation[before] != deliveries.generation[again])
    zombie = deliveries.generation[again] < deliveries.generation[before]
    restarted = (had == has) & (deliveries.incarnation[before] != deliveries.incarnation[again])
    conditions = [before < 0, _happened(deliveries.data, "crash", had, since, until) | restarted,
                  _happened(deliveries.data, "eviction", had, since, until) | zombie,
                  _happened(deliveries.data, "reset", has, since, until), moved]
    causes[again] = np.select(conditions, [CAUSES.index(c) for c in CAUSES[1:6]], default=CAUSES.index("seek"))
    return causes


def _cause_in_share_group(deliveries: Deliveries, rows: np.ndarray) -> np.ndarray:
    """By how the last hold on the copy ended: released (or given back by closing), lock expired, crash (the connection
    was lost); leader change where it did not end, but was forgotten.

    What somebody else has accepted comes again to a member whose lock had expired before, and who does not know it (a
    zombie).
    """
    answers = deliveries.answers
    ended, handed = answers.codes(deliveries.group[rows], deliveries.message[rows], deliveries.offset[rows])
    last = latest_before(handed, deliveries.time[rows], ended, answers.column("time"))
    since = deliveries.time[deliveries.previous_of_copy[rows]]
    known = (last >= 0) & (np.r_[answers.column("time"), NEVER][last] >= since)
    cause = np.array([CAUSES.index(OF_ANSWER.get(how, "lock expired")) for how in ANSWERS])
    return np.where(known, cause[np.r_[answers.column("how"), 0][last]], CAUSES.index("leader change"))


def _happened(data: Columns, cause: str, actor: np.ndarray, since: np.ndarray, until: np.ndarray) -> np.ndarray:
    """Whether an event of a cause befell each actor between two times (both included)."""
    kinds = EVENTS_OF_CAUSE[cause]
    relevant = np.isin(data.column("events", "kind").astype(str), kinds)
    times, actors = data.column("events", "time")[relevant], data.column("events", "actor")[relevant]
    result = np.zeros(len(actor), bool)
    for one in np.unique(actors):
        mine, its_times = actor == one, np.sort(times[actors == one])
        result[mine] = (np.searchsorted(its_times, until[mine], "right") > np.searchsorted(its_times, since[mine]))
    return result
