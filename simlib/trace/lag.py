"""Lag: how far a group's committed offset is behind the high watermark of each partition [K99].

For a group that reads with isolation_level="read_committed" the last stable offset takes the high watermark's place.
"""

from __future__ import annotations

import numpy as np

from simlib.trace.acknowledgements import Acknowledgements
from simlib.trace.records import Messages
from simlib.trace.trace_data import TraceData

LAG_COLUMNS = ("time", "group", "tp", "lag")


def lag_columns(data: TraceData) -> dict[str, np.ndarray]:
    """Step functions, one row a change: (group, tp) pairs one after the other, each in order of time (ns).

    Before its first commit a group counts from offset 0, or from where its reset policy put it. What retention took
    does not wait for anybody: nobody counts from before the log start. (Kafka's own tool does.)
    """
    return _columns([_one_lag(data, group, tp) for group, tp in group_partitions(data)])


def lag_at_watermarks(data: TraceData) -> dict[str, np.ndarray]:
    """The same, one row each time the high watermark was written down: a folded trace knows it at no other time."""
    return _columns([_one_lag(data, group, tp, at_watermarks=True) for group, tp in group_partitions(data)])


def _columns(parts: list[tuple[np.ndarray, ...]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[i] for part in parts] or [np.empty(0, np.int64)])
            for i, name in enumerate(LAG_COLUMNS)}


def group_partitions(data: TraceData) -> list[tuple[int, int]]:
    """Every (group, tp) where the group reads the topic: it was assigned, handed, or committed some of it."""
    tps = data.code_table("tps")
    topic_of = np.array([topic for topic, _ in tps], np.int64)
    pairs = [np.stack([data.column(table, "group"), data.column(table, "tp")], axis=1)
             for table in ("deliveries", "commits", "skipped", "events")]
    seen = np.concatenate(pairs)
    seen = seen[(seen >= 0).all(axis=1)]
    topics = np.unique(np.stack([seen[:, 0], topic_of[seen[:, 1]]], axis=1), axis=0).tolist()
    return [(group, tp) for group, topic in topics for tp, (its_topic, _) in enumerate(tps) if its_topic == topic]


def _one_lag(data: TraceData, group: int, tp: int, at_watermarks: bool = False) -> tuple[np.ndarray, ...]:
    high_times, high = _ends(data, group, tp)
    base_times, base = _committed(data, group, tp)
    start_times, start = _steps(data, "log_starts", "log_start", tp)
    times = np.unique(high_times if at_watermarks else np.r_[high_times, base_times, start_times])
    counted_from = np.maximum(_value_at(times, base_times, base), _value_at(times, start_times, start))
    lag = np.maximum(_value_at(times, high_times, high) - counted_from, 0)
    if data.code_table("groups")[group] in data.meta.get("share_groups", ()):
        done_times = data.column("acknowledgements", "time")
        return _shared_lag(data, group, tp, np.unique(np.r_[times, done_times]), (high_times, high),
                           (base_times, base), (start_times, start))
    return _changes(times, group, tp, lag, at_watermarks)


def _shared_lag(data: TraceData, group: int, tp: int, times: np.ndarray, high: tuple[np.ndarray, ...],
                base: tuple[np.ndarray, ...], start: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """A share group: what is done with does not count, though a record before it is not (KIP-1226)."""
    counted_from = np.maximum(_value_at(times, *base), _value_at(times, *start))
    done = Acknowledgements(Messages(data)).done_behind(group, tp, times, counted_from)
    return _changes(times, group, tp, np.maximum(_value_at(times, *high) - counted_from - done, 0))


def _changes(times: np.ndarray, group: int, tp: int, lag: np.ndarray, all_of_them: bool = False
             ) -> tuple[np.ndarray, ...]:
    """One row a change, or `all_of_them`."""
    changes = np.r_[True, (lag[1:] != lag[:-1]) | all_of_them][: len(lag)]
    times, lag = times[changes], lag[changes]
    return times, np.full(len(times), group), np.full(len(times), tp), lag


def _ends(data: TraceData, group: int, tp: int) -> tuple[np.ndarray, ...]:
    """Up to where a group may read."""
    times, high = _steps(data, "watermarks", "high_watermark", tp)
    stable_times, stable = _steps(data, "stable", "last_stable_offset", tp)
    reads_committed = data.code_table("groups")[group] in data.meta.get("read_committed", ())
    if not reads_committed or not len(stable):
        return times, high
    before = times < stable_times[0]
    return np.r_[times[before], stable_times], np.r_[high[before], stable]


def _committed(data: TraceData, group: int, tp: int) -> tuple[np.ndarray, np.ndarray]:
    commits = _steps(data, "commits", "offset", tp, group)
    skips = _steps(data, "skipped", "to_offset", tp, group)
    times, offsets = np.r_[skips[0], commits[0]], np.r_[skips[1], commits[1]]
    order = np.argsort(times, kind="stable")
    return times[order], offsets[order]


def _steps(data: TraceData, table: str, column: str, tp: int, group: int | None = None) -> tuple[np.ndarray, ...]:
    chosen = data.column(table, "tp") == tp
    if group is not None:
        chosen &= data.column(table, "group") == group
    return data.column(table, "time")[chosen], data.column(table, column)[chosen]


def _value_at(times: np.ndarray, step_times: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The step function at each time; 0 before its first step, its last value where steps share an instant."""
    position = np.searchsorted(step_times, times, side="right")
    return np.r_[0, steps][position]
