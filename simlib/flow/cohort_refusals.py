"""What cannot be reckoned a batch at a time: each by its name, all at once, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from simlib.flow.evenly import cycle
from simlib.scenario.distributions import Constant, as_distribution
from simlib.scenario.loads import comes_evenly, mean_rate
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import resolve_producer
from simlib.scenario.topology import Producer
from simlib.units import SECOND


def reasons_against_cohorts(scenario: Scenario) -> list[str]:
    """Of a scenario that the flow engine can run: every reason why each record has to be looked at."""
    problems = [line for producer in scenario.producers for line in _of_producer(producer, scenario)]
    for group in scenario.groups:
        if not isinstance(as_distribution(group.service_time), Constant):
            problems.append(f"group {group.name!r}, service_time={group.service_time!r}: drawn for each record; give "
                            "all of them the same, a number")
    return problems


def _of_producer(producer: Producer, scenario: Scenario) -> Iterator[str]:
    name, partitions = f"producer {producer.name!r}", scenario.topic(producer.topic).partitions
    if not comes_evenly(producer):
        yield f"{name}, arrivals: given or drawn for each record; use arrivals='constant' and a number as rate"
    elif mean_rate(producer) >= SECOND:
        yield f"{name}, rate={producer.rate!r}: at most one record a nanosecond; use several producers"
    settings = resolve_producer(scenario.client, producer.overrides())
    if cycle(producer, settings, partitions, scenario.seed) is None:
        yield (f"{name}, keys={_short(producer.keys)}: to which of {partitions} partitions a record goes is drawn for "
               "each; give keys and key_distribution=InOrder(), or one key")


def _short(keys: object) -> str:
    text = repr(keys)
    return text if len(text) <= 40 else f"{text[:36]} ..."
