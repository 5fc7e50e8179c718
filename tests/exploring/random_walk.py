"""Another way to look for a flaw: throw faults at a scenario at random, and judge each run.

Shares nothing with `simlib.exploring`: it knows only the public faults, `run`, and the trace of the calm run. A walk is
one run with one to three faults. Where the enumerator and a few hundred walks disagree, one of them is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import log
from random import Random
from typing import Any

from simlib import Crash, LoseReply, LoseRequest, Pause, Scenario, ScenarioError, check, replace, run

STEPS = ("receive", "commit", "send", "execute", "call", "redis")
REQUESTS = ("produce", "commit", "effect", "call", "redis")
FARTHEST = 12
"""A step or request is drawn among the first so many of its kind."""


@dataclass(frozen=True)
class Walk:
    """One run with random faults."""

    number: int
    faults: tuple[Any, ...]
    broken: bool
    says: str


def walks(scenario: Scenario, law: Any, most: int, kinds: Iterable[str] | None = None, seed: int = 0) -> Iterator[Walk]:
    """Judge up to `most` runs; the first one is calm. `kinds`: which faults to draw, in `explore(only=)`'s words."""
    draws = [DRAWS[kind] for kind in (USUAL if kinds is None else kinds)]
    calm = run(scenario, progress=False)
    yield _judged(0, (), law, calm, calm)
    for number in range(1, most):
        faults = (*scenario.faults, *_faults(scenario, calm, draws, Random(f"{seed}/{number}")))
        yield _judged(number, faults, law, run(replace(scenario, "faults", faults), progress=False), calm)


def first_broken(scenario: Scenario, law: Any, most: int, kinds: Iterable[str] | None = None, seed: int = 0
                 ) -> Walk | None:
    """The first walk that breaks the law, if one does."""
    return next((walk for walk in walks(scenario, law, most, kinds, seed) if walk.broken), None)


# -- judging

def _judged(number: int, faults: tuple[Any, ...], law: Any, trace: Any, calm: Any) -> Walk:
    for each in law if isinstance(law, list) else [law]:
        verdict = each(trace, calm) if len(inspect.signature(each).parameters) > 1 else each(trace)
        if getattr(verdict, "broken", not verdict):
            return Walk(number, faults, True, str(verdict))
    return Walk(number, faults, trace.ended == "stuck", trace.ended)


# -- drawing

def _faults(scenario: Scenario, calm: Any, draws: list[Any], random: Random) -> tuple[Any, ...]:
    """One fault as often as several; misfortunes come in pairs, so the next may be the same once more."""
    faults: list[Any] = []
    for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
        if faults and getattr(faults[-1], "at", None) is None and random.random() < 0.3:
            faults.append(replace(faults[-1], "nth", faults[-1].nth + 1))
        else:
            faults.append(_possible(scenario, calm, draws, random))
    return tuple(faults)


def _possible(scenario: Scenario, calm: Any, draws: list[Any], random: Random) -> Any:
    """Draw until there is one that this scenario can meet: not every process sends, calls or commits."""
    while True:
        fault = random.choice(draws)(scenario, random.choice(scenario.services), calm, random)
        try:
            check(replace(scenario, "faults", [fault]))
            return fault
        except ScenarioError:
            continue


def _crash(scenario: Scenario, service: Any, calm: Any, random: Random) -> Crash:
    """At a step, or at any moment."""
    if random.random() < 0.3:
        return Crash(random.choice(service.members), at=_moment(calm, random), restart_after=service.restart_after)
    step = random.choice((*STEPS, *sorted(set(map(str, calm.effects.name)))))
    return Crash(random.choice(service.members), restart_after=service.restart_after, nth=_which(random),
                 **{random.choice(("before", "after")): step})


def _lost_request(scenario: Scenario, service: Any, calm: Any, random: Random) -> LoseRequest:
    return LoseRequest(random.choice(service.members), random.choice(REQUESTS), nth=_which(random))


def _lost_reply(scenario: Scenario, service: Any, calm: Any, random: Random) -> LoseReply:
    return LoseReply(random.choice(service.members), random.choice(REQUESTS), nth=_which(random))


def _pause(scenario: Scenario, service: Any, calm: Any, random: Random) -> Pause:
    """Too short to be noticed, or long enough to be taken for dead."""
    duration = 10 ** random.uniform(-3, 1) if random.random() < 0.5 else random.uniform(5, 90)
    return Pause(random.choice(service.members), at=_moment(calm, random), duration=duration)


def _broker_dies(scenario: Scenario, service: Any, calm: Any, random: Random) -> Crash:
    return Crash(random.choice(scenario.broker_names), at=_moment(calm, random), restart_after=20)


def _moment(calm: Any, random: Random) -> float:
    """Soon after something that happens in the calm run; often with a record in hand."""
    table = calm.deliveries if len(calm.deliveries) and random.random() < 0.7 else calm.events
    times = table.time[table.time >= 0]
    return max(0.0, float(times.iloc[random.randrange(len(times))]) + random.expovariate(1_000))


def _which(random: Random) -> int:
    """Small numbers more often: most steps have few of their kind."""
    return min(FARTHEST, 1 + int(-log(1 - random.random()) * 1.5))


DRAWS: dict[str, Callable[..., Any]] = {
    "crash": _crash, "lost request": _lost_request, "lost reply": _lost_reply, "stall": _pause, "order": _pause,
    "broker": _broker_dies}
USUAL = ("crash", "crash", "lost request", "lost reply", "stall", "stall")
