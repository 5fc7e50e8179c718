"""Virtual time. SimPy keeps the agenda; nothing outside `simlib.world` knows that it does.

Things that happen at one instant happen in a fixed order: faults, timers, messages;
then by the name of the actor; then in the order in which they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

FAULT, TIMER, MESSAGE, LAST = 0, 1 << 20, 2 << 20, 3 << 20
"""Order within one instant; the rank of the actor (its place among the sorted names) is added."""


class Call(simpy.Event):
    """A function call on the agenda. One allocation: no Timeout, no SimPy process."""

    def __init__(self, env: simpy.Environment, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.env = env
        self.callbacks = [Call.run]
        self._ok = True
        self._value = None
        self.function = function
        self.args = args

    def run(self) -> None:
        self.function(*self.args)


class Clock:
    """Says what time it is and calls functions at later times (integers, nanoseconds)."""

    def __init__(self, start: int) -> None:
        self.env: Any = simpy.Environment(initial_time=start)
        self.calls = 0
        self.pending = 0
        """How many things are under way that will end by themselves (a request, work, a restart): not quiet yet."""
        self._schedule: Any = self.env.schedule

    @property
    def now(self) -> int:
        now: int = self.env._now  # its public property would cost a second call, a dozen times a record
        return now

    def at(self, time: int, order: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` at `time`; `order` decides among calls of the same instant."""
        env = self.env
        self.calls += 1
        self._schedule(Call(env, function, args), order, time - env._now)

    def step(self) -> None:
        """Carry out the next call on the agenda."""
        self.env.step()

    def next_time(self) -> float:
        """The time of the next call, infinity when there is none."""
        return self.env.peek()
