"""One run: builds the processes of a scenario, lets time pass, decides when it is over."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from simlib.scenario.paths import replace
from simlib.scenario.scenario import Scenario
from simlib.trace.recorder import Recorder
from simlib.trace.trace_data import FORMAT_VERSION, TraceData
from simlib.units import SECOND, millis, nanoseconds
from simlib.world.build import build
from simlib.world.clock import FAULT, LAST, Clock
from simlib.world.faults import Faults
from simlib.world.final_logs import final_logs
from simlib.world.network import Network
from simlib.world.outside import Outside
from simlib.world.process import Process

GATHERING = 10 * SECOND
"""Brokers and declared groups start this long before time 0."""

QUIET_AFTER = 5 * SECOND
STUCK_AFTER = 600 * SECOND


class World:
    """Everything of one run. `run()` may be called once; afterwards `recorder` holds what happened."""

    def __init__(self, scenario: Scenario, wire: bool = False) -> None:
        self.scenario = self.first_scenario = scenario
        self.clock = Clock(-GATHERING)
        names = sorted([*scenario.process_names(), "world"], key=natural)
        self.rank = {name: i for i, name in enumerate(names)}
        self.recorder = Recorder(self.clock, names)
        self.network = Network(self.clock, scenario, self.recorder)
        if wire:
            self.network.wire = []
        self.outside = Outside(self.recorder, *self.identity("world"))
        self.processes: dict[str, Process] = {}
        self.warnings: list[str] = []
        self.exceptions: dict[tuple[str, str], int] = {}
        self.ended: str | None = None
        self.ends_when_quiet = bool(scenario.services or scenario.inputs)
        self.cluster, self.lanes = build(self)
        self.faults = Faults(self)

    def identity(self, name: str) -> tuple[Clock, str, int]:
        """What every process is made with."""
        return self.clock, name, self.rank[name]

    # -- running

    def run(self, watch: Callable[[World], None] | None = None) -> None:
        """Let time pass until the end. `watch(world)` is called every thousand calls, to show progress or to stop."""
        self.outside.start()
        self.faults.schedule()
        end = nanoseconds(self.scenario.duration)
        self.clock.at(end, LAST, self._end, "duration")
        if self.ends_when_quiet:
            self.clock.at(QUIET_AFTER, LAST, self._look_around)
        step = self.clock.step
        countdown = 1_000
        while self.ended is None:
            step()
            countdown -= 1
            if countdown == 0:
                countdown = 1_000
                if watch is not None:
                    watch(self)
        self._power_cut()

    def _end(self, why: str) -> None:
        self.ended = self.ended or why

    def stop(self) -> None:
        """Interrupted: keep what there is."""
        self.ended = self.ended or "interrupted"

    def _look_around(self) -> None:
        """Quiet: nothing under way, and no mark for five seconds. Stuck: under way, but nothing new for ten minutes."""
        now = self.clock.now
        recorder = self.recorder
        if self.clock.pending > 0:
            if now - recorder.last_progress >= STUCK_AFTER:
                self._end("stuck")
            next_look = now + SECOND
        elif now - recorder.last_mark >= QUIET_AFTER:
            self._end("quiet")
            return
        else:
            next_look = recorder.last_mark + QUIET_AFTER
        self.clock.at(next_look, LAST, self._look_around)

    def _power_cut(self) -> None:
        """The end of a run is a power cut for all that still runs: nothing is cleaned up, nothing runs again."""
        for name in sorted(self.processes, key=natural):
            process = self.processes[name]
            if process.alive:
                process.alive = False
                process.on_end(self.clock.now)
        for fault in self.faults.not_fired():
            self.recorder.event("fault_not_fired", detail=repr(fault))

    def trace_data(self, version: str, warnings: list[str]) -> TraceData:
        """What happened, as columns."""
        recorder = self.recorder
        tables = recorder.tables()
        tables["log_end"] = final_logs(self.cluster)
        told = [f"{process}: {what} ({count} times)" for (process, what), count in self.exceptions.items() if count > 1]
        meta: dict[str, Any] = {"ended": self.ended, "ended_at": self.clock.now, "seed": self.scenario.seed, "version": FORMAT_VERSION,
                "simlib": version, "client": self.scenario.client, "warnings": [*warnings, *self.warnings, *told],
                "counters": {"simpy_events": self.clock.calls, "requests": self.network.requests}}
        if self.network.wire is not None:
            meta["wire"] = self.network.wire
        return TraceData(tables, recorder.names, self.first_scenario, meta)

    # -- what faults do

    def begin(self, process: Process) -> None:
        """A process that starts with the scenario, not before it."""
        self.clock.pending -= 1
        if not process.alive and process.incarnation < 0:
            process.start()

    def hold(self, length: int) -> None:
        """Something will end by itself after `length`: not quiet before."""
        self.clock.pending += 1
        self.clock.at(self.clock.now + length, FAULT, self._release)

    def _release(self) -> None:
        self.clock.pending -= 1

    def crash(self, process: Process, restart_after: float | None = None) -> None:
        """SIGKILL."""
        if process.alive:
            self.recorder.event("crashed", process)
            process.kill()
            self.network.process_killed(process)
            self.hold(self._until_noticed(process))
        self._restart_later(process, restart_after)

    def _until_noticed(self, process: Process) -> int:
        """How long others may need to notice that it is gone: its session, and a heartbeat of those who rejoin."""
        session = getattr(getattr(process, "settings", None), "session_timeout_ms", None)
        if session is None:
            session = self.cluster.settings.broker_session_timeout_ms
        return millis(session) + 5 * SECOND

    def _restart_later(self, process: Process, restart_after: float | None) -> None:
        if restart_after is not None:
            self.clock.pending += 1
            self.clock.at(self.clock.now + nanoseconds(restart_after), FAULT, self._restart, process)

    def _restart(self, process: Process) -> None:
        self.clock.pending -= 1
        if not process.alive:
            process.without_power = False
            self.recorder.event("restarted", process)
            process.start()

    def shut_down(self, process: Any, restart_after: float | None) -> None:
        """A clean end: the process does what it does on SIGTERM, then it is gone."""
        if not process.alive:
            self._restart_later(process, restart_after)
            return

        life = process.incarnation
        self.clock.pending += 1

        def stopped() -> None:
            self.clock.pending -= 1
            if process.alive and process.incarnation == life:
                self.recorder.event("shutdown", process)
                process.kill()
                self.network.process_killed(process)
            self._restart_later(process, restart_after)

        process.shut_down(stopped)

    def power_off(self, process: Any, flushed_before: int, restart_after: float | None) -> None:
        """The host goes dark: peers see nothing, and what was not on disk is gone (K59)."""
        if process.alive:
            self.recorder.event("power_lost", process)
            process.kill()
            process.without_power = True
            self.network.host_lost(process)
            self._silence(process, True)
            process.lose_unflushed(flushed_before)
            self.hold(self._until_noticed(process))
        self._restart_later(process, restart_after)

    def pause(self, process: Process, length: int) -> None:
        """SIGSTOP, then SIGCONT."""
        if not process.alive or process.paused:
            return
        self.recorder.event("paused", process)
        process.pause()
        self.network.stall_all(process)
        self._silence(process, True)
        self.clock.pending += 1
        self.clock.at(self.clock.now + length, FAULT, self._resume, process, process.incarnation)

    def _resume(self, process: Process, life: int) -> None:
        self.clock.pending -= 1
        if process.alive and process.incarnation == life and process.paused:
            self.recorder.event("resumed", process)
            self.network.unstall(process)
            self._silence(process, False)
            process.resume()

    def _silence(self, process: Process, silent: bool) -> None:
        for broker in self.cluster.brokers:
            if broker is not process and broker.alive:
                broker.peer_silent(process, silent)

    def cut(self, a: Process, b: Process, length: int) -> None:
        """Nothing passes between two processes for a while."""
        self.recorder.event("link_cut", a, detail=b.name)
        self.network.cut(a, b, self.clock.now + length)
        a.peer_silent(b, True)
        b.peer_silent(a, True)
        self.clock.pending += 1
        self.clock.at(self.clock.now + length, FAULT, self._heal, a, b)

    def _heal(self, a: Process, b: Process) -> None:
        self.clock.pending -= 1
        if self.network.is_cut(a, b):
            return  # a longer cut of the same link goes on
        self.recorder.event("link_healed", a, detail=b.name)
        for one, other in ((a, b), (b, a)):
            self.network.unstall(one, other)
            if one.alive and other.alive:
                one.peer_silent(other, False)

    def slow(self, a: Process, b: Process, latency: int, length: int) -> None:
        self.recorder.event("link_slow", a, a=latency, detail=b.name)
        self.network.slow(a, b, latency)
        self.clock.pending += 1
        self.clock.at(self.clock.now + length, FAULT, self._fast_again, a, b)

    def _fast_again(self, a: Process, b: Process) -> None:
        self.clock.pending -= 1
        self.network.slow(a, b, None)
        self.recorder.event("link_healed", a, detail=b.name)

    def add_partitions(self, topic: str, to: int) -> None:
        """A topic grows; clients find out at their next metadata refresh (K46a, K81)."""
        controller = self.cluster.active_controller()
        for number in range(len(self.cluster.partitions_of[topic]), to):
            tp = self.cluster.add_partition(topic)
            self.recorder.add_tp(topic, number)
            replicas = replicas_of(number, self.scenario.topic(topic).replication_factor, self.scenario.brokers)
            unclean = self.cluster.topic_settings(tp).unclean_leader_election_enable
            controller.publish(controller.metadata.state.create(tp, replicas, unclean))
        self.recorder.event("partitions_added", detail=topic, a=to)

    def change(self, path: str, value: Any) -> None:
        """A setting changes while the system runs."""
        self.scenario = replace(self.scenario, path, value)
        self.recorder.event("changed", detail=f"{path}={value!r}")
        self.apply_change(path)

    def apply_change(self, path: str) -> None:
        kind, _, rest = path.partition(".")
        name = rest.split(".")[0]
        if kind == "producers":
            name = self.scenario.producers[int(name)].name if name.isdigit() else name
            self.processes[name].change(self.scenario.producer(name))  # type: ignore[attr-defined]
        elif kind == "groups":
            name = self.scenario.groups[int(name)].name if name.isdigit() else name
            self._change_group(name)
        elif kind == "topics":
            name = self.scenario.topics[int(name)].name if name.isdigit() else name
            self._change_topic(name)
        else:
            raise ValueError(f"Change({path!r}): only producers, groups and topics can change during a run")

    def _change_group(self, name: str) -> None:
        group = self.scenario.group(name)
        for member in group.members:
            if member in self.processes:
                self.processes[member].change(group)  # type: ignore[attr-defined]

    def _change_topic(self, name: str) -> None:
        topic = self.scenario.topic(name)
        self.cluster.change_topic(topic)
        metadata = self.cluster.active_controller().metadata
        for tp in self.cluster.partitions_of[name]:
            settings = self.cluster.topic_settings(tp)
            metadata.state.unclean[tp] = settings.unclean_leader_election_enable
            for broker in self.cluster.brokers:
                if tp in broker.leads:
                    leader = broker.leads[tp].leader
                    leader.min_isr = min(settings.min_insync_replicas, topic.replication_factor)

    # -- what services need

    def dies(self, process: Any, when: str, step: str) -> bool:
        """Does the process die at this step? If so it is dead when this returns."""
        for aim in process.aims:
            if aim.takes(when, step):
                self.crash(process, aim.fault.restart_after)
                return True
        return False

    def consumes(self, process: Process, settings: Any, group: str, topics: tuple[str, ...]) -> None:
        """A service made a consumer: warn when it would silently skip its inputs."""
        process.settings = settings  # type: ignore[attr-defined]
        rows = [row for topic in topics for row in self.scenario.inputs.get(topic, ())]
        if settings.auto_offset_reset == "latest" and any("at" not in row for row in rows):
            warning = (f"{process.name} reads {', '.join(topics)} from auto_offset_reset='latest' (the default): "
                       "records sent before it has joined its group are skipped. Use auto_offset_reset='earliest', "
                       "or give the inputs an 'at'.")
            if warning not in self.warnings:
                self.warnings.append(warning)

    def note_exception(self, process: str, told: str, count: int) -> None:
        self.exceptions[process, told] = count


def replicas_of(partition: int, replication_factor: int, brokers: int) -> tuple[int, ...]:
    """Replicas of a partition: the leaders go round, the followers after them."""
    return tuple((partition + i) % brokers for i in range(replication_factor))


def natural(name: str) -> tuple[Any, ...]:
    """Sorts billing-10 after billing-9."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))
