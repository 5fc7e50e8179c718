"""Virtual time. SimPy keeps the agenda; nothing outside `simlib.world` knows that it does.

Things that happen at one instant happen in a fixed order: faults, timers, messages;
then by the name of the actor; then in the order in which they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy

from simlib.units import SECOND

FIRST, FAULT, TIMER, MESSAGE, LAST = -1, 0, 1 << 20, 2 << 20, 3 << 20
"""Order within one instant; the rank of the actor (its place among the sorted names) is added."""

NEVER_REACHED = 1 << 62
NEAR = SECOND // 2
"""How far ahead the agenda reaches; what is to happen later waits apart."""


class Entry:
    """All that SimPy asks of an event whose turn has come: what to call with it, and that it did not fail.

    Entries have no __slots__: they are made in millions, and Python makes objects without them faster.
    """

    callbacks: Any
    _ok = True


class Call(Entry):
    """A function call on the agenda. One allocation: no Timeout, no SimPy process, no list of callbacks."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function = function
        self.args = args

    def run(self) -> None:
        self.function(*self.args)


Call.callbacks = (Call.run,)


class Environment(simpy.Environment):
    """SimPy's; to read its time costs no call. It is read a dozen times a record."""

    __slots__ = ("_now",)


Environment.now = Environment.__dict__["_now"]  # type: ignore[method-assign]
AnyEnvironment: Any = Environment
"""Not typed: SimPy's time may be a fraction, ours may not."""


class Clock(AnyEnvironment):
    """Says what time it is and calls functions at later times (integers, nanoseconds)."""

    now: int

    def __init__(self, start: int, busy: bool = True) -> None:
        """`busy`: many messages are expected; a run of a few hundred entries is better off with a single agenda."""
        super().__init__(initial_time=start)
        self.calls = 0
        self.pending = 0
        """How many things are under way that will end by themselves (a request, work, a restart): not quiet yet."""
        self._agenda: list[Any] = self._queue
        self._far: list[Any] = []
        self._horizon = start if busy else NEVER_REACHED
        if busy:
            self._look_further()

    def at(self, time: int, order: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` at `time`; `order` decides among calls of the same instant."""
        self.enter(time, order, Call(function, args))

    def enter(self, time: int, order: int, entry: Entry) -> None:
        """Put something on the agenda.

        SimPy's own `schedule` would do as well: it wants a delay, makes a time of it, and numbers the entry once more.
        """
        self.calls = number = self.calls + 1
        heappush(self._agenda if time < self._horizon else self._far, (time, order, number, entry))

    def _look_further(self) -> None:
        """What lies far ahead waits apart: most entries are messages, and find their place on a short agenda sooner."""
        far = self._far
        first = far[0][0] if far else self._horizon
        self._horizon = max(first, self._horizon) + NEAR
        while far and far[0][0] < self._horizon:
            heappush(self._agenda, heappop(far))
        self.calls += 1
        heappush(self._agenda, (self._horizon, FIRST, self.calls, Call(self._look_further, ())))
