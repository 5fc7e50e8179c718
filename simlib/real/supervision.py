"""Watches over a real run: begins it, starts what died again, and decides when it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from simlib.real.cluster import Cluster
from simlib.real.errors import RealRunError
from simlib.real.gathering import unsettled
from simlib.real.harming import Harm
from simlib.real.local_kafka import LocalKafka
from simlib.real.processes import Worker, wait_for
from simlib.real.timeline import Timeline
from simlib.real.watching import QUIET_AFTER, Watch
from simlib.real.worker.marks import read_marks
from simlib.scenario.scenario import REDIS, Scenario

START_WITHIN = 60.0
"""Seconds for all workers to be ready and all declared groups to be assigned."""

FINISHED, RAISED = 0, 1
"""How a worker exits."""

LOOK_EVERY = 0.02
QUIET_WHILE_BEHIND = 20.0
STUCK_AFTER = 600.0


class Supervision:
    """`run()` may be called once; afterwards `timeline.events` holds what was done to processes."""

    def __init__(self, scenario: Scenario, workers: dict[str, Worker], cluster: Cluster, local: LocalKafka | None,
                 prefix: str) -> None:
        self.scenario, self.workers = scenario, workers
        self.timeline = Timeline()
        self.ended = ""
        self.ended_at = 0.0
        self._harm = Harm(scenario, self.timeline, workers, cluster, local, prefix, self._shut_down, self._killed)
        self._watch = Watch(self.timeline, workers, self._harm.stands_still)
        self._looked_at = 0.0
        self._own_end: set[str] = set()
        """Processes whose end is known: what they wrote before it has been read."""
        self._ending: dict[str, float | None] = {}
        """Who was asked to end, and so many seconds after its end it is to be started again."""

    @property
    def hits(self) -> set[str]:
        """What of a schedule was carried out."""
        return self._watch.hits

    def not_fired(self) -> list[Any]:
        """Faults that never found their moment."""
        fired = self._watch.fired | self._harm.fired
        return [fault for place, fault in enumerate(self.scenario.faults) if place not in fired]

    # -- the course of a run

    def run(self, progress: Callable[[float], None]) -> None:
        """Begin, watch, end. Whatever happens, no worker is left, and every broker of ours runs again."""
        try:
            self._begin()
            while not (ended := self._why_over()):
                self._look()
                progress(self.timeline.now)
                time.sleep(LOOK_EVERY)
            self.ended = ended
        except KeyboardInterrupt:
            self.ended = "interrupted"
        finally:
            self.ended_at = self.timeline.now
            for worker in self.workers.values():
                worker.close()
                _show_output(worker)
            self._harm.mend()

    def _begin(self) -> None:
        """Members of declared groups join, everybody else gets ready; then time 0 is now."""
        late = {name: service.start for service in self.scenario.services if service.start for name in service.members}
        first = [worker for worker in self.workers.values() if self._is_needed(worker)]
        for worker in first:
            worker.start()
        if not wait_for(lambda: not self._not_ready(first), START_WITHIN):
            raise RealRunError(f"after {START_WITHIN:g} s these are not ready: {', '.join(self._not_ready(first))}. "
                               "Is the machine very busy, or do the brokers not answer?")
        self.timeline.begin()
        for worker in first:
            if worker.plan.name not in late:
                self._go(worker)
        for name, start in late.items():
            self.timeline.plan(start, partial(self._go, self.workers[name]))
        self._harm.plan()

    def _is_needed(self, worker: Worker) -> bool:
        """Redis is started when somebody uses it; sooner only if something is to happen to it."""
        return worker.plan.role != "redis" or any(getattr(fault, "who", "") == REDIS for fault in self.scenario.faults)

    def _not_ready(self, first: list[Worker]) -> list[str]:
        """Processes that cannot work yet, and groups whose members do not have their partitions yet."""
        for worker in first:
            if not worker.alive:
                raise RealRunError(f"{worker.plan.name} could not begin:\n{worker.new_output()}")
        marks = {worker.plan.name: read_marks(worker.plan.marks_of(worker.life)) for worker in first}
        alone = [worker.plan.name for worker in first if worker.plan.role != "group"]
        return [*(name for name in alone if not any(kind == "ready" for _, kind, *_ in marks[name])),
                *unsettled(self.scenario, marks, time.monotonic_ns())]

    def _why_over(self) -> str:
        """How the run has ended; "" while it goes on. Declared load alone runs to its duration.

        What has happened since the last look is not known yet: on a busy machine, that may be all that matters.
        """
        now, last_mark = self._looked_at, self.timeline.last_mark
        if self.timeline.now >= self.scenario.duration:
            return "duration"
        if not (self.scenario.services or self.scenario.inputs):
            return ""
        if self._pending():
            return "stuck" if now - last_mark > STUCK_AFTER else ""
        patience = QUIET_WHILE_BEHIND if self._watch.is_behind() else QUIET_AFTER
        return "quiet" if now - max(last_mark, self._watch.held_until) > patience else ""

    def _pending(self) -> bool:
        """Is anything under way, or planned, that will end or begin by itself?"""
        producing = any(worker.plan.role in ("inputs", "producer") and name not in self._own_end
                        for name, worker in self.workers.items())
        return (self.timeline.has_plans or producing or bool(self._ending) or self._watch.is_something_under_way()
                or any(worker.restart_at is not None for worker in self.workers.values()))

    # -- looking after the workers

    def _look(self) -> None:
        self._looked_at = self.timeline.now
        for worker in self.workers.values():
            if worker.life >= 0:
                dead = not worker.alive  # first: what it wrote before its death is there now
                self._watch.listen(worker)
                _show_output(worker)
                if dead and worker.plan.name not in self._own_end:
                    self._died(worker)
        for name in self._watch.take_wanted():
            if self.workers[name].life < 0:
                self._start(self.workers[name])
        self.timeline.carry_out_what_is_due()
        for worker in self.workers.values():
            if worker.restart_at is not None and worker.restart_at <= self.timeline.now:
                self.timeline.note("restarted", worker.plan.name)
                self._start(worker)

    def _died(self, worker: Worker) -> None:
        """It is gone: by its own hand, by an exception, by the end of its main - or for a reason nobody here knows."""
        name = worker.plan.name
        self._own_end.add(name)
        code = worker.process.returncode if worker.process is not None else None
        known, restart_after = name in self._watch.dying, self._watch.dying.get(name)
        asked, back_after = name in self._ending, self._ending.pop(name, None)
        self._watch.gone(name)
        if not (known or asked):
            raise RealRunError(f"{name} died (exit code {code}), and no fault of this scenario killed it")
        if asked and code in (FINISHED, RAISED):
            self.timeline.note("shutdown", name)
            self._start_after(worker, back_after)
        elif code != FINISHED:
            self.timeline.note("crashed", name)
            self._start_after(worker, restart_after)
        elif worker.plan.role in ("service", "group", "redis"):
            self.timeline.note("shutdown", name, "main is over")

    def _killed(self, worker: Worker, restart_after: float | None) -> None:
        """By a fault, a moment ago."""
        self._watch.listen(worker)
        _show_output(worker)
        self._own_end.add(worker.plan.name)
        self._ending.pop(worker.plan.name, None)
        self._watch.gone(worker.plan.name)
        self.timeline.note("crashed", worker.plan.name)
        self._start_after(worker, restart_after)

    def _shut_down(self, worker: Worker, restart_after: float | None) -> bool:
        """By a fault; it takes the time it needs. False if it is ending already."""
        if worker.plan.name in self._ending:
            return False
        worker.say("stop")
        self._ending[worker.plan.name] = restart_after
        return True

    def _start_after(self, worker: Worker, seconds: float | None) -> None:
        """None: never again."""
        worker.restart_at = None if seconds is None else self.timeline.now + seconds

    def _start(self, worker: Worker) -> None:
        self._own_end.discard(worker.plan.name)
        worker.start()
        self._go(worker)

    def _go(self, worker: Worker) -> None:
        """Tell it when time 0 was: on the monotonic clock (ns), and on the clock of Kafka's timestamps (ms)."""
        worker.works = True
        self._watch.begins(worker.plan.name)
        worker.say(f"go {self.timeline.began} {self.timeline.time_of_day}")


def _show_output(worker: Worker) -> None:
    """What it has printed since the last look."""
    if worker.life >= 0 and (printed := worker.new_output()):
        sys.stdout.write(printed)
