"""Watches over a real run: begins it, carries out its faults, starts what died again, and decides when it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from simlib.real.cluster import Cluster
from simlib.real.errors import KafkaUnavailable, RealRunError
from simlib.real.local_kafka import LocalKafka
from simlib.real.processes import Worker, wait_for
from simlib.scenario.faults import AddPartitions, Crash, Pause, Shutdown
from simlib.scenario.scenario import Scenario
from simlib.units import MS

START_WITHIN = 60.0
"""Seconds for all workers to be ready and all declared groups to be assigned."""

LOOK_EVERY = 0.02
QUIET_AFTER = 5.0
QUIET_WHILE_BEHIND = 20.0
STUCK_AFTER = 600.0
USUAL_SESSION = 45.0
MARKS = ("started", "produced", "acked", "failed", "delivered", "effect", "committed", "executed", "assigned",
         "revoked", "shown", "exception", "finished")
"""What shows that something still happens."""

ON_TIME = (Crash, Shutdown, Pause, AddPartitions)

Due = tuple[float, Callable[[], Any]]


class Supervision:
    """`run()` may be called once; afterwards `events` holds what was done to processes, in seconds after time 0."""

    def __init__(self, scenario: Scenario, workers: dict[str, Worker], cluster: Cluster, local: LocalKafka | None,
                 prefix: str) -> None:
        self.scenario, self.workers, self.cluster, self.local, self.prefix = scenario, workers, cluster, local, prefix
        self.began = self._time_of_day = 0
        self.ended = "interrupted"
        self.ended_at = 0.0
        self.events: list[tuple[float, str, str, str]] = []
        """(time, kind, process, detail)"""
        self.fired: set[int] = set()
        """Places of the scenario's faults that found their moment."""
        self.hits: set[str] = set()
        """What of a schedule was carried out."""
        self._due: list[Due] = []
        self._last_mark = self._held_until = 0.0
        self._committed: dict[tuple[str, str, int], int] = {}
        self._topic_of: dict[str, str] = {}
        self._acked: dict[str, set[str]] = {}
        self._handed: dict[tuple[str, str], set[str]] = {}
        """Messages by topic, and by group and topic."""
        self._under_way: dict[str, dict[str, int]] = {}
        self._beginning: set[str] = set()
        """Processes that were started again and have not come to their code yet."""
        self._waiting_groups: set[str] = set()
        self._sessions: dict[str, float] = {}
        self._dying: dict[str, float | None] = {}
        self._own_end: set[str] = set()
        self._broken: list[str] = []

    @property
    def now(self) -> float:
        return (time.monotonic_ns() - self.began) / 1e9 if self.began else 0.0

    # -- the course of a run

    def run(self, progress: Callable[[float], None]) -> None:
        """Begin, watch, end. Whatever happens, no worker is left, and every broker of ours runs again."""
        try:
            self._begin()
            while not self._over():
                self._look()
                progress(self.now)
                time.sleep(LOOK_EVERY)
        except KeyboardInterrupt:
            self.ended = "interrupted"
        finally:
            self.ended_at = self.now
            for worker in self.workers.values():
                worker.close()
            self._mend_brokers()

    def _begin(self) -> None:
        """Members of declared groups join, everybody else gets ready; then time 0 is now."""
        late = {name: service.start for service in self.scenario.services if service.start for name in service.members}
        first = [worker for name, worker in self.workers.items() if name not in late]
        for worker in first:
            worker.start()
        if not wait_for(lambda: self._all_ready(first), START_WITHIN):
            waiting = ", ".join(worker.plan.name for worker in first if not self._is_ready(worker))
            raise RealRunError(f"after {START_WITHIN:g} s these are not ready: {waiting}. Is the machine very busy, "
                               "or do the brokers not answer?")
        self.began, self._time_of_day = time.monotonic_ns(), time.time_ns() // MS
        for worker in first:
            self._go(worker)
        for name, start in late.items():
            self._plan(start, partial(self._start, self.workers[name]))
        for place, fault in enumerate(self.scenario.faults):
            if isinstance(fault, ON_TIME) and fault.at is not None:
                self._plan(fault.at, partial(self._fire, place, fault))

    def _all_ready(self, workers: list[Worker]) -> bool:
        return all(self._is_ready(worker) for worker in workers)

    def _is_ready(self, worker: Worker) -> bool:
        if not worker.alive:
            raise RealRunError(f"{worker.plan.name} could not begin:\n{worker.new_output()}")
        wanted = "assigned" if worker.plan.role == "group" else '"ready"'
        return wanted in worker.plan.marks_of(worker.life).read_text(encoding="utf-8")

    def _over(self) -> bool:
        if self.now >= self.scenario.duration:
            self.ended = "duration"
            return True
        if not (self.scenario.services or self.scenario.inputs):
            return False
        if self._pending():
            self.ended = "stuck"
            return self.now - self._last_mark > STUCK_AFTER
        self.ended = "quiet"
        patience = QUIET_WHILE_BEHIND if self._is_behind() else QUIET_AFTER
        return self.now - max(self._last_mark, self._held_until) > patience

    def _is_behind(self) -> bool:
        """Is there a record in a topic that a group reads, which the group was never handed? A busy machine is slow."""
        return any(self._acked.get(topic, set()) - handed for (_, topic), handed in self._handed.items())

    def _pending(self) -> bool:
        """Is anything under way, or planned, that will end or begin by itself?"""
        producing = any(worker.alive and worker.plan.role in ("inputs", "producer") for worker in self.workers.values())
        return bool(self._due or self._beginning or self._waiting_groups or producing or self.now < self._held_until
                    or any(worker.restart_at is not None for worker in self.workers.values())
                    or any(count for steps in self._under_way.values() for count in steps.values()))

    # -- looking after the workers

    def _look(self) -> None:
        for worker in self.workers.values():
            if worker.life >= 0:
                dead = not worker.alive  # first: what it wrote before its death is there now
                self._listen(worker)
                if dead and worker.plan.name not in self._own_end:
                    self._died(worker)
        due = [one for one in self._due if one[0] <= self.now]
        self._due = [one for one in self._due if one not in due]
        for _, act in due:
            act()
        for worker in self.workers.values():
            if worker.restart_at is not None and worker.restart_at <= self.now:
                self._note("restarted", worker.plan.name)
                self._start(worker)

    def _listen(self, worker: Worker) -> None:
        name = worker.plan.name
        for mark in worker.new_marks():
            kind, details = mark[1], mark[2:]
            if kind == "refused":
                raise RealRunError(details[0])
            if kind in MARKS and self._is_news(kind, details):
                self._last_mark = max(self._last_mark, (mark[0] - self.began) / 1e9)
            handle = getattr(self, f"_on_{kind}", None)
            if handle is not None:
                handle(name, *details)
        if printed := worker.new_output():
            sys.stdout.write(printed)

    def _is_news(self, kind: str, details: list[Any]) -> bool:
        """A commit that moves nothing and a statement that changes nothing keep no run alive."""
        if kind == "executed":
            return bool(details[2])
        if kind != "committed":
            return True
        group, rows, _ = details
        moved = {(group, topic, partition): offset for topic, partition, offset in rows}
        news = any(self._committed.get(place) != offset for place, offset in moved.items())
        self._committed |= moved
        return news

    def _on_begun(self, name: str, kind: str, *_: Any) -> None:
        steps = self._under_way.setdefault(name, {})
        steps[kind] = steps.get(kind, 0) + 1

    def _on_ended(self, name: str, kind: str, *_: Any) -> None:
        self._under_way[name][kind] -= 1

    _on_given_up = _on_ended

    def _on_consumes(self, name: str, group: str, session_ms: float) -> None:
        self._waiting_groups.add(name)
        self._sessions[name] = session_ms / 1_000

    def _on_produced(self, name: str, number: int, topic: str, *_: Any) -> None:
        self._topic_of[f"{name}:{number}"] = topic

    def _on_acked(self, name: str, number: int, *_: Any) -> None:
        self._acked.setdefault(self._topic_of[f"{name}:{number}"], set()).add(f"{name}:{number}")

    def _on_delivered(self, name: str, group: str, topic: str, partition: int, offset: int, message: str,
                      *_: Any) -> None:
        self._handed.setdefault((group, topic), set()).add(message)

    def _on_started(self, name: str) -> None:
        self._beginning.discard(name)

    def _on_assigned(self, name: str, group: str, rows: list[Any]) -> None:
        self._waiting_groups.discard(name)
        for topic, _ in rows:
            self._handed.setdefault((group, topic), set())

    def _on_sleeping(self, name: str, seconds: float) -> None:
        self._held_until = max(self._held_until, self.now + seconds)

    def _on_dying(self, name: str, restart_after: float | None) -> None:
        self._dying[name] = restart_after

    def _on_exception(self, name: str, *_: Any) -> None:
        self._dying[name] = self.workers[name].plan.restart_after

    def _on_finished(self, name: str, *_: Any) -> None:
        self._dying.setdefault(name, None)

    def _on_fired(self, name: str, place: int) -> None:
        self.fired.add(place)

    def _on_hit(self, name: str, hit: str) -> None:
        self.hits.add(hit)

    def _on_stalling(self, name: str, seconds: float) -> None:
        self._note("paused", name)
        self._plan(self.now + seconds, lambda: self._resume(name))

    def _died(self, worker: Worker) -> None:
        """It is gone: by its own hand, by an exception, by the end of its main - or for a reason nobody here knows."""
        name = worker.plan.name
        self._own_end.add(name)
        code = worker.process.returncode if worker.process is not None else None
        known, restart_after = name in self._dying, self._dying.pop(name, None)
        self._gone(name)
        if not known:
            raise RealRunError(f"{name} died (exit code {code}), and no fault of this scenario killed it")
        if code != 0:
            self._note("crashed", name)
        elif worker.plan.role in ("service", "group"):
            self._note("shutdown", name, "main is over")
        if restart_after is not None and code != 0:
            worker.restart_at = self.now + restart_after

    def _gone(self, name: str) -> None:
        """Others may need its session time-out to notice, and a heartbeat to take over."""
        self._under_way.pop(name, None)
        self._beginning.discard(name)
        self._waiting_groups.discard(name)
        if name in self._sessions:
            self._held_until = max(self._held_until, self.now + self._sessions[name] + QUIET_AFTER)

    def _start(self, worker: Worker) -> None:
        self._own_end.discard(worker.plan.name)
        worker.start()
        self._beginning.add(worker.plan.name)
        self._go(worker)

    def _go(self, worker: Worker) -> None:
        """Tell it when time 0 was: on the monotonic clock (ns), and on the clock of Kafka's timestamps (ms)."""
        worker.say(f"go {self.began} {self._time_of_day}")

    # -- faults

    def _plan(self, at: float, act: Callable[[], Any]) -> None:
        self._due.append((at, act))

    def _fire(self, place: int, fault: Any) -> None:
        if isinstance(fault, AddPartitions):
            self.cluster.grow(self.prefix + fault.topic, fault.to)
            self._note("partitions_added", "", fault.topic)
            self.fired.add(place)
        elif fault.who in self.workers:
            self._hit_worker(place, fault)
        else:
            self._hit_node(place, fault)

    def _hit_worker(self, place: int, fault: Any) -> None:
        worker = self.workers[fault.who]
        if not worker.alive:
            return
        self.fired.add(place)
        if isinstance(fault, Pause):
            worker.pause()
            self._note("paused", fault.who)
            self._plan(self.now + fault.duration, lambda: self._resume(fault.who))
        elif isinstance(fault, Shutdown):
            worker.say("stop")
            self._dying[fault.who] = None
            if fault.restart_after is not None:
                self._plan(self.now + fault.restart_after, lambda: self._start_if_dead(worker))
        else:
            worker.kill()
            self._listen(worker)
            self._own_end.add(fault.who)
            self._gone(fault.who)
            self._note("crashed", fault.who)
            worker.restart_at = None if fault.restart_after is None else self.now + fault.restart_after

    def _start_if_dead(self, worker: Worker) -> None:
        if worker.alive:
            self._plan(self.now + 0.1, lambda: self._start_if_dead(worker))
        else:
            worker.restart_at = self.now

    def _resume(self, name: str) -> None:
        if name in self.workers:
            self.workers[name].resume()
        elif self.local is not None:
            self.local.resume(name)
        self._note("resumed", name)

    def _hit_node(self, place: int, fault: Any) -> None:
        """A broker or controller of a LocalKafka."""
        assert self.local is not None
        if not self.local.is_alive(fault.who):
            return
        self.fired.add(place)
        if isinstance(fault, Pause):
            self.local.pause(fault.who)
            self._note("paused", fault.who)
            self._plan(self.now + fault.duration, lambda: self._resume(fault.who))
            return
        if isinstance(fault, Shutdown):
            self.local.shut_down(fault.who)
            self._note("shutdown", fault.who)
        else:
            self.local.kill(fault.who)
            self._note("crashed", fault.who)
        self._broken.append(fault.who)
        if fault.restart_after is not None:
            self._plan(self.now + fault.restart_after, lambda: self._restart_node(fault.who))

    def _restart_node(self, name: str) -> None:
        assert self.local is not None
        if self.local.is_alive(name):  # a clean shutdown takes its time
            self._plan(self.now + 0.2, lambda: self._restart_node(name))
            return
        self.local.restart(name)
        self._note("restarted", name)

    def _mend_brokers(self) -> None:
        """A cluster is left as it was found: whoever uses it next expects all its nodes."""
        if self.local is None or not self.scenario.faults:
            return
        for name in self.local.names:
            if not self.local.is_alive(name):
                self.local.restart(name)
            elif sys.platform != "win32":
                self.local.resume(name)
        try:
            self.local.wait_until_ready()
        except KafkaUnavailable as error:
            raise KafkaUnavailable(f"after the run the cluster did not come back. {error}") from error

    def _note(self, kind: str, process: str, detail: str = "") -> None:
        self._last_mark = max(self._last_mark, self.now)
        self.events.append((self.now, kind, process, detail))

    def not_fired(self) -> list[Any]:
        """Faults that never found their moment."""
        return [fault for place, fault in enumerate(self.scenario.faults) if place not in self.fired]


