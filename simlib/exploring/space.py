"""Which schedules there are: everything that can hit the steps that a run took.

Two schedules that no service could tell apart are one. A death right after a step is the same as one right before the
next, unless somebody else did something in between; the first of the two stands for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simlib.scenario.schedules import Hit, Schedule, StepId
from simlib.world.steps import ON_THE_WIRE, Step, longest_hold

KINDS = ("crash", "lost request", "lost reply", "stall", "order", "twice", "broker", "wire")
"""Kinds of fault, in the order in which they are tried."""

BY_DEFAULT = ("crash", "lost request", "lost reply", "stall", "order")

SHARED = ("topic", "database", "redis", "callee", "effect")
"""Things on which the order of two services' steps can matter."""


@dataclass(frozen=True)
class Space:
    """What may happen: kinds of fault, and which processes may stand still."""

    kinds: tuple[str, ...]
    may_stall: frozenset[str]

    def after(self, taken: Sequence[Step], schedule: Schedule = ()) -> list[Schedule]:
        """The schedules with one hit more than this one, at a step after its last; `taken` is what its run took."""
        start = _place_after(taken, schedule)
        found = [schedule + (hit,) for kind in KINDS if kind in self.kinds for hit in self._of(kind, taken, start)]
        return list(dict.fromkeys(found))

    def _of(self, kind: str, taken: Sequence[Step], start: int) -> Iterator[Hit]:
        if kind in ("crash", "stall"):
            return self._boundaries(kind, taken, start)
        if kind == "order":
            return _holds(taken, start)
        return (hit for step in taken[start:] for hit in self._at(kind, step))

    def _at(self, kind: str, step: Step) -> Iterator[Hit]:
        if kind in ("lost request", "lost reply") and _asks_somebody(step):
            yield Hit("lose-request" if kind == "lost request" else "lose-reply", step.id)
        elif kind == "twice" and step.id.kind == "receive" and _is_record(step):
            yield Hit("twice", step.id)
        elif kind == "broker" and step.id.kind in ("send", "acknowledge"):
            yield Hit("kill-before-ack", step.id)
            yield Hit("kill-after-ack", step.id)
        elif kind == "broker" and step.id.kind == "commit":
            yield Hit("move-coordinator", step.id)

    def _boundaries(self, kind: str, taken: Sequence[Step], start: int) -> Iterator[Hit]:
        last: dict[tuple[str, int], Step] = {}
        for place, step in enumerate(taken):
            life = step.id.process, step.id.life
            before = last.get(life)
            last[life] = step
            if place < start or kind == "stall" and step.id.process not in self.may_stall:
                continue
            if _is_new_before(taken, before, step):
                yield Hit(f"{kind}-before", step.id)
            if step.applied is not None:
                yield Hit(f"{kind}-after", step.id)


def _asks_somebody(step: Step) -> bool:
    return step.id.kind in ON_THE_WIRE or isinstance(step.on, tuple) and step.on[0] == "effect"


def _is_record(step: Step) -> bool:
    """Records come from a topic; what a server receives is another service's call."""
    return isinstance(step.on, tuple) and step.on[0] == "topic"


def _place_after(taken: Sequence[Step], schedule: Schedule) -> int:
    if not schedule:
        return 0
    last = schedule[-1].step
    return next((place + 1 for place, step in enumerate(taken) if step.id == last), len(taken))


def _is_new_before(taken: Sequence[Step], before: Step | None, step: Step) -> bool:
    """Does a death before this step differ from one after the last step of the same life?"""
    if before is None:
        return step.id.life == 0
    if before.applied is None or before.ended is None or before.ended > step.began:  # another task's, or it failed
        return True
    others = (other for other in taken if other.applied is not None and other.id.process != step.id.process)
    return any(before.ended <= (other.ended or 0) <= step.began and (other.applied or 0) > before.applied
               for other in others)


def _holds(taken: Sequence[Step], start: int) -> Iterator[Hit]:
    """Hold a step until another process's step on the same thing was applied, where it came first before."""
    for place, step in enumerate(taken[start:], start):
        if not _is_shared(step):
            continue
        for other in taken[place + 1:]:
            if other.began - step.began > longest_hold(step.on):
                break
            if other.id.process != step.id.process and other.on == step.on and other.applied is not None \
                    and not (_only_reads(step) and _only_reads(other)) and _is_shared(other):
                yield Hit("hold", step.id, other.id)


def _is_shared(step: Step) -> bool:
    return isinstance(step.on, tuple) and step.on[0] in SHARED and step.id.kind != "receive"


def _only_reads(step: Step) -> bool:
    return step.what.lstrip().upper().startswith(("SELECT", "GET"))


def same_steps(one: Sequence[Step], other: Sequence[Step]) -> StepId | None:
    """The first step at which two runs differ; None if they took the same."""
    for mine, theirs in zip(one, other, strict=False):
        if (mine.id, mine.on, mine.what, mine.began, mine.ended) != (
                theirs.id, theirs.on, theirs.what, theirs.began, theirs.ended):
            return mine.id
    longer = one if len(one) > len(other) else other
    return longer[min(len(one), len(other))].id if len(one) != len(other) else None
