"""What one group was handed of one partition: counts and latencies, and a line of what is out of the ordinary.

Only what is over is counted: offsets below `settled` are committed, and no living member will read them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simlib.flow.stretches import Stretches
from simlib.trace.deliveries import Columns, cause_of_repeat
from simlib.trace.histogram import BUCKETS, counted, counted_evenly
from simlib.trace.runs import occurrence, previous
from simlib.units import NEVER


class Handed:
    """`simlib.trace.deliveries.Handovers`."""

    def __init__(self, data: Columns, rows: Stretches, handed: np.ndarray, done: np.ndarray, created: np.ndarray
                 ) -> None:
        order = np.argsort(handed, kind="stable")
        self.data = data
        self.offset, self.time, self.done = rows.offsets()[order], handed[order], done[order]
        self.created = created[order]
        self.member, self.incarnation, self.generation = (
            rows.spread(name)[order] for name in ("member", "incarnation", "generation"))
        self.attempt = occurrence(self.offset)
        self.previous_of_copy = previous(self.offset)

    def __len__(self) -> int:
        return len(self.offset)


def _no_latencies() -> np.ndarray:
    return np.zeros(BUCKETS, np.int64)


@dataclass
class Tally:
    """Of one group and one partition."""

    group: int
    tp: int
    settled: int = 0
    delivered: int = 0
    duplicates: int = 0
    handed_after: np.ndarray = field(default_factory=_no_latencies)
    done_after: np.ndarray = field(default_factory=_no_latencies)
    never: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of offsets that nobody was handed: the first, and the first that is not meant."""
    unfinished: list[tuple[int, int, int]] = field(default_factory=list)
    """Offset, the member that had it last, and when: nobody was ever done with it."""
    listed: list[dict[str, np.ndarray]] = field(default_factory=list)
    """Every delivery that is a repeat, or comes after that of a later record."""

    def add(self, handed_after: np.ndarray, done_after: np.ndarray) -> None:
        """The next records from `settled` on, all of them done: there is nothing else to be said of them."""
        self.delivered += len(handed_after)
        self.settled += len(handed_after)
        self.handed_after += counted(handed_after)
        self.done_after += counted(done_after)

    def add_cohorts(self, first: np.ndarray, last: np.ndarray, count: np.ndarray, work: int) -> None:
        """The same of cohorts of records: how long after they were created (ns) their first and their last record were
        handed over; `work`: how much later each was done."""
        self.delivered += int(count.sum())
        self.settled += int(count.sum())
        self.handed_after += counted_evenly(first, last, count)
        self.done_after += counted_evenly(first + work, last + work, count)

    def add_others(self, handed: Handed, settled: int, later: int) -> None:
        """Any other deliveries of offsets below the new `settled`; `later`: when a higher one was handed over first."""
        first, finished = handed.attempt == 1, handed.done != NEVER
        self.delivered += int(first.sum())
        self.duplicates += int((~first).sum())
        self.handed_after += counted((handed.time - handed.created)[first])
        self.done_after += counted((handed.done - handed.created)[first & finished])
        highest = np.maximum.accumulate(np.r_[-1, handed.offset])[:-1]
        late = first & ((handed.offset < highest) | (handed.time > later))
        self._list(handed, ~first | late, late)
        there = np.unique(handed.offset)
        self._note_gaps(there, settled)
        self._note_unfinished(handed, np.setdiff1d(there, handed.offset[finished]))

    def end_at(self, end: int) -> None:
        """The run is over: what was not handed over by now never was."""
        self._note_gaps(np.empty(0, np.int64), end)

    def _note_gaps(self, there: np.ndarray, settled: int) -> None:
        edges = np.r_[self.settled - 1, there, settled]
        wide = np.flatnonzero(np.diff(edges) > 1)
        self.never += [(int(edges[i]) + 1, int(edges[i + 1])) for i in wide]
        self.settled = settled

    def _note_unfinished(self, handed: Handed, offsets: np.ndarray) -> None:
        for offset in offsets.tolist():
            last = int(np.flatnonzero(handed.offset == offset)[-1])
            self.unfinished.append((offset, int(handed.member[last]), int(handed.time[last])))

    def _list(self, handed: Handed, chosen: np.ndarray, late: np.ndarray) -> None:
        if chosen.any():
            same = np.ones(int(chosen.sum()), np.int64)
            cause = cause_of_repeat(handed)
            columns = {name: getattr(handed, name)[chosen] for name in ("time", "done", "member", "offset", "attempt")}
            self.listed.append({**columns, "cause": cause[chosen], "late": late[chosen], "group": same * self.group,
                                "tp": same * self.tp})
