"""Which step of a run is hit by what: a schedule, and the short text (its id) that says the same.

A step is named `billing-0.1/commit#2`: process, incarnation, kind of step (or an effect's name), and the how-manieth of
its kind in that life. A schedule is a few hits, joined by `+`; the calm schedule has none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

CALM = "calm"

FAULTS = {
    "crash-before": "crash", "crash-after": "crash",
    "lose-request": "lost request", "lose-reply": "lost reply",
    "stall-before": "stall", "stall-after": "stall",
    "hold": "order", "twice": "twice",
    "kill-before-ack": "broker", "kill-after-ack": "broker", "move-coordinator": "broker",
    "lose-wire-request": "wire", "lose-wire-reply": "wire",
}
"""What can hit a step, and the kind of fault (`explore(only=...)`) it belongs to."""

STEP = re.compile(r"(?P<process>.+)\.(?P<life>\d+)/(?P<kind>[^#~+]+)#(?P<nth>[1-9]\d*)")


class ScheduleError(ValueError):
    """A schedule's id that says nothing, or names a step that this scenario never takes."""


class StepId(NamedTuple):
    """One step of one life of one process."""

    process: str
    life: int
    kind: str
    nth: int

    def __str__(self) -> str:
        return f"{self.process}.{self.life}/{self.kind}#{self.nth}"


class Hit(NamedTuple):
    """One fault and the step it is aimed at; `until` is the step that a held one waits for."""

    fault: str
    step: StepId
    until: StepId | None = None

    @property
    def kind(self) -> str:
        """crash, lost request, lost reply, stall, order, twice, broker or wire."""
        return FAULTS[self.fault]

    def __str__(self) -> str:
        return f"{self.fault}:{self.step}" + (f"~{self.until}" if self.until else "")


Schedule = tuple[Hit, ...]


def schedule_id(schedule: Schedule) -> str:
    """The text for a schedule: short enough to send to a friend."""
    return "+".join(map(str, schedule)) or CALM


def parse_schedule(text: str) -> Schedule:
    """The schedule of an id. Raises ScheduleError, saying what an id looks like."""
    if text == CALM:
        return ()
    return tuple(_hit(part, text) for part in text.split("+"))


def _hit(part: str, text: str) -> Hit:
    fault, colon, step = part.partition(":")
    if not colon or fault not in FAULTS:
        raise ScheduleError(f"schedule {text!r}: {part!r} begins with none of {', '.join(FAULTS)}. An id looks like "
                            "'crash-after:billing-0.0/charge#2', several are joined by '+'")
    first, tilde, second = step.partition("~")
    if bool(tilde) != (fault == "hold"):
        raise ScheduleError(f"schedule {text!r}: a hold names two steps ('hold:<step>~<step>'), every other fault one")
    return Hit(fault, _step(first, text), _step(second, text) if tilde else None)


def _step(text: str, whole: str) -> StepId:
    found = STEP.fullmatch(text)
    if not found:
        raise ScheduleError(f"schedule {whole!r}: {text!r} is no step. A step looks like 'billing-0.0/charge#2': "
                            "process, incarnation, kind of step, and which of its kind")
    return StepId(found["process"], int(found["life"]), found["kind"], int(found["nth"]))
