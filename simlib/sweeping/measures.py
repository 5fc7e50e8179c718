"""What a sweep measures of each run: numbers by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from simlib.trace.summary import PERCENTILES

if TYPE_CHECKING:
    from simlib.trace.trace import Trace

Measure = Callable[["Trace"], Any]

IN_SECONDS = tuple(f"p{each}" for each in PERCENTILES)
COUNTS = ("delivered", "duplicates", "backlog")


def standard(trace: Trace) -> dict[str, float]:
    """Without a measure of one's own: what was produced and lost, and for each group what it got and how late.

    p50, p95, p99: seconds from creation to done. With several groups their names come first: `billing p99`.
    """
    summary = trace.summary()
    numbers: dict[str, float] = {"produced": summary.produced, "lost": summary.lost}
    for name, group in summary.groups.items():
        before = f"{name} " if len(summary.groups) > 1 else ""
        numbers |= {f"{before}{count}": getattr(group, count) for count in COUNTS}
        numbers |= {f"{before}{each}": group.done_after.get(each, math.nan) for each in IN_SECONDS}
    return numbers


def measured(trace: Trace, measure: Measure | None) -> dict[str, float]:
    """The numbers of one run. Raises TypeError for an answer that is none."""
    answer = standard(trace) if measure is None else measure(trace)
    if not isinstance(answer, Mapping):
        answer = {name_of(measure): answer}
    if not answer:
        raise TypeError("measure(trace) gave an empty mapping; give at least one number")
    return {str(name): _number(name, value) for name, value in answer.items()}


def name_of(measure: Any) -> str:
    """What a single number is called: like the function; a lambda has no name."""
    name = getattr(measure, "__name__", "value")
    return "value" if name == "<lambda>" else name


def _number(name: Any, value: Any) -> float:
    if not isinstance(value, Real | np.bool_):
        given = repr(value) if isinstance(value, str | None) else f"a {type(value).__name__}"
        raise TypeError(f"measure(trace) gave {given} for {name!r}; it must be a number, or a mapping of names to "
                        "numbers (float('nan') where there is nothing to measure)")
    return float(value)
