"""When the declared groups of a real run have gathered: before time 0, as in virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simlib.scenario.scenario import Scenario
from simlib.units import MS

SETTLED_AFTER = 500 * MS
"""Without news for so long, no member is about to lose what it has: the cooperative protocol takes a partition from
one member in a first round, and gives it to another in a second."""

Mark = list[Any]


def unsettled(scenario: Scenario, marks: dict[str, list[Mark]], now: int) -> list[str]:
    """The declared groups that go on sharing out partitions. `marks`: of each process; `now`: the machine's clock."""
    return [group.name for group in scenario.groups
            if not _has_gathered([marks[member] for member in group.members], _all_of(scenario, group.topics), now)]


def _all_of(scenario: Scenario, topics: Iterable[str]) -> list[list[Any]]:
    return sorted([topic.name, number] for topic in scenario.topics if topic.name in topics
                  for number in range(topic.partitions))


def _has_gathered(members: list[list[Mark]], partitions: list[list[Any]], now: int) -> bool:
    """Each member was told what is its own, it is all there is, and that was a while ago."""
    changes = [[mark for mark in marks if mark[1] in ("assigned", "revoked", "lost_partitions")] for marks in members]
    if not all(any(kind == "assigned" for _, kind, *_ in mine) for mine in changes):
        return False
    held = sorted(row for mine in changes for row in _held(mine))
    return held == partitions and now - max(mine[-1][0] for mine in changes) >= SETTLED_AFTER


def _held(changes: list[Mark]) -> list[list[Any]]:
    """What is left to a member of all that it was given."""
    held: list[list[Any]] = []
    for _, kind, _, rows in changes:
        held = [row for row in held if row not in rows] + (rows if kind == "assigned" else [])
    return held
