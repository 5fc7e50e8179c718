"""The steps of one life of a process: numbered as `explore` numbers them, struck where a schedule or a fault says."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

from simlib.real.plan import Plan
from simlib.real.worker.losses import Losses
from simlib.real.worker.marks import Marks
from simlib.scenario.faults import Crash
from simlib.scenario.schedules import Hit, StepId
from simlib.units import millis

STALL_MORE = 15.0
"""As in virtual time: a process stands still for its session time-out and so many seconds more."""

USUAL_SESSION_MS = 45_000


class Steps:
    """`take` carries out one step, with all that befalls it."""

    def __init__(self, plan: Plan, life: int, marks: Marks, losses: Losses, before: Iterable[list[Any]]) -> None:
        self._plan, self._life, self._marks, self._losses = plan, life, marks, losses
        self._nth: Counter[str] = Counter()
        self._ever = Counter((mark[1], mark[2]) for mark in before if mark[1] in ("begun", "ended"))
        self.session_timeout_ms: float = USUAL_SESSION_MS

    async def take(self, kind: str, act: Callable[[], Awaitable[Any]], what: str = "", wire: str | None = None) -> Any:
        """Begin, do, end: the process may die, stand still, or lose a message at either side of it."""
        self._nth[kind] += 1
        step = StepId(self._plan.name, self._life, kind, self._nth[kind])
        hits = [hit for hit in self._plan.hits if hit.step == step]
        self._mark("begun", kind, step.nth, what)
        self._strike("before", kind, hits)
        for hit in hits:
            if hit.fault in ("lose-request", "lose-reply"):
                self._marks.write("hit", str(hit))
                self._losses.lose_next(kind, hit.fault.removeprefix("lose-"), wire)
        try:
            result = await act()
        except BaseException:  # it failed, or nobody waits for it any more
            self._marks.write("given_up", kind, step.nth)
            raise
        self._mark("ended", kind, step.nth)
        self._strike("after", kind, hits)
        return result

    def _mark(self, when: str, kind: str, *details: Any) -> None:
        self._ever[when, kind] += 1
        self._marks.write(when, kind, *details)

    def _strike(self, when: str, kind: str, hits: list[Hit]) -> None:
        """Counted over all lives, as the faults of a scenario are; a schedule's hits name the life."""
        for place, fault in self._plan.faults:
            if isinstance(fault, Crash) and getattr(fault, when) == kind:
                if self._ever["begun" if when == "before" else "ended", kind] == fault.nth:
                    self._marks.write("fired", place)
                    self.die(fault.restart_after)
        for hit in hits:
            if hit.fault == f"crash-{when}":
                self._marks.write("hit", str(hit))
                self.die(self._plan.restart_after)
            elif hit.fault == f"stall-{when}":
                self._marks.write("hit", str(hit))
                self._stall()

    def die(self, restart_after: float | None) -> NoReturn:
        """SIGKILL, by its own hand: nothing of this process runs any more."""
        self._marks.write("dying", restart_after)
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        raise AssertionError("a killed process goes on")

    def _stall(self) -> None:
        """SIGSTOP; whoever watches over the run lets it go on."""
        self._marks.write("stalling", millis(self.session_timeout_ms) / 1e9 + STALL_MORE)
        os.kill(os.getpid(), signal.SIGSTOP)
