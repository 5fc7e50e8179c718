"""What is in the log of each partition when a run ends, and who keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simlib.kafka.cluster import Cluster
from simlib.kafka.lane import Marker
from simlib.kafka.log import Log

COLUMNS = ("tp", "lane", "start", "count", "base_offset")


Row = tuple[int, int, int, int, int]


def final_logs(cluster: Cluster) -> list[Row]:
    """The batches of each partition's leader, or of the replica that would lead next."""
    return [(tp, entry.batch.lane.code, entry.batch.start, entry.batch.count, entry.base)
            for tp in range(1, len(cluster.tps)) for entry in _log(cluster, tp).entries if entry.batch.lane is not None]


def log_end(rows: list[Row]) -> dict[str, np.ndarray]:
    """The table `log_end`."""
    return _table(rows, COLUMNS)


def final_transactions(cluster: Cluster, removed: list[tuple[int, ...]]) -> dict[str, dict[str, np.ndarray]]:
    """The tables `log_markers` and `aborted`, with what was `removed` afterwards; nothing without any transaction."""
    logs = [(tp, log) for tp in range(1, len(cluster.tps)) if (log := _log(cluster, tp)).transactions is not None]
    if not logs and not removed:
        return {}
    markers = [(tp, entry.base) for tp, log in logs for entry in log.entries if isinstance(entry.batch, Marker)]
    aborted = [(tp, entry.batch.lane.code, entry.batch.start, entry.batch.count, entry.base) for tp, log in logs
               for entry in log.entries if entry.batch.lane is not None and log.is_aborted(entry)]
    return {"log_markers": _table(markers, ("tp", "offset")), "aborted": _table([*aborted, *removed], COLUMNS)}


def _table(rows: Sequence[tuple[int, ...]], columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, len(columns))
    return {column: table[:, i] for i, column in enumerate(columns)}


def replica_names(cluster: Cluster) -> list[list[str]]:
    """The brokers that keep each partition, by its code; the first is the one that leads when all are well."""
    states = cluster.active_controller().metadata.state.partitions
    return [[cluster.brokers[number].name for number in states[tp].replicas] for tp in range(len(cluster.tps))]


def _log(cluster: Cluster, tp: int) -> Log:
    """The log that counts: the leader's; if nobody leads just now, the furthest one of the replicas waited for."""
    controller: Any = cluster.active_controller().metadata.state
    state = controller.partitions[tp]
    if state.leader >= 0 and tp in cluster.brokers[state.leader].leads:
        return cluster.brokers[state.leader].replicas[tp].log
    awaited = [cluster.brokers[number] for number in controller.awaited(tp)]
    replicas = [broker.replicas.get(tp) for broker in awaited]  # none where nobody has told it yet
    return max([replica.log for replica in replicas if replica], key=lambda log: (log.last_epoch, log.end),
               default=Log())
