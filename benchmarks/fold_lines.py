"""What is promised of runs that keep sums of their records, and what the measurements say."""

from __future__ import annotations

from benchmarks.line import SPEED, Line
from benchmarks.rounds import Results

DAY = "folded, a day"
PEAK, SMALL_POLLS = "cohorts, 66 million a second", "cohorts, the same with small polls"


def fold_lines(results: Results) -> list[Line]:
    """Speed and memory: neither may grow with the length of a run."""
    found = [Line("fold=True, cost per record, 1e8 : 1e5 records at 90,000/s",
                  results.ratio("folded, 1e5", "folded, 1e8", "rate"), "times", 1.25, at_most=True),
             Line("... 1e8 records", results.median("folded, 1e8", "rate"), SPEED), *_memory(results, "folded, 1e8")]
    real_time = [results.median(name, "real time") for name in (PEAK, SMALL_POLLS)]
    found += [Line('fold="batches", 66 million records a second : real time', real_time[0], "times", 1),
              *_memory(results, PEAK), Line("... with max_poll_records=500", real_time[1], "times")]
    return [*found, Line("fold=True, a day of a thousand million records", results.median(DAY, "seconds"), "CPU s", 400,
                         at_most=True),
            Line("... handed over", results.median(DAY, "records"), "records"), *_memory(results, DAY)]


def _memory(results: Results, name: str) -> list[Line]:
    """Only where the system tells."""
    if "megabytes" not in results.rounds[name][0]:
        return []
    return [Line("... the most memory of the whole process", results.median(name, "megabytes"), "MB", 500,
                 at_most=True)]
