"""Was a record's work done? A service's code cannot be looked into, but what it does to the world can."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.trace.events import effect_messages

What = tuple[str, Any, str]
"""A message by its topic, key and value: a producer that starts again gives the same content another number."""


def worked_off(trace: Trace, calm: Trace | None) -> np.ndarray:
    """Messages that were handed to a service and have all the effects that they have in the calm run.

    A message that has none there may stand for rows or records; it counts as worked off where these are all there.
    """
    done = np.zeros(len(trace.messages), bool)
    if calm is None or not getattr(trace.scenario, "services", ()):
        return done
    wanted, found = _effects(calm), _effects(trace)
    ids, all_there = _ids(trace), _all_there(trace, calm)
    for row in np.unique(trace.handed.message).tolist():
        mine = wanted.get(ids[row])
        done[row] = all_there if mine is None else not mine - found.get(ids[row], Counter())
    return done


def _all_there(trace: Trace, calm: Trace) -> bool:
    """Is every row of the calm run's final databases there, and every record that its services sent?"""
    return not (_sent(calm) - _sent(trace) or _stored(calm) - _stored(trace))


def _sent(trace: Trace) -> Counter[tuple[str, str]]:
    members = {name for service in trace.scenario.services for name in service.members}
    actors, topics = trace.data.code_table("actors"), trace.data.code_table("topics")
    own = np.flatnonzero(np.isin(trace.messages.producer, [i for i, name in enumerate(actors) if str(name) in members]))
    values = trace.data.column("messages", "value")
    return Counter((str(topics[trace.messages.topic[row]]), repr(values[row])) for row in own.tolist()
                   if trace.messages.offset[row] >= 0)


def _stored(trace: Trace) -> Counter[tuple[str, str]]:
    return Counter((service, line) for service, database in trace.databases.items() for line in database.content())


def _effects(trace: Trace) -> dict[What, Counter[tuple[int, str]]]:
    """What was done for each message: how often, by name and key."""
    ids, names = _ids(trace), trace.data.code_table("effects")
    found: dict[What, Counter[tuple[int, str]]] = {}
    rows = zip(effect_messages(trace.handed).tolist(), trace.data.column("effects", "name").tolist(),
               trace.data.column("effects", "key"), strict=True)
    for message, name, key in rows:
        if message >= 0:
            found.setdefault(ids[message], Counter())[names[name], repr(key)] += 1
    return found


def _ids(trace: Trace) -> list[What]:
    topics, keys = trace.data.code_table("topics"), [*trace.data.code_table("keys"), None]
    values = trace.data.column("messages", "value")
    return [(str(topics[topic]), keys[key], repr(value)) for topic, key, value in zip(
        trace.messages.topic.tolist(), trace.data.column("messages", "key").tolist(), values, strict=True)]
