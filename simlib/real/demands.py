"""What a scenario asks for that a run on this Kafka cannot give: all of it at once, before anything starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from simlib.real.client_settings import SIMULATED_PROTOCOL, SIMULATED_SHARING
from simlib.real.cluster import Cluster
from simlib.real.code_demands import of_service
from simlib.real.errors import RealRunError
from simlib.real.local_kafka import LocalKafka
from simlib.scenario.faults import (
    AddPartitions,
    Change,
    Crash,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    PowerLoss,
    Shutdown,
    SlowLink,
    request_kind,
)
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Hit, Schedule
from simlib.scenario.settings import resolve_broker

TOPIC_LEVEL = ("min_insync_replicas", "message_max_bytes", "unclean_leader_election_enable")
"""Settings of brokers that a run sets for its own topics instead."""

NO_CLIENTS = ("replica_fetch", "write_txn_markers", "share_fetch", "share_acknowledge", "share_group_heartbeat")
"""Requests that brokers make, or clients that a real run does not have."""
BETWEEN_PROCESSES = ("effect", "call", "redis")
"""Requests that no broker takes part in."""
POSSIBLE_HITS = ("crash", "stall", "lost request", "lost reply")
NOT_OURS = "what passes between clients and a cluster that is not ours is not ours to lose"
NEEDS_LOCAL = "only on a LocalKafka: start one with `python lab.py kafka` or `with LocalKafka() as kafka:`"


def refuse_impossible(scenario: Scenario, schedule: Schedule, cluster: Cluster, local: LocalKafka | None) -> None:
    """Raises RealRunError with everything that stands in the way."""
    problems = [*_of_scenario(scenario), *_of_cluster(scenario, cluster, local),
                *(problem for fault in scenario.faults for problem in _of_fault(fault, local)),
                *(problem for hit in schedule for problem in _of_hit(hit, local))]
    if problems:
        raise RealRunError("this cannot run on a real Kafka as it is:\n" + "\n".join(f"- {each}" for each in problems))


def hindrances(scenario: Scenario) -> list[str]:
    """What would stand in the way on a LocalKafka of three brokers with Kafka's defaults; none needs to run."""
    imagined: Any = _Imagined()
    return [*_of_scenario(scenario), *_of_cluster(scenario, imagined, imagined),
            *(problem for fault in scenario.faults for problem in _of_fault(fault, imagined))]


class _Imagined:
    """A cluster, as far as a scenario asks for it."""

    brokers = 3
    names = ("broker-0", "broker-1", "broker-2", "controller-0")

    def settings(self) -> dict[str, str]:
        return {name: str(value).lower() for name, value in vars(resolve_broker({})).items()}


def _of_scenario(s: Scenario) -> Iterator[str]:
    if s.client != "kafka-python":
        yield f"client={s.client!r}: real runs use kafka-python; leave client out, or compare with run(scenario)"
    default = Scenario.__dataclass_fields__["latency"].default
    if s.latency != default:
        yield (f"latency={s.latency!r}: a real network has its own. Leave it out: "
               f"replace(scenario, 'latency', {default})")
    for group in s.groups:
        if group.group_protocol == "consumer":
            yield f"ConsumerGroup({group.name!r}): {SIMULATED_PROTOCOL}"
        elif group.group_protocol == "share":
            yield f"ShareGroup({group.name!r}): {SIMULATED_SHARING}"
    for topic, rows in s.inputs.items():
        if any(row["value"] is None and row.get("key") is None for row in rows):
            yield f"inputs[{topic!r}]: kafka-python sends no record without a value and without a key. Give it a key"
    for service in s.services:
        yield from of_service(service)


# -- the cluster

def _of_cluster(s: Scenario, cluster: Cluster, local: LocalKafka | None) -> Iterator[str]:
    for topic in s.topics:
        if topic.replication_factor > cluster.brokers:
            yield (f"Topic({topic.name!r}, replication_factor={topic.replication_factor}): this cluster has "
                   f"{cluster.brokers} broker{'s' * (cluster.brokers != 1)} in service. Lower it, or use a larger "
                   f"cluster: LocalKafka(brokers={topic.replication_factor})")
    wanted = {name: value for name, value in s.broker_config.items() if name not in TOPIC_LEVEL}
    given = cluster.settings() if wanted else {}
    for name, value in wanted.items():
        if name in given and not _same(given[name], value):
            yield (f"broker_config {name}={value!r}: these brokers have {given[name]}, and a run cannot change it. Use "
                   "LocalKafka(broker_config=scenario.broker_config), or leave it out")


def _same(given: str, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return given == str(wanted).lower()
    return float(given) == float(wanted)


# -- faults

def _of_fault(fault: Any, local: LocalKafka | None) -> Iterator[str]:
    if isinstance(fault, (PowerLoss, NetworkCut, SlowLink, Change)):
        yield f"{fault!r}: {_INSTEAD[type(fault)]}"
    elif isinstance(fault, (LoseRequest, LoseReply)):
        yield from _of_loss(fault, local)
    elif isinstance(fault, (Crash, Shutdown, Pause)):
        yield from _of_process(fault, local)
    else:
        assert isinstance(fault, AddPartitions)


def _of_process(fault: Any, local: LocalKafka | None) -> Iterator[str]:
    if isinstance(fault, Pause) and os.name == "nt":
        yield f"{fault!r}: Windows cannot stop a process for a while (SIGSTOP). Use a Crash, or virtual time"
    if fault.who.startswith(("broker-", "controller-")):
        if local is None:
            yield f"{fault!r}: nodes of a cluster that is not ours are not ours to harm; {NEEDS_LOCAL}"
        elif fault.who not in local.names:
            yield f"{fault!r}: this cluster has {', '.join(local.names)}"


def _of_loss(fault: Any, local: LocalKafka | None) -> Iterator[str]:
    kind = request_kind(fault.kind)
    if kind in NO_CLIENTS:
        yield f"{fault!r}: requests of kind {kind} cannot be lost on a real run; use virtual time"
    elif kind not in BETWEEN_PROCESSES and local is None:
        yield f"{fault!r}: {NOT_OURS}; {NEEDS_LOCAL}"


_INSTEAD = {
    PowerLoss: "the power of a real machine is not ours to cut. Use Crash (what was written survives), or virtual time",
    NetworkCut: "links cannot be cut here. Use Pause of one of the two, or virtual time",
    SlowLink: "links cannot be slowed down here. Use virtual time",
    Change: "settings cannot be changed while a real run goes on. Use two runs, or virtual time",
}


def _of_hit(hit: Hit, local: LocalKafka | None) -> Iterator[str]:
    if hit.kind not in POSSIBLE_HITS:
        yield f"schedule {hit}: a real run can crash, stall and lose ({', '.join(POSSIBLE_HITS)}); use virtual time"
    elif hit.kind == "stall" and os.name == "nt":
        yield f"schedule {hit}: Windows cannot stop a process for a while (SIGSTOP). Use virtual time"
    elif hit.kind.startswith("lost") and hit.step.kind in ("receive", "execute", "show"):
        yield f"schedule {hit}: no message of a {hit.step.kind} step can be lost on a real run; use virtual time"
    elif hit.kind.startswith("lost") and hit.step.kind in ("send", "commit") and local is None:
        yield f"schedule {hit}: {NOT_OURS}; {NEEDS_LOCAL}"
