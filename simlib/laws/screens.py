"""What was shown to somebody: does it stay, and does it ever come? Laws of the screens that `app.show` leaves."""

from __future__ import annotations

from typing import Any

from simlib.laws.verdict import Law, Verdict, broken, holds, not_judged
from simlib.trace import Trace
from simlib.trace.screens import Screen, screens_of
from simlib.units import NEVER, SECOND

WAITING = "..."
"""What a text that only asks for patience ends with."""


def stays_on_screen(what: str) -> Law:
    """The law that a user who was shown `what` sees it on every later screen, until the end of the run."""
    law = f"stays_on_screen({what!r})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        told: set[str] = set()
        for screen in screens_of(trace.data):
            if what in screen.text:
                told.add(screen.process)
            elif screen.process in told:
                return broken(law, f"{_when(screen)} {what} is gone: {screen.process} sees {_line(screen)}",
                              lambda: trace.screens)
        if not told:
            return not_judged(law, f"nothing to protect: no screen says {what!r}")
        return holds(law, f"whoever was shown {what} went on seeing it")

    return judge


def nobody_waits_longer_than(seconds: float) -> Law:
    """The law that no text that ends in "..." stands on a screen for more than so many seconds."""
    law = f"nobody_waits_longer_than({seconds:g})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        screens = screens_of(trace.data)
        if not screens:
            return not_judged(law, "nothing to protect: nobody was shown anything")
        for screen in (one for one in screens if one.text.endswith(WAITING)):
            until = trace.data.meta.get("ended_at", 0) if screen.until == NEVER else screen.until
            if until - screen.time > seconds * SECOND:
                long = f"for {(until - screen.time) / SECOND:.4g} s" if screen.until != NEVER else "to the end"
                return broken(law, f"{_when(screen)} {screen.process} sees {_line(screen)}, {long}",
                              lambda: trace.screens)
        return holds(law, f"no screen says {WAITING} for longer")

    return judge


def _when(screen: Screen) -> str:
    return f"from {screen.time / SECOND:.4g} s on"


def _line(screen: Screen) -> Any:
    return repr(screen.text.replace("\n", " / "))
