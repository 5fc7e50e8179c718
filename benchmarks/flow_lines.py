"""What is promised of the flow engine, and what the measurements say."""

from __future__ import annotations

from benchmarks.line import SPEED, Line
from benchmarks.rounds import Results

DYING = 'engine="flow", three replicas, a consumer dies, '
LONGEST = "flow, 1e7"
"""Of the runs whose cost a record is compared; 1e8 records would need 5 GB."""


def flow_lines(results: Results) -> list[Line]:
    return [*_speed(results), *_size_and_time(results), *_beside_others(results), *_growth(results)]


def _speed(results: Results) -> list[Line]:
    def rate(name: str) -> float:
        return results.median(f"flow, {name}", "rate")

    return [Line(f"{DYING}30,000 records/s a partition", rate("30,000/s a partition"), SPEED, 5_000_000),
            Line("... 3,000 records/s a partition", rate("3,000/s a partition"), SPEED, 1_500_000),
            Line("... 300 records/s a partition", rate("300/s a partition"), SPEED, 300_000),
            Line("... the README's scenario : engine=\"events\"", results.ratio("flow, section 3", "section 3", "rate"),
                 "times", 2)]


def _size_and_time(results: Results) -> list[Line]:
    return [Line("... bytes of columns kept", results.median("flow, 30,000/s a partition", "bytes"), "bytes/record",
                 64, at_most=True),
            Line("100,000 records and their summary, warm", results.median("at once", "milliseconds"), "CPU ms", 25,
                 at_most=True),
            Line("a million records a second, 30 partitions : real time",
                 results.median("flow, a million a second", "rate") / 1e6, "times", 5)]


def _beside_others(results: Results) -> list[Line]:
    found = [Line("M/M/1 through `run` : textbook SimPy", results.ratio("flow, M/M/1", "simpy, M/M/1", "rate"), "times",
                  50),
             Line("... mean wait in service times (theory: 4)", results.median("flow, M/M/1", "wait"), "times")]
    if "compiled loop" in results.rounds:
        found.append(Line("a compiled loop of the same model : flow", results.ratio("compiled loop", "flow beside it",
                                                                                    "rate"), "times", 4, at_most=True))
    if "happysim" in results.rounds:
        found += [Line("flow : happysim, 1e5 records, 30,000 records/s a partition", _times(results, "flow, 1e5"),
                       "times", 500),
                  Line("... the same at 1,000 records/s", _times(results, "flow, 1e5 at 1,000/s"), "times")]
    return found


def _times(results: Results, name: str) -> float:
    return results.ratio(f"{name}, the peer's Python", f"happysim beside {name}", "rate")


def _growth(results: Results) -> list[Line]:
    """The best of some runs in one process: the first gigabyte a process takes costs what the machine's host makes it
    cost, three times the run itself where the host has to find it."""
    return [Line(f"flow, cost per record, {LONGEST[6:]} : {size} records",
                 results.ratio(f"flow, {size}", LONGEST, "best"), "times", 1.25, at_most=True)
            for size in ("1e5", "1e6")]
