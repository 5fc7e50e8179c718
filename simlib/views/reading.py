"""What pictures read from a trace: whose group, who was down when, which rows to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.trace.lag import group_partitions

DEATHS = ("crashed", "power_lost", "shutdown", "exception")
ENDED = "ended"
"""A service whose code came to its end: no fault."""
ENDS = (*DEATHS, "paused", "link_cut", "link_slow")
RETURNS = ("restarted", "started", "resumed", "link_healed")


@dataclass(frozen=True)
class Outage:
    """A process that was down, stood still or could not be reached from `start` to `end` (s), at most the run's end."""

    process: str
    kind: str
    start: float
    end: float
    returned: bool
    other: str = ""
    """The other end, where it is a link."""

    @property
    def label(self) -> str:
        """What is written beside its line."""
        return f"{self.process} \u2013 {self.other}" if self.other else self.process


def run_end(trace: Trace) -> float:
    """When the run ended, in s; never quite 0, so that it can be the width of an axis."""
    return max(trace.ended_at, 1e-3)


def group_code(trace: Trace, group: str | None) -> int:
    """The group that was asked for, else the first; ValueError names those there are."""
    names = [str(name) for name in trace.data.code_table("groups")]
    if not names:
        raise ValueError("this trace has no consumer group, so there is nothing to show")
    if group is None:
        return 0
    if group not in names:
        raise ValueError(f"no group {group!r} in this trace; there are {', '.join(names)}")
    return names.index(group)


def group_name(trace: Trace, group: int) -> str:
    return str(trace.data.code_table("groups")[group])


def actor_name(trace: Trace, actor: int) -> str:
    return str(trace.data.code_table("actors")[actor])


def partitions_of(trace: Trace, group: int) -> list[int]:
    """The raw tp codes of everything the group reads."""
    return [tp for reader, tp in group_partitions(trace.data) if reader == group]


def partition_name(trace: Trace, tp: int) -> str:
    """`orders-0`, as Kafka writes it."""
    topic, partition = trace.data.code_table("tps")[tp]
    return f"{trace.data.code_table('topics')[topic]}-{partition}"


def outages(trace: Trace) -> list[Outage]:
    """Every crash, shutdown, pause, bad link and end of a service from time 0 on, in order, with the end of each.

    A pause ends with the process: from its death on it is dead.
    """
    down: dict[tuple[str, str], tuple[str, float]] = {}
    found = []
    for time, kind, process, other in _turns(trace):
        if kind in (*DEATHS, ENDED) and down.get((process, other), ("", time))[0] == "paused":
            was, since = down.pop((process, other))
            found += [Outage(process, was, since, time, False, other)] if time > since else []
        if (kind in ENDS or kind == ENDED) and (process, other) not in down:
            down[process, other] = (kind, time)
        elif kind in RETURNS and (process, other) in down:
            was, since = down.pop((process, other))
            found.append(Outage(process, was, since, time, True, other))
    found += [Outage(process, was, since, run_end(trace), False, other)
              for (process, other), (was, since) in down.items()]
    return sorted((one for one in found if one.end > 0), key=lambda one: (one.start, one.process, one.other))


def _turns(trace: Trace) -> list[tuple[float, str, str, str]]:
    """(time in s, kind, process, other end of a link) of the events that begin or end an outage."""
    columns = [trace.data.column("events", name).tolist() for name in ("time", "kind", "actor", "detail")]
    return [(time / 1e9, ENDED if ended_by_itself(kind, detail) else kind, actor_name(trace, actor),
             detail if kind.startswith("link_") else "")
            for time, kind, actor, detail in zip(*columns, strict=True) if kind in ENDS or kind in RETURNS]


def ended_by_itself(kind: str, detail: str) -> bool:
    """Whether an event says that a service's `main` returned."""
    return kind == "shutdown" and detail == "main is over"


def pixel_columns(time: np.ndarray, until: float, width: int) -> np.ndarray:
    """Which pixel column of the axes each time (s) falls into."""
    return np.clip((time / until * width).astype(np.int64), 0, width - 1)


def thinned(time: np.ndarray, value: np.ndarray, until: float, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A step line with at most four points a pixel column (first, lowest, highest, last): looks the same."""
    if len(time) <= 4 * width:
        return time, value
    column = pixel_columns(time, until, width)
    start = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    last = np.r_[start[1:], len(time)] - 1
    order = np.lexsort((value, column))
    keep = np.unique(np.r_[start, last, order[start], order[last]])
    return time[keep], value[keep]


def plural(number: int, one: str, many: str | None = None) -> str:
    """"1 record", "1,200 records"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listing(names: Any) -> str:
    """"a", "a and b", "a, b and c"."""
    names = [str(name) for name in names]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
