"""One run: builds the processes of a scenario, lets time pass, decides when it is over."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from itertools import repeat
from typing import Any

from simlib.kafka.cluster import Cluster
from simlib.kafka.producer.client import Lanes
from simlib.scenario.gathering import head_start
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Hit, Schedule
from simlib.services.packing import Packed
from simlib.services.stores import Stores
from simlib.trace.recorder import Recorder
from simlib.trace.trace_data import FORMAT_VERSION, TraceData
from simlib.units import MS, SECOND, nanoseconds
from simlib.world.build import build
from simlib.world.changes import Changes
from simlib.world.clock import LAST, Clock
from simlib.world.event_loop import EndlessLoop, forget, generators_as_before
from simlib.world.failures import Failures
from simlib.world.faults import Faults
from simlib.world.final_logs import final_logs, final_transactions, log_end, replica_names
from simlib.world.garbage import automatic_collection_off, collect_recent
from simlib.world.network import Network
from simlib.world.outside import Outside
from simlib.world.process import Process
from simlib.world.steps import Step, Steps

TOO_MANY = 1_000_000
"""More events than this at one instant: time does not pass. A service that does it alone is found first, and named."""

QUIET_AFTER = 5 * SECOND
STUCK_AFTER = 600 * SECOND
LONG_WAIT, OUT_OF_STEP = 100 * SECOND, 7 * MS
"""What is asked every second must not be under way at every look."""


class World:
    """Everything of one run. `run()` may be called once; afterwards `recorder` holds what happened."""

    clock_type: type[Clock] = Clock
    network_type: type[Network] = Network
    calls_between_looks = 1_000

    def __init__(self, scenario: Scenario, wire: bool = False, schedule: Schedule | None = None,
                 programs: dict[str, Packed] | None = None) -> None:
        """`schedule`: number the services' steps, and hit some; `programs`: services' code, if already packed."""
        self.scenario = scenario
        self.programs = programs or {}
        self.taken: list[Step] = []
        self.unreached: list[Hit] = []
        self.clock = self.clock_type(-nanoseconds(head_start(scenario)), busy=schedule is None)
        names = sorted([*scenario.process_names(), "world"], key=natural)
        self.rank = {name: i for i, name in enumerate(names)}
        self.recorder = Recorder(self.clock, names)
        self.network = self.network_type(self.clock, scenario, self.recorder)
        if wire:
            self.network.wire = []
        self.outside = Outside(self.recorder, *self.identity("world"))
        self.databases: dict[str, bytes] = {}
        self.processes: dict[str, Process] = {}
        self.warnings: list[str] = []
        self.exceptions: dict[tuple[str, str], int] = {}
        self.keeps_tracebacks = not schedule  # a death that was asked for need not be explained
        self.tracebacks: list[str] = []
        """Of each exception of a service, the first time: the user's own lines."""
        self.producers: dict[str, dict[str, Any]] = {}
        """What services' own producers asked for: acks decides what they were promised."""
        self.read_committed: dict[str, None] = {}
        """Groups that read with isolation_level="read_committed"."""
        self.ended: str | None = None
        self._instant, self._same_instant = 0, 0
        self.steps = None if schedule is None else Steps(self, schedule)
        self.last_planned = last_planned(scenario)
        self.ends_when_quiet = bool(scenario.services or scenario.inputs)
        self.cluster, self.lanes = self.build()
        self.stores = Stores(self)
        self.failures = Failures(self)
        self.changes = Changes(self)
        self.faults = Faults(self)

    def build(self) -> tuple[Cluster, Lanes]:
        """Make all processes, and start those that gather before time 0."""
        return build(self)

    def identity(self, name: str) -> tuple[Clock, str, int]:
        """What every process is made with."""
        return self.clock, name, self.rank[name]

    def begin(self, process: Process) -> None:
        """A process that starts with the scenario, not before it."""
        self.clock.pending -= 1
        if not process.alive and process.incarnation < 0:
            process.start()

    # -- running

    def run(self, watch: Callable[[World], None] | None = None) -> None:
        """Let time pass until the end. `watch(world)` is called every now and then, to show progress or to stop."""
        self.recorder.mark(0)  # the time without a mark counts from the start
        self.outside.start()
        self.faults.schedule()
        end = nanoseconds(self.scenario.duration)
        self.clock.at(end, LAST, self._end, "duration")
        if self.ends_when_quiet:
            self.clock.at(QUIET_AFTER, LAST, self._look_around)
        try:
            with automatic_collection_off(), generators_as_before():
                self._let_time_pass(watch)
        finally:  # also when a service spoiled the run: nothing of it may run any more
            self._power_cut()
            del self  # the traceback of a service's exception may hold this frame

    def _let_time_pass(self, watch: Callable[[World], None] | None) -> None:
        step = self.clock.step
        looks = 0
        try:
            while self.ended is None:
                for _ in repeat(None, self.calls_between_looks):
                    step()
                    if self.ended is not None:
                        break
                self._check_that_time_passes()
                looks += 1
                collect_recent(looks)
                if watch is not None:
                    watch(self)
        finally:
            del self, step, watch  # as above

    def _check_that_time_passes(self) -> None:
        """Called at every look."""
        now = self.clock.now
        self._same_instant = self._same_instant + 1 if now == self._instant else 0
        self._instant = now
        if self._same_instant >= TOO_MANY // self.calls_between_looks:
            raise EndlessLoop(f"time does not pass: more than {TOO_MANY:,} events at {now / SECOND:g} s. "
                              "A latency of 0 with a back-off of 0 ms can do that.")

    def _end(self, why: str) -> None:
        self.ended = self.ended or why

    def stop(self) -> None:
        """Interrupted: keep what there is."""
        self.ended = self.ended or "interrupted"

    def _look_around(self) -> None:
        """Quiet: nothing under way, no mark for five seconds, no group that waits for a member.

        Stuck: something is under way, but there was nothing new for ten minutes.
        """
        now = self.clock.now
        recorder = self.recorder
        if self.clock.pending > 0:
            stuck_at = max(recorder.last_progress, self.last_planned) + STUCK_AFTER
            if now >= stuck_at:
                self._end("stuck")
            idle = min(max(self.failures.held_until, self.network.awaited_until), stuck_at) - now
            next_look = now + max(-(-idle // SECOND), 1) * SECOND  # still once a second, less those that say nothing
            if now - recorder.last_progress > LONG_WAIT:
                next_look = min(next_look + OUT_OF_STEP, max(stuck_at, now + 1))
        elif now - recorder.last_mark < QUIET_AFTER:
            next_look = recorder.last_mark + QUIET_AFTER
        elif all(broker.settled() for broker in self.cluster.brokers if broker.alive):
            self._end("quiet")
            return
        else:
            next_look = now + SECOND
        self.clock.at(next_look, LAST, self._look_around)

    def _power_cut(self) -> None:
        """The end of a run is a power cut for all that still runs: nothing is cleaned up, nothing runs again."""
        for name in sorted(self.processes, key=self.rank.__getitem__):
            process = self.processes[name]
            if process.alive:
                process.alive = False
                process.on_end(self.clock.now)
        self.databases = self.stores.final()
        for fault in self.faults.not_fired():
            self.recorder.event("fault_not_fired", detail=repr(fault))
        if self.steps is not None:
            self.taken, self.unreached = self.steps.taken, list(self.steps.unreached)
            for hit in self.unreached:
                self.recorder.event("fault_not_fired", detail=str(hit))
            forget(self.steps)  # suspended coroutines refer to it for ever

    def forget(self) -> None:
        """Cut everything the parts of this run refer to: they are freed at once, not by the collector later."""
        for process in self.processes.values():
            for alarm in process.alarms:
                alarm.forget()
        for broker in self.cluster.brokers:
            broker.shares.run_is_over()
        parts = [*self.processes.values(), self.network, self.cluster, self.lanes, self.failures, self.faults,
                 self.changes, self.clock, self.recorder]
        for part in (*parts, *self.network.under_way(), self):
            forget(part)

    def log_end(self) -> Callable[[], dict[str, Any]]:
        """What will make the table of what is in the logs at the end; they are read now."""
        return partial(log_end, final_logs(self.cluster))

    def trace_data(self, version: str, warnings: list[str]) -> TraceData:
        """What happened, as columns."""
        recorder = self.recorder
        tables = recorder.tables(self.log_end(),
                                 final_transactions(self.cluster, recorder.removed_aborted))
        told = [f"{process} raised {what} ({count:,} time{'s' * (count > 1)})"
                for (process, what), count in self.exceptions.items()]
        meta: dict[str, Any] = {
            "ended": self.ended, "ended_at": self.clock.now, "seed": self.scenario.seed, "version": FORMAT_VERSION,
            "simlib": version, "engine": "events", "client": self.scenario.client,
            "warnings": [*warnings, *self.warnings, *told],
            "producers": self.producers, "tracebacks": self.tracebacks, "replicas": replica_names(self.cluster),
            "counters": {"simpy_events": self.clock.calls, "requests": self.network.requests},
        }
        if self.read_committed:
            meta["read_committed"] = list(self.read_committed)
        if self.cluster.share_groups:
            meta["share_groups"] = list(self.cluster.share_groups)
        if self.taken:
            meta["steps"] = [(step.id.process, step.id.kind, step.what, step.began, step.ended) for step in self.taken]
        if self.network.wire is not None:
            meta["wire"] = self.network.wire
        return TraceData(tables if self.taken else dict(tables), recorder.names, self.scenario, meta, self.databases)

    # -- what services need

    def consumes(self, process: Process, settings: Any, group: str, topics: tuple[str, ...]) -> None:
        """A service made a consumer: warn when it would silently skip its inputs."""
        process.settings = settings
        self.note_isolation(group, settings)
        if settings.auto_offset_reset == "latest":
            self._warn_of_skipping(topics, f"{process.name} reads {', '.join(topics)} from auto_offset_reset='latest' "
                                           "(the default): records sent before it has joined its group are skipped. "
                                           "Use auto_offset_reset='earliest', or give the inputs an 'at'.")

    def shares(self, process: Process, settings: Any, group: str, topics: tuple[str, ...]) -> None:
        """A service made a share consumer: the same warning."""
        process.settings = settings
        self.note_isolation(group, settings)
        if settings.share_auto_offset_reset == "latest":
            self._warn_of_skipping(topics, f"share group {group!r} begins at share_auto_offset_reset='latest' (the "
                                           "default): records sent before its first fetch are skipped. Use "
                                           "share_auto_offset_reset='earliest', or give the inputs an 'at'.")

    def _warn_of_skipping(self, topics: tuple[str, ...], warning: str) -> None:
        rows = [row for topic in topics for row in self.scenario.inputs.get(topic, ())]
        if any("at" not in row for row in rows) and warning not in self.warnings:
            self.warnings.append(warning)

    def note_isolation(self, group: str, settings: Any) -> None:
        if settings.isolation_level == "read_committed":
            self.read_committed[group] = None

    def note_exception(self, process: str, told: str, count: int, traceback: str = "") -> None:
        self.exceptions[process, told] = count
        if count == 1:
            self.tracebacks.append(f"{process}: {traceback or told}")


def last_planned(scenario: Scenario) -> int:
    """When the last input is due, or the last fault that has a time is over: until then nothing is stuck (ns)."""
    inputs = [row.get("at", 0.0) for rows in scenario.inputs.values() for row in rows]
    faults = [(getattr(fault, "at", None) or 0.0) + (getattr(fault, "duration", None) or 0.0)
              + (getattr(fault, "restart_after", None) or 0.0) for fault in scenario.faults]
    return nanoseconds(max([0.0, *inputs, *faults]))


@cache
def natural(name: str) -> tuple[Any, ...]:
    """Sorts billing-10 after billing-9."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))
