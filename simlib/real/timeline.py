"""The timeline of a real run: its clock, what is to happen when, and what was done to processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simlib.units import MS


class Timeline:
    """Times are in seconds after time 0, which is the moment of `begin()`."""

    def __init__(self) -> None:
        self.began = self.time_of_day = 0
        """Time 0, on the monotonic clock (ns) and on the clock of Kafka's timestamps (ms)."""
        self.events: list[tuple[float, str, str, str]] = []
        """(time, kind, process, detail)"""
        self.last_mark = 0.0
        """When something last happened."""
        self._due: list[tuple[float, Callable[[], Any]]] = []

    def begin(self) -> None:
        self.began, self.time_of_day = time.monotonic_ns(), time.time_ns() // MS

    @property
    def now(self) -> float:
        return self.at(time.monotonic_ns()) if self.began else 0.0

    def at(self, clock: int) -> float:
        """An instant of the monotonic clock (ns)."""
        return (clock - self.began) / 1e9

    def note(self, kind: str, process: str, detail: str = "") -> None:
        """Something was done to a process."""
        self.last_mark = max(self.last_mark, self.now)
        self.events.append((self.now, kind, process, detail))

    # -- plans

    @property
    def has_plans(self) -> bool:
        return bool(self._due)

    def plan(self, at: float, act: Callable[[], Any]) -> None:
        self._due.append((at, act))

    def carry_out_what_is_due(self) -> None:
        due = [one for one in self._due if one[0] <= self.now]
        self._due = [one for one in self._due if one not in due]
        for _, act in due:
            act()
