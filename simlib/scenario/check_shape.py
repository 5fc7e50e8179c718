"""Checks of shape: the parts are lists of the right objects, with names and counts that can be worked with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from simlib.scenario.check_fields import label
from simlib.scenario.faults import FAULTS, Fault
from simlib.scenario.scenario import Scenario
from simlib.scenario.share_groups import ShareGroup
from simlib.scenario.topology import ConsumerGroup, Producer, Readers, Service, Topic

PARTS: dict[str, tuple[Any, str]] = {
    "topics": (Topic, 'Topic("orders")'),
    "producers": (Producer, 'Producer("shop", topic="orders", rate=60)'),
    "groups": (Readers, 'ConsumerGroup("billing", topic="orders")'),
    "services": (Service, 'Service("billing", main)'),
    "faults": (Fault, f"one of {', '.join(fault.__name__ for fault in FAULTS)}"),
}

MOST = 10_000

# The counts that names of processes and numbers of partitions are made from.
COUNTS: dict[type, tuple[str, ...]] = {
    Scenario: ("brokers", "controllers"),
    Topic: ("partitions",),
    ConsumerGroup: ("consumers",),
    ShareGroup: ("consumers",),
    Service: ("instances",),
}


def shape_problems(s: Scenario) -> Iterator[str]:
    """Parts that are not lists of the right objects, names that are no text, counts that cannot be counted."""
    for part, (kind, example) in PARTS.items():
        value = getattr(s, part)
        if not isinstance(value, tuple):
            yield f"{part} must be a list, not {type(value).__name__}; write {part}=[{example}]"
            continue
        for thing in value:
            if not isinstance(thing, kind):
                yield f"{part}: {thing!r} is not {_a(kind)}; write {example}"
            elif part != "faults" and not _named(thing):
                yield f"{part}: {type(thing).__name__}(name={thing.name!r}): a name is a text that is not empty"
    for thing in (s, *(thing for part in PARTS for thing in _sound(s, part))):
        for field in COUNTS.get(type(thing), ()):
            if not _countable(getattr(thing, field)):
                where = "Scenario" if thing is s else label(thing)
                given = f"{field}={getattr(thing, field)!r}"
                yield f"{where}: {given} must be a whole number, at least 1 and at most {MOST}"


def mended(s: Scenario) -> Scenario:
    """The scenario without what `shape_problems` reports, so that the other rules can still be applied."""
    parts: dict[str, Any] = {part: tuple(map(_with_counts, _sound(s, part))) for part in PARTS}
    return _with_counts(replace(s, **parts))


def _sound(s: Scenario, part: str) -> list[Any]:
    """The objects of one part that are of the right kind and have a name."""
    kind, things = PARTS[part][0], getattr(s, part)
    right = [thing for thing in things if isinstance(thing, kind)] if isinstance(things, tuple) else []
    return [thing for thing in right if part == "faults" or _named(thing)]


def _with_counts(thing: Any) -> Any:
    """The same object with 1 in place of a count that is none."""
    wrong = [field for field in COUNTS.get(type(thing), ()) if not _countable(getattr(thing, field))]
    return replace(thing, **dict.fromkeys(wrong, 1)) if wrong else thing


def _countable(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST


def _named(thing: Any) -> bool:
    return isinstance(thing.name, str) and bool(thing.name)


def _a(kind: type) -> str:
    if kind is Readers:
        return "a ConsumerGroup or ShareGroup"
    return "a fault" if kind is Fault else f"a {kind.__name__}"
