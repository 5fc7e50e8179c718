"""Was a record's work done? A service's code cannot be looked into, but what it does to the world can."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.trace.events import effect_messages

Id = tuple[Any, int]


def worked_off(trace: Trace, calm: Trace | None) -> np.ndarray:
    """Messages that were handed to a service and have all the effects that they have in the calm run.

    What has no effect there cannot be seen: it counts as worked off when it was handed over.
    """
    done = np.zeros(len(trace.messages), bool)
    if calm is None or not getattr(trace.scenario, "services", ()):
        return done
    wanted, found = _effects(calm), _effects(trace)
    ids = _ids(trace)
    for row in np.unique(trace.handed.message).tolist():
        done[row] = not wanted.get(ids[row], Counter()) - found.get(ids[row], Counter())
    return done


def _effects(trace: Trace) -> dict[Id, Counter[tuple[int, str]]]:
    """What was done for each message: how often, by name and key."""
    ids, names = _ids(trace), trace.data.code_table("effects")
    found: dict[Id, Counter[tuple[int, str]]] = {}
    rows = zip(effect_messages(trace.handed).tolist(), trace.data.column("effects", "name").tolist(),
               trace.data.column("effects", "key"), strict=True)
    for message, name, key in rows:
        if message >= 0:
            found.setdefault(ids[message], Counter())[names[name], repr(key)] += 1
    return found


def _ids(trace: Trace) -> list[Id]:
    actors = trace.data.code_table("actors")
    return [(str(actors[producer]), number) for producer, number in zip(
        trace.messages.producer.tolist(), trace.data.column("messages", "number").tolist(), strict=True)]
