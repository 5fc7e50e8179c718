"""Sums of a run that never looks at a record, where nothing is out of the ordinary: a cohort at a time.

A cohort is what one poll took of one batch. Its records are handed over and done one after the other, always the same
time apart, and were created evenly: the latencies of its first and its last record say those in between.
"""

from __future__ import annotations

import numpy as np

from simlib.flow.folding import Folding
from simlib.flow.stretches import Stretches
from simlib.flow.tally import Tally


class Cohorts(Folding):
    """What is a repeat, is late or was never finished is still counted record by record."""

    def count_in_a_row(self, tally: Tally, rows: Stretches) -> None:
        log, work = self.logs[tally.tp], self.services[tally.group].constant
        assert work is not None  # the rest is refused
        begun, end = rows["offset"], int(rows["offset"][-1] + rows["count"][-1])
        first = np.union1d(begun, log.bases_between(int(begun[0]), end))
        count = np.diff(np.r_[first, end])
        poll = np.searchsorted(begun, first, side="right") - 1
        handed = rows["began"][poll] + (first - begun[poll]) * work
        after_first = handed - log.of_records(first, "created")
        after_last = handed + (count - 1) * work - log.of_records(first + count - 1, "created")
        tally.add_cohorts(after_first, after_last, count, work)
