"""Runs schedules, one after another, and writes down what became of each."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from simlib.exploring.judging import Rule, judge
from simlib.exploring.outcome import outcome
from simlib.exploring.purity import NotReproducible, watched
from simlib.exploring.space import Space, same_steps
from simlib.exploring.words import hit_in_words
from simlib.running import simlib_version
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Hit, Schedule, StepId, schedule_id
from simlib.services.process import packed
from simlib.supervision import Job
from simlib.trace.trace import Trace
from simlib.world.event_loop import StepStopped
from simlib.world.garbage import automatic_collection_off
from simlib.world.steps import Step
from simlib.world.world import World

BETWEEN_COLLECTIONS = 40
"""Runs after which the cycles they left behind are collected."""


@dataclass(frozen=True)
class Finding:
    """What became of one schedule, in words; `word` is holds, broken or not judged."""

    schedule: Schedule
    hit: str
    outcome: str
    word: str
    says: str

    @property
    def id(self) -> str:
        """The schedule's id."""
        return schedule_id(self.schedule)


class Runner:
    """One scenario, run under one schedule after another. Everything in it can be pickled."""

    def __init__(self, scenario: Scenario, rules: Sequence[Rule]) -> None:
        self.scenario = scenario
        self.rules = tuple(rules)
        self.programs = {service.name: packed(service) for service in scenario.services}
        self.calm: Trace | None = None
        self.space: Space | None = None
        self.unreached: list[Hit] = []
        """Hits of the last run that found nothing: with acks=0 there is no reply to lose."""

    def run(self, schedule: Schedule, watch: Callable[[World], None] | None = None) -> tuple[Trace, list[Step]]:
        """One run: its trace, and the steps its services took."""
        world = World(self.scenario, schedule=schedule, programs=self.programs)
        world.run(watch)
        trace, taken = Trace(world.trace_data(simlib_version(), [])), world.taken
        self.unreached = list(world.unreached)
        world.forget()
        return trace, taken

    def run_calm(self, watch: Callable[[World], None] | None = None) -> list[Step]:
        """The run without faults, twice: sets `calm`. Raises NotReproducible."""
        with watched() as offence:
            try:
                _, first = self.run((), watch)
            except StepStopped:
                if offence.told:
                    raise NotReproducible(f"not reproducible: a service uses {offence.told}") from None
                raise
        calm, second = self.run((), watch)
        if differs := same_steps(first, second):
            raise NotReproducible(f"not reproducible: two runs without any fault first differ at {differs}. "
                                  "A service depends on something outside the simulation")
        self.calm = calm
        return second

    def wire(self, watch: Callable[[World], None] | None = None) -> list[StepId]:
        """Every request that the services' clients make in the calm run, whatever it is for."""
        world = World(self.scenario, wire=True, schedule=(), programs=self.programs)
        world.run(watch)
        names = {name for service in self.scenario.services for name in service.members}
        counts: Counter[tuple[str, str]] = Counter()
        found = []
        for _, what, kind, source, _ in world.network.wire or ():
            who = world.recorder.names["actors"][source]
            if what == "request" and who in names:
                counts[who, kind] += 1
                found.append(StepId(who, 0, kind, counts[who, kind]))
        return found

    @property
    def calm_trace(self) -> Trace:
        """The run without faults, once it was made."""
        assert self.calm is not None
        return self.calm

    def finding(self, schedule: Schedule, watch: Callable[[World], None] | None = None
                ) -> tuple[Finding, Trace, list[Step]]:
        """Run a schedule and judge it."""
        trace, taken = self.run(schedule, watch)
        verdict = judge(self.rules, trace, self.calm, schedule_id(schedule))
        words = ", then ".join(hit_in_words(hit, taken) for hit in schedule) or "nothing"
        came = "never came: nothing was there to hit" if self.unreached else outcome(trace, self.calm)
        return Finding(schedule, words, came, verdict.word, verdict.message), trace, taken

    def findings(self, schedules: Iterable[Schedule], job: Job, expand: bool
                 ) -> Iterator[tuple[Finding, list[Schedule]]]:
        """What became of each, and (`expand`) the schedules with one hit more; ends early when interrupted."""
        with automatic_collection_off():
            for number, schedule in enumerate(schedules):
                finding, _, taken = self.finding(schedule, job.watch)
                if job.interrupted:
                    return
                yield finding, self.space.after(taken, schedule) if expand and self.space else []
                job.done += 1
                if number % BETWEEN_COLLECTIONS == BETWEEN_COLLECTIONS - 1:
                    gc.collect(1)
