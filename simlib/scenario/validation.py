"""Everything that is wrong with a scenario, found before it runs, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from simlib.scenario.check_faults import fault_problems
from simlib.scenario.check_inputs import input_problems
from simlib.scenario.check_topology import topology_problems
from simlib.scenario.errors import ScenarioError
from simlib.scenario.faults import FAULTS, Fault
from simlib.scenario.scenario import Scenario
from simlib.scenario.topology import ConsumerGroup, Producer, Service, Topic

PARTS: dict[str, tuple[type, str]] = {
    "topics": (Topic, 'Topic("orders")'),
    "producers": (Producer, 'Producer("shop", topic="orders", rate=60)'),
    "groups": (ConsumerGroup, 'ConsumerGroup("billing", topic="orders")'),
    "services": (Service, 'Service("billing", main)'),
    "faults": (Fault, f'one of {", ".join(fault.__name__ for fault in FAULTS)}'),
}


def check(scenario: Scenario) -> None:
    """Raises ScenarioError with everything that is wrong; returns quietly if nothing is."""
    if found := problems(scenario):
        raise ScenarioError(found)


def problems(scenario: Scenario) -> list[str]:
    """Everything that is wrong with a scenario, one line each; empty if it can run."""
    if not isinstance(scenario, Scenario):
        return [f"a Scenario is needed, not {type(scenario).__name__}"]
    found = list(shape_problems(scenario))
    sound = mended(scenario)
    for rules in (topology_problems, input_problems, fault_problems):
        found += rules(sound)
    return list(dict.fromkeys(found))


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
    for thing, field in _counted(s):
        if not _countable(getattr(thing, field)):
            where = "Scenario" if thing is s else f'{type(thing).__name__}("{thing.name}")'
            yield f"{where}: {field}={getattr(thing, field)!r} must be a whole number, at least 1"


def mended(s: Scenario) -> Scenario:
    """The scenario without what `shape_problems` reports, so that the other rules can still be applied."""
    parts = {part: tuple(thing for thing in getattr(s, part) if isinstance(thing, kind) and (part == "faults" or _named(thing)))
             if isinstance(getattr(s, part), tuple) else () for part, (kind, _) in PARTS.items()}
    bare = replace(s, **parts)
    wrong = [(thing, field) for thing, field in _counted(bare) if not _countable(getattr(thing, field))]
    counts = {field: 1 for thing, field in wrong if thing is bare}
    fixed = {id(thing): replace(thing, **{field: 1}) for thing, field in wrong if thing is not bare}
    return replace(bare, **counts, **{part: tuple(fixed.get(id(thing), thing) for thing in getattr(bare, part)) for part in PARTS})


def _counted(s: Scenario) -> Iterator[tuple[Any, str]]:
    """The counts that names of processes are made from."""
    yield s, "brokers"
    yield s, "controllers"
    for part, field in (("topics", "partitions"), ("groups", "consumers"), ("services", "instances")):
        things = getattr(s, part)
        for thing in things if isinstance(things, tuple) else ():
            if isinstance(thing, PARTS[part][0]):
                yield thing, field


def _countable(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _named(thing: Any) -> bool:
    return isinstance(thing.name, str) and bool(thing.name)


def _a(kind: type) -> str:
    return "a fault" if kind is Fault else f"a {kind.__name__}"


