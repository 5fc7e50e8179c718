"""`run(scenario, on="kafka://host:port")`: the same scenario with real brokers, real processes and real kills."""

from __future__ import annotations

import secrets
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simlib.real.address import bootstrap_of, client_config
from simlib.real.artifacts import KAFKA_VERSION
from simlib.real.cluster import Cluster
from simlib.real.collecting import Collector
from simlib.real.databases import databases_of
from simlib.real.demands import refuse_impossible
from simlib.real.errors import RealRunError
from simlib.real.final_logs import FinalLogs
from simlib.real.local_kafka import LocalKafka
from simlib.real.plan import Plan
from simlib.real.processes import Worker
from simlib.real.supervision import Supervision
from simlib.scenario.faults import Crash, LoseReply, LoseRequest
from simlib.scenario.paths import replace
from simlib.scenario.scenario import INPUTS, REDIS, Scenario
from simlib.scenario.schedules import Schedule
from simlib.services.process import packed
from simlib.supervision import shown_progress
from simlib.trace.trace_data import FORMAT_VERSION, TraceData
from simlib.units import SECOND


def real_run(scenario: Scenario, on: Any, schedule: Schedule, progress: bool, version: str,
             warnings: list[str]) -> tuple[TraceData, list[str]]:
    """The trace, and the hits of the schedule that never found their step. Raises RealRunError, KafkaUnavailable."""
    bootstrap = bootstrap_of(on)
    if find_spec("kafka") is None:
        raise RealRunError("a real run needs kafka-python: pip install 'event-driven-lab[kafka]'")
    cluster = Cluster(client_config(bootstrap))
    try:
        local = LocalKafka.at(bootstrap[0])
        refuse_impossible(scenario, schedule, cluster, local)
        with tempfile.TemporaryDirectory(prefix="simlib-run-", ignore_cleanup_errors=True) as folder:
            one = _Run(scenario, schedule, cluster, local, Path(folder))
            return one.carry_out(progress, version, warnings, str(on))
    finally:
        cluster.close()


class _Run:
    """One run, with topics, a folder and processes of its own."""

    def __init__(self, scenario: Scenario, schedule: Schedule, cluster: Cluster, local: LocalKafka | None,
                 folder: Path) -> None:
        self.scenario, self.schedule, self.cluster, self.local, self.folder = scenario, schedule, cluster, local, folder
        self.prefix = f"simlib-{secrets.token_hex(4)}-"
        self.bootstrap = tuple(cluster.client["bootstrap_servers"] if local is None else local.bootstrap)
        self.databases = databases_of(scenario, folder, self.prefix)
        self.plans = self._plans()

    def carry_out(self, progress: bool, version: str, warnings: list[str], on: str) -> tuple[TraceData, list[str]]:
        """Topics, workers, the run itself, what it left behind, and away with all of it."""
        try:
            for service in self.scenario.services:
                self.databases.make(service)
            self.cluster.create(self.scenario, self.prefix)
            try:
                return self._carried_out(progress, version, warnings, on)
            finally:
                self.cluster.delete(self.scenario, self.prefix)
        finally:
            self.databases.remove()

    def _carried_out(self, progress: bool, version: str, warnings: list[str], on: str) -> tuple[TraceData, list[str]]:
        supervision = Supervision(self.scenario, {plan.name: Worker(plan) for plan in self.plans}, self.cluster,
                                  self.local, self.prefix)
        with shown_progress(progress, total=self.scenario.duration, unit="s", desc=f"real time on {on}",
                            bar_format="{desc}: {n:.0f} s, at most {total:.0f} s |{bar}|") as bar:
            supervision.run(lambda now: bar.update(max(0.0, now - bar.n)))
        data = self._trace(supervision, version, warnings, on)
        return data, [str(hit) for hit in self.schedule if str(hit) not in supervision.hits]

    # -- before

    def _plans(self) -> list[Plan]:
        s = self.scenario
        plans = [self._plan(name, "group", group.name) for group in s.groups for name in group.members]
        plans += [self._plan(name, "service", service.name, program=packed(service).whole,
                             restart_after=service.restart_after, database=self.databases.place(service.name))
                  for service in s.services for name in service.members]
        plans += [self._plan(producer.name, "producer", producer.name) for producer in s.producers]
        return [*plans, *([self._plan(INPUTS, "inputs", INPUTS)] if s.inputs else []),
                *([self._plan(REDIS, "redis", REDIS)] if s.services else [])]

    def _plan(self, name: str, role: str, owner: str, **more: Any) -> Plan:
        faults = tuple((place, fault) for place, fault in enumerate(self.scenario.faults)
                       if isinstance(fault, (Crash, LoseRequest, LoseReply)) and fault.who == name
                       and getattr(fault, "at", None) is None)
        hits = tuple(hit for hit in self.schedule if hit.step.process == name)
        bare = replace(self.scenario, "services", ()) if self.scenario.services else self.scenario
        services = {service.name: service.members for service in self.scenario.services}
        return Plan(name, role, owner, bare, self.folder, self.prefix, self.bootstrap, services, faults=faults,
                    hits=hits, paths=tuple(sys.path), **more)

    # -- after

    def _trace(self, supervision: Supervision, version: str, warnings: list[str], on: str) -> TraceData:
        timeline = supervision.timeline
        collector = Collector(self.scenario, self.plans, timeline.began)
        for at, kind, process, _ in timeline.events:
            if kind in ("crashed", "shutdown"):
                collector.messages.lost_with(process, at)
        logs = self.cluster.final_logs(self.scenario, self.prefix) if timeline.began else FinalLogs([], set())
        late = [(supervision.ended_at, "fault_not_fired", "", repr(fault)) for fault in supervision.not_fired()]
        tables = collector.collect([*timeline.events, *late], logs)
        told = [f"{text} ({count:,} time{'s' * (count > 1)})" for text, count in collector.exceptions.items()]
        meta = {"ended": supervision.ended, "ended_at": round(supervision.ended_at * SECOND), "simlib": version,
                "warnings": [*warnings, *told], "on": on, **self._circumstances(), **collector.meta()}
        databases = self._databases(collector.used_databases)
        return TraceData(tables, collector.recorder.names, self.scenario, meta, databases)

    def _circumstances(self) -> dict[str, Any]:
        """What of a trace's `meta` is known before a run."""
        return {"seed": self.scenario.seed, "version": FORMAT_VERSION, "client": self.scenario.client, "counters": {},
                "brokers": f"Apache Kafka {KAFKA_VERSION}" if self.local else "a Kafka of somebody else",
                "databases": self.databases.kind}

    def _databases(self, used: set[str]) -> dict[str, bytes]:
        """Those that a service was given, or made use of."""
        owners = {service.name for service in self.scenario.services
                  if service.database or used.intersection(service.members)}
        return {owner: self.databases.image(owner) for owner in sorted(owners)}
