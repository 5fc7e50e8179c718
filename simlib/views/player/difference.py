"""Where two runs begin to differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlib.views.player.tape import Part, Tape
from simlib.views.player.telling import sentence, told

STRETCH = 2_000
"""Rows that are compared at once."""


@dataclass(frozen=True)
class Difference:
    """The first moment (s) at which two runs are not the same, and what happened then in each of them."""

    time: float
    before: str
    after: str

    @property
    def text(self) -> str:
        """In one sentence for each run."""
        return (f"Until {self.time:.6g} s both runs are the same. Then, in the first: {self.before or 'nothing more.'} "
                f"In the second: {self.after or 'nothing more.'}")

    def as_head(self) -> dict[str, Any]:
        return {"time": self.time, "text": self.text}


def first_difference(before: Tape, after: Tape) -> Difference | None:
    """The first row that the other run does not have at the same time; None where both runs tell the same."""
    ends = [int(tape.trace.data.meta.get("ended_at", 0)) for tape in (before, after)]
    start = 0
    for edge in _edges(before, after, max(ends)):
        rows = [tape.between(start - 1, edge) for tape in (before, after)]
        said = [_said(tape, part) for tape, part in zip((before, after), rows, strict=True)]
        place = next((i for i, (one, other) in enumerate(zip(*said, strict=False)) if one != other),
                     None if len(said[0]) == len(said[1]) else min(map(len, said)))
        if place is not None:
            both = [one[place:place + 1] for one in said]
            first = min(line[0] for lines in both for line in lines)
            return Difference(first / 1e9, *(_then(lines, first) for lines in both))
        start = edge + 1
    return None


def _edges(before: Tape, after: Tape, end: int) -> list[int]:
    """Times (ns) that cut both runs into stretches."""
    times = np.sort(np.concatenate([part.time for tape in (before, after) for part in tape.parts.values()]))
    inner = times[STRETCH::STRETCH]
    return [int(time) for time in np.unique(np.r_[inner[inner >= 0], end])]


def _said(tape: Tape, part: Part) -> list[tuple[int, str]]:
    """Time and sentence of each row that is told."""
    lines = [(int(part.time[row]), sentence(tape, part, row)) for row in range(len(part))]
    return [(time, text) for time, text in lines if text]


def _then(lines: list[tuple[int, str]], first: int) -> str:
    """What happened at that moment, or what comes next and when."""
    if not lines:
        return ""
    time, text = lines[0]
    return text if time == first else f"nothing at that moment ({told(time / 1e9, text)})"
