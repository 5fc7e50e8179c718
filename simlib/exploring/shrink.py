"""The same broken rule with fewer records: the shortest story is the one that is understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simlib.exploring.judging import judge
from simlib.exploring.search import Finding, Runner
from simlib.exploring.space import Space
from simlib.scenario import replace
from simlib.scenario.errors import ConfigError, ScenarioError
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Schedule
from simlib.scenario.validation import check
from simlib.supervision import Job

MOST_TRIES = 400
"""Schedules tried for one smaller scenario: shrinking must not cost more than finding."""


def shrunk(runner: Runner, finding: Finding, space: Space, job: Job) -> tuple[Runner, Finding]:
    """A runner with as few inputs as still break the law with as many faults, and the schedule that does it."""
    best = runner, finding
    for way in (first_ones, last_ones):
        best = next(_broken(way(best[0].scenario), *best, space, job), best)
    return best


def _broken(scenarios: Iterator[Scenario], runner: Runner, finding: Finding, space: Space, job: Job
            ) -> Iterator[tuple[Runner, Finding]]:
    for scenario in scenarios:
        if job.interrupted:
            return
        candidate = Runner(scenario, runner.rules)
        found = _first_broken(candidate, finding.schedule, space, job)
        if found is not None:
            yield candidate, found


def first_ones(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with the first one, two, ... of its inputs, taken from its topics in turn."""
    for count in range(1, sum(map(len, scenario.inputs.values()))):
        yield from _if_sound(replace(scenario, "inputs", _first(scenario.inputs, count)))


def last_ones(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario with the last one, two, ... of its inputs, where they are for one topic."""
    for topic, records in scenario.inputs.items():
        for start in range(len(records) - 1, 0, -1) if len(scenario.inputs) == 1 else ():
            yield from _if_sound(replace(scenario, "inputs", {topic: records[start:]}))


def _if_sound(scenario: Scenario) -> Iterator[Scenario]:
    try:
        check(scenario)
    except (ScenarioError, ConfigError):
        return
    yield scenario


def _first(inputs: Any, count: int) -> dict[str, Any]:
    taken = dict.fromkeys(inputs, 0)
    while sum(taken.values()) < count:
        for topic, records in inputs.items():
            if taken[topic] < len(records) and sum(taken.values()) < count:
                taken[topic] += 1
    return {topic: records[:taken[topic]] for topic, records in inputs.items() if taken[topic]}


def _first_broken(runner: Runner, schedule: Schedule, space: Space, job: Job) -> Finding | None:
    """The first schedule of the same kinds of fault that breaks the law here."""
    kinds = tuple(hit.kind for hit in schedule)
    calm = runner.run_calm(job.watch)
    if schedule and judge(runner.rules, runner.calm_trace, runner.calm, "calm").broken:
        return None  # a rule that counts on all the records: with fewer it says nothing
    waiting: list[tuple[Schedule, Any]] = [((), calm)]
    tries = 0
    while waiting:
        done, taken = waiting.pop(0)
        if len(done) == len(kinds):
            continue
        for longer in Space((kinds[len(done)],), space.may_stall).after(taken, done):
            tries += 1
            if tries > MOST_TRIES or job.interrupted:
                return None
            finding, _, steps = runner.finding(longer, job.watch)
            if finding.word == "broken" and len(longer) == len(kinds):
                return finding
            waiting.append((longer, steps))
    return None if schedule else _calm_finding(runner, job)


def _calm_finding(runner: Runner, job: Job) -> Finding | None:
    finding, _, _ = runner.finding((), job.watch)
    return finding if finding.word == "broken" else None


