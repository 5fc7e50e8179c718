"""How long callers waited: one mark a call, at the time it was made; a dot for an answer, a cross for a failure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simlib.trace import Trace
from simlib.trace.calls import ANSWERED, CALL_OUTCOMES, PENDING, RAISED
from simlib.trace.effects import service_of
from simlib.trace.summary import readable
from simlib.units import NEVER
from simlib.views import style
from simlib.views.faults import mark_outages, told
from simlib.views.picture import Picture
from simlib.views.reading import actor_name, listing, plural, run_end
from simlib.views.sheet import Sheet, sheet

SHORTEST = 5e-4
"""s; the axis of waits is logarithmic and begins here."""

WORDS = {PENDING: "still waiting", RAISED: "ended by an error"}
"""Said otherwise than in the table, for readers who have not seen it."""

CROSS: dict[str, Any] = {"s": 26, "marker": "x", "linewidths": 1.2, "zorder": 3}
RING: dict[str, Any] = {"s": 16, "marker": "o", "facecolors": "none", "linewidths": 1, "zorder": 2.6}


class Asked(NamedTuple):
    """The calls of one service by one caller: when, how long the caller waited (s), and how it ended (its code)."""

    caller: str
    sent: np.ndarray
    wait: np.ndarray
    outcome: np.ndarray

    @property
    def answered(self) -> np.ndarray:
        return self.outcome == ANSWERED


def calls(trace: Trace, callee: str | None = None) -> Picture:
    """The calls of a service, by caller; without a name those of the service that was called first."""
    name = _chosen(trace, callee)
    asked = [_asked(trace, name, caller) for caller in _callers(trace, name)]
    with sheet("calls") as page:
        _draw(page, trace, name, asked)
        return Picture(page.png(), _description(trace, name, asked))


def _chosen(trace: Trace, callee: str | None) -> str:
    called = list(dict.fromkeys(trace.data.column("calls", "callee")))
    if not called:
        raise ValueError("this trace has no calls of one service by another, so there is nothing to show")
    if callee is not None and callee not in called:
        raise ValueError(f"nobody called {callee!r} in this trace; called were {', '.join(called)}")
    return callee or str(called[0])


def _callers(trace: Trace, callee: str) -> list[str]:
    mine = np.asarray(trace.data.column("calls", "callee")) == callee
    actors = trace.data.column("calls", "caller")[mine]
    return sorted({service_of(actor_name(trace, int(actor))) for actor in np.unique(actors)})


def _asked(trace: Trace, callee: str, caller: str) -> Asked:
    columns = {name: trace.data.column("calls", name) for name in ("caller", "sent", "answered", "outcome")}
    actors = np.unique(columns["caller"])
    own = [actor for actor in actors if service_of(actor_name(trace, int(actor))) == caller]
    mine = (np.asarray(trace.data.column("calls", "callee")) == callee) & np.isin(columns["caller"], own)
    sent, answered = columns["sent"][mine] / 1e9, columns["answered"][mine]
    ended = np.where(answered == NEVER, run_end(trace), answered / 1e9)
    return Asked(caller, sent, ended - sent, columns["outcome"][mine])


def _draw(page: Sheet, trace: Trace, callee: str, asked: list[Asked]) -> None:
    axes = page.blank(f"Calls of {callee}", x="time of the call (s)", y="wait (logarithmic)")
    handles = [_marks(axes, one, style.MEMBERS[number % len(style.MEMBERS)]) for number, one in enumerate(asked)]
    longest = max(float(one.wait.max()) for one in asked)
    axes.set_xlim(0, run_end(trace))
    axes.set_yscale("log")
    axes.set_ylim(SHORTEST, max(longest, 1.0) * 2)
    page.logarithmic(axes.yaxis, readable)
    mark_outages(axes, trace)
    page.legend([*handles, *_keys(axes, asked)])


def _marks(axes: Any, one: Asked, colour: str) -> Any:
    """A dot for each answer, a cross for each failure, a ring for who waits still; the dots are the legend's."""
    wait = np.maximum(one.wait, SHORTEST * 1.1)
    waits_still = one.outcome == PENDING
    failed = ~one.answered & ~waits_still
    axes.scatter(one.sent[failed], wait[failed], color=colour, **CROSS)
    axes.scatter(one.sent[waits_still], wait[waits_still], edgecolors=colour, **RING)
    return axes.scatter(one.sent[one.answered], wait[one.answered], s=13, color=colour, alpha=0.7, linewidths=0,
                        label=one.caller, zorder=2.5)


def _keys(axes: Any, asked: list[Asked]) -> list[Any]:
    """The legend's cross and ring, where there are any."""
    outcomes = np.concatenate([one.outcome for one in asked])
    keys = []
    if ((outcomes != ANSWERED) & (outcomes != PENDING)).any():
        keys.append(axes.scatter([], [], color=style.INK, label="failed", **CROSS))
    if (outcomes == PENDING).any():
        keys.append(axes.scatter([], [], edgecolors=style.INK, label="still waits", **RING))
    return keys


def _description(trace: Trace, callee: str, asked: list[Asked]) -> str:
    told_of = " ".join(f"{_sentence(one)}." for one in asked)
    return f"Calls of {callee}. {told_of} {told(trace)}".strip()


def _sentence(one: Asked) -> str:
    """"buyers: 200 calls, 170 answered (half of them within 308 ms), 30 timed out"."""
    parts = [f"{one.caller}: {plural(len(one.sent), 'call')}, {int(one.answered.sum()):,} answered"]
    if one.answered.any():
        parts[0] += f" (half of them within {readable(float(np.median(one.wait[one.answered])))})"
    others, numbers = np.unique(one.outcome[~one.answered], return_counts=True)
    ends = [f"{number:,} {WORDS.get(code, CALL_OUTCOMES[code])}"
            for code, number in zip(others.tolist(), numbers.tolist(), strict=True)]
    return ", ".join([*parts, listing(ends)] if ends else parts)
