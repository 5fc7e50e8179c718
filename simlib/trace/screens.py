"""What stood on the screens of those who sit at a process: who saw what, from when until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simlib.trace.trace_data import TraceData
from simlib.units import NEVER

DARK = ("crashed", "power_lost", "exception")
"""What leaves a screen dark. Where a program only comes to its end, its user still looks at the last text."""


@dataclass(frozen=True)
class Screen:
    """One text, and how long it stood there (ns); `until` is NEVER for what stands there when the run ends."""

    process: str
    time: int
    until: int
    text: str


def screens_of(data: TraceData) -> list[Screen]:
    """Every screen of every process in order of time. The same text shown again is the same screen."""
    lit: dict[int, Screen] = {}
    found = []
    for time, kind, actor, text in _changes(data):
        before = lit.get(actor)
        if before and kind == "shown" and before.text == text:
            continue
        if before:
            found.append(replace(lit.pop(actor), until=time))
        if kind == "shown":
            lit[actor] = Screen(str(data.code_table("actors")[actor]), time, NEVER, text)
    return sorted([*found, *lit.values()], key=lambda one: (one.time, one.process))


def _changes(data: TraceData) -> Iterator[tuple[int, str, int, str]]:
    columns = (data.column("events", name).tolist() for name in ("time", "kind", "actor", "detail"))
    return (row for row in zip(*columns, strict=True) if row[1] == "shown" or row[1] in DARK)
