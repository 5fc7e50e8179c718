"""The faults of a real run that come at a time: to its workers, and to the nodes of a LocalKafka."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from simlib.real.cluster import Cluster
from simlib.real.errors import KafkaUnavailable
from simlib.real.local_kafka import LocalKafka
from simlib.real.processes import Worker
from simlib.real.timeline import Timeline
from simlib.scenario.faults import AddPartitions, Crash, Pause, Shutdown
from simlib.scenario.scenario import Scenario

ON_TIME = (Crash, Shutdown, Pause, AddPartitions)
LOOK_AGAIN = 0.1
"""Seconds; a clean shutdown takes the time it needs."""


class Harm:
    """`shut_down(worker, restart_after)` and `killed(...)` tell those who look after the workers.

    A worker that is ending already is not shut down once more: then `shut_down` says False.
    """

    def __init__(self, scenario: Scenario, timeline: Timeline, workers: dict[str, Worker], cluster: Cluster,
                 local: LocalKafka | None, prefix: str, shut_down: Callable[[Worker, float | None], bool],
                 killed: Callable[[Worker, float | None], None]) -> None:
        self._scenario, self._timeline, self._workers = scenario, timeline, workers
        self._cluster, self._local, self._prefix = cluster, local, prefix
        self._shut_down, self._killed = shut_down, killed
        self.fired: set[int] = set()
        """Places of the scenario's faults that found their moment."""

    def plan(self) -> None:
        """Each fault at its time."""
        for place, fault in enumerate(self._scenario.faults):
            if isinstance(fault, ON_TIME) and fault.at is not None:
                self._timeline.plan(fault.at, partial(self._fire, place, fault))

    def _fire(self, place: int, fault: Any) -> None:
        if isinstance(fault, AddPartitions):
            self._cluster.grow(self._prefix + fault.topic, fault.to)
            self._timeline.note("partitions_added", "", fault.topic)
            self.fired.add(place)
        elif fault.who in self._workers:
            self._hit_worker(place, fault)
        else:
            self._hit_node(place, fault)

    # -- workers

    def _hit_worker(self, place: int, fault: Any) -> None:
        worker = self._workers[fault.who]
        if not (worker.alive and worker.works):
            return
        if isinstance(fault, Shutdown) and not self._shut_down(worker, fault.restart_after):
            return
        self.fired.add(place)
        if isinstance(fault, Pause):
            worker.pause()
            self.stands_still(fault.who, fault.duration)
        elif isinstance(fault, Crash):
            worker.kill()
            self._killed(worker, fault.restart_after)

    def stands_still(self, name: str, seconds: float) -> None:
        """It was stopped; it goes on in a while."""
        self._timeline.note("paused", name)
        worker = self._workers.get(name)
        resume = partial(self._resume_node, name) if worker is None else partial(self._resume, worker, worker.life)
        self._timeline.plan(self._timeline.now + seconds, resume)

    def _resume(self, worker: Worker, life: int) -> None:
        if worker.alive and worker.life == life:  # it may have been killed where it stood
            self._timeline.note("resumed", worker.plan.name)  # before it does anything again
            worker.resume()

    # -- nodes

    def _resume_node(self, name: str) -> None:
        assert self._local is not None
        self._timeline.note("resumed", name)
        self._local.resume(name)

    def _hit_node(self, place: int, fault: Any) -> None:
        """A broker or controller of a LocalKafka."""
        assert self._local is not None
        if not self._local.is_alive(fault.who):
            return
        self.fired.add(place)
        if isinstance(fault, Pause):
            self._local.pause(fault.who)
            self.stands_still(fault.who, fault.duration)
            return
        if isinstance(fault, Shutdown):
            self._local.shut_down(fault.who)
            self._timeline.note("shutdown", fault.who)
        else:
            self._local.kill(fault.who)
            self._timeline.note("crashed", fault.who)
        if fault.restart_after is not None:
            self._timeline.plan(self._timeline.now + fault.restart_after, partial(self._restart_node, fault.who))

    def _restart_node(self, name: str) -> None:
        assert self._local is not None
        if self._local.is_alive(name):
            self._timeline.plan(self._timeline.now + LOOK_AGAIN, partial(self._restart_node, name))
            return
        self._local.restart(name)
        self._timeline.note("restarted", name)

    def mend(self) -> None:
        """A cluster is left as it was found: whoever uses it next expects all its nodes."""
        if self._local is None or not self._scenario.faults:
            return
        for name in self._local.names:
            self._local.revive(name)
        try:
            self._local.wait_until_ready()
        except KafkaUnavailable as error:
            raise KafkaUnavailable(f"after the run the cluster did not come back. {error}") from error
