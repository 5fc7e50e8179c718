"""Many polls of a member with one partition at once, for as long as its work takes longer than a fetch.

A fetch leaves at the beginning of each poll and is answered two latencies later, or one latency after the next record
is visible. If no record takes less than two latencies, the answer is there before the work is done, or it is awaited
by a member that has nothing else to do: each record begins when the one before it is done, or one latency after it is
visible. That is one scan over columns. Which records a poll hands over follows from when they begin. Where a
record takes less, the next poll may have to wait for its fetch; all up to the next idle time is then put off.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from simlib.flow.partition_log import PartitionLog

if TYPE_CHECKING:
    from simlib.flow.service import Service

MANY = 32
"""Changes of the high watermark; fewer are read poll by poll in the same time."""

AT_ONCE = 16_384
"""So many are looked at together: they fit into a processor's cache."""


@dataclass
class Polls:
    """Polls whose work is done, and the one after them, which has begun; offsets count from the first record."""

    began: np.ndarray
    ended: np.ndarray
    counts: np.ndarray
    taken: int
    """What those that are done have handed over."""
    fetched: int
    begins: int


def many_polls(log: PartitionLog, service: Service, first: int, end: int, begins: int, latency: int, stop: int,
               most: int) -> Polls | None:
    """The polls from the one that begins to hand over records `first` to `end` - 1 at a time, and asks for more.

    All of them begin before `stop` and hand over at most `most` records. None if there are too few of them.
    """
    place = bisect_right(log.high_watermarks, first)
    upto = min(bisect_left(log.moments.times, stop + 2 * latency, place), place + AT_ONCE)
    if upto - place < MANY:
        return None
    ends = np.frombuffer(log.high_watermarks[place:upto], np.int64) - first
    times = np.frombuffer(log.moments.times[place:upto], np.int64)
    sums = service.sums_between(log.tp, first, first + int(ends[-1]))
    stretch = _Stretch(ends, times, sums, latency)
    stretch.begin(begins)
    return stretch.polls(end - first, stop, most)


class _Stretch:
    """Consecutive records, all of which become visible within the stretch."""

    def __init__(self, ends: np.ndarray, times: np.ndarray, sums: np.ndarray, latency: int) -> None:
        counts = np.diff(ends, prepend=0)
        is_single = len(ends) == int(ends[-1])
        self.times, self.sums, self.latency = times, sums, latency
        self.here = (times if is_single else np.repeat(times, counts)) + latency
        """When an idle member would begin with each record."""
        self.ends = ends if is_single else np.repeat(ends, counts)
        """Up to where an answer reaches that is sent when the record becomes visible."""
        self.upto = np.r_[0, ends]
        self.work = np.diff(sums)

    def begin(self, at: int) -> None:
        """When each record begins, the first one at a given time."""
        free = self.here - self.sums[:-1]
        free[0] = at - self.sums[0]
        self.began = np.maximum.accumulate(free) + self.sums[:-1]
        self.seen = self._seen(self.began).tolist()

    def _seen(self, began: np.ndarray) -> np.ndarray:
        """What is visible when a fetch arrives that left when a record began."""
        return self.upto[np.searchsorted(self.times, began + self.latency)]

    def polls(self, end: int, stop: int, most: int) -> Polls | None:
        cuts = self._cuts(end, most)
        begins = self.began[cuts[:-1]]
        known = self._known(begins, stop)
        if known < 2:
            return None
        cuts, begins = cuts[:known + 1], begins[:known]
        last = cuts[1:-1] - 1
        return Polls(begins[:-1], self.began[last] + self.work[last], np.diff(cuts[:-1]), int(cuts[-2]), int(cuts[-1]),
                     int(begins[-1]))

    def _cuts(self, end: int, most: int) -> np.ndarray:
        """The first record of each poll, and the end of the last one."""
        seen, ends, count = self.seen, self.ends.tolist(), len(self.work)
        short = [*np.flatnonzero(self.work < 2 * self.latency).tolist(), count]
        cuts, first, next_short = [0], 0, 0
        while True:
            limit = min(short[next_short] + 1, count)
            while end < limit:
                cuts.append(end)
                upto = seen[first]
                first, end = end, upto if upto > end else ends[end]
                if end - first > most:
                    return np.array(cuts)
            if end >= count:
                return np.array([*cuts, end])
            next_short += 1
            if self.began[end] < self.began[first] + 2 * self.latency:
                self._put_off(end, int(self.began[first]) + 2 * self.latency)

    @cached_property
    def _idle(self) -> np.ndarray:
        """Records before which the member waits for something to do, as long as nothing is put off; and the end."""
        free = self.began[:-1] + self.work[:-1]
        return np.r_[np.flatnonzero(self.began[1:] > free) + 1, len(self.began)]

    def _put_off(self, record: int, until: int) -> None:
        """A record begins later than was thought, and so do those after it until the member is idle."""
        began, first, late = self.began, record, until - int(self.began[record])
        while late > 0:
            idle = self._idle
            end = int(idle[np.searchsorted(idle, record, side="right")])
            began[record:end] += late
            record = end
            late = int(began[end - 1] + self.work[end - 1] - began[end]) if end < len(began) else 0
        self.seen[first:record] = self._seen(began[first:record]).tolist()

    def _known(self, begins: np.ndarray, stop: int) -> int:
        """How many of the polls begin before a time, and send a fetch of which it is known what it finds."""
        arrive = begins + self.latency
        place = np.minimum(np.searchsorted(self.times, arrive), len(self.times) - 1)
        known = (begins < stop) & (arrive < self.times[-1]) & (self.times[place] != arrive)
        return len(known) if known.all() else int(np.argmin(known))
