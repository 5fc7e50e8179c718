"""The columns of a flow run as the tables of a trace: what the readable engine would have written down."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.flow.deliveries import Deliveries
from simlib.flow.leader import Leader
from simlib.flow.outbox import Outbox
from simlib.flow.partition_log import PartitionLog
from simlib.flow.service import Service
from simlib.trace.recorder import ACKED, ACKED_UNKNOWN, Recorder
from simlib.trace.runs import unroll
from simlib.world.final_logs import Row


class Columns:
    """Everything that happened up to `now` (ns)."""

    def __init__(self, leaders: list[Leader], outboxes: list[Outbox], deliveries: Deliveries,
                 services: dict[int, Service], now: int) -> None:
        self.logs = sorted([log for leader in leaders for log in leader.data.values()], key=lambda log: log.tp)
        self.brokers = {log.tp: number for number, leader in enumerate(leaders) for log in leader.data.values()}
        self.outboxes = outboxes
        self.deliveries = deliveries
        self.services = services
        self.now = now
        self.segments = {log.tp: _segments(log) for log in self.logs}

    def write(self, recorder: Recorder) -> None:
        """Into the recorder's tables."""
        actors = {number: recorder.names["actors"].index(f"broker-{number}") for number in set(self.brokers.values())}
        for log in self.logs:
            _extend(recorder, "appends", self._appends(log, actors[self.brokers[log.tp]]))
            _extend(recorder, "watermarks", _watermarks(log))
        for outbox in self.outboxes:
            _extend(recorder, "acks", self._acks(outbox))
        self._write_deliveries(recorder)

    # -- logs

    def _appends(self, log: PartitionLog, broker: int) -> list[np.ndarray]:
        starts, counts, lanes = _batches(log)
        nothing = np.zeros(len(lanes), np.int64)
        return [np.array(log.times), lanes, starts, counts, np.array(log.bases), nothing, nothing + broker]

    def _acks(self, outbox: Outbox) -> list[np.ndarray]:
        times = np.array(outbox.cuts if outbox.acks == 0 else outbox.answers, np.int64)
        known = int(np.searchsorted(times, self.now, side="right"))
        same = np.ones(known, np.int64)
        outcome = ACKED_UNKNOWN if outbox.acks == 0 else ACKED
        bases = -same if outbox.acks == 0 else self._bases(outbox)[:known]
        return [times[:known], same * outbox.code, np.array(outbox.starts, np.int64)[:known],
                np.array(outbox.counts, np.int64)[:known], same * outcome, -same, bases]

    def _bases(self, outbox: Outbox) -> np.ndarray:
        log = next(log for log in self.logs if log.tp == outbox.tp)
        mine = [i for i, sender in enumerate(log.outboxes) if sender is outbox]
        return np.array(log.bases, np.int64)[mine]

    def final_logs(self) -> list[Row]:
        return [(log.tp, int(lane), int(start), int(count), int(base)) for log in self.logs
                for base, lane, start, count in zip(*self.segments[log.tp], strict=True)]

    # -- deliveries

    def _write_deliveries(self, recorder: Recorder) -> None:
        rows = self.deliveries.columns()
        if not len(rows["tp"]):
            return
        sums = {(group, tp): service.sums(tp) for group, service in self.services.items()
                for tp in set(rows["tp"].tolist())}
        constants = {group: service.constant for group, service in self.services.items()}
        handed, done = self.deliveries.times(sums, constants)
        recorder.delivery_times.frombytes(np.column_stack([handed, done]).tobytes())
        parts = self._in_lanes(rows, np.cumsum(rows["count"]) - rows["count"])
        order = np.lexsort((parts["first"], parts["member"], parts["written"]))
        names = ("member", "incarnation", "group", "tp", "lane", "start", "count", "offset", "generation", "first")
        _extend(recorder, "deliveries", [handed[parts["first"]][order], *(parts[name][order] for name in names)])

    def _in_lanes(self, rows: dict[str, np.ndarray], first: np.ndarray) -> dict[str, np.ndarray]:
        """Cut the rows where another lane begins: a row of the trace is about one lane."""
        found: dict[str, list[np.ndarray]] = {}
        for tp in np.unique(rows["tp"]).tolist():
            mine = np.flatnonzero(rows["tp"] == tp)
            for name, column in self._cut(tp, {name: rows[name][mine] for name in rows}, first[mine]).items():
                found.setdefault(name, []).append(column)
        return {name: np.concatenate(columns) for name, columns in found.items()}

    def _cut(self, tp: int, rows: dict[str, np.ndarray], first: np.ndarray) -> dict[str, np.ndarray]:
        bases, lanes, starts, counts = self.segments[tp]
        low = np.searchsorted(bases, rows["offset"], side="right") - 1
        high = np.searchsorted(bases, rows["offset"] + rows["count"] - 1, side="right") - 1
        pieces = high - low + 1
        segment = unroll(low, pieces)
        spread: dict[str, Any] = {name: np.repeat(column, pieces) for name, column in rows.items()}
        begin = np.maximum(bases[segment], spread["offset"])
        end = np.minimum(bases[segment] + counts[segment], spread["offset"] + spread["count"])
        spread["first"] = np.repeat(first, pieces) + begin - spread["offset"]
        return spread | {"lane": lanes[segment], "start": starts[segment] + begin - bases[segment], "offset": begin,
                         "count": end - begin}


def _batches(log: PartitionLog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First ordinal, number of records and lane of each batch."""
    counts = np.diff(np.append(np.array(log.bases, np.int64), log.end))
    lanes = np.array([outbox.code for outbox in log.outboxes], np.int64)
    starts = np.empty(len(lanes), np.int64)
    for lane in np.unique(lanes):
        mine = lanes == lane
        starts[mine] = np.cumsum(counts[mine]) - counts[mine]
    return starts, counts, lanes


def _segments(log: PartitionLog) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Base offset, lane, first ordinal, count of each stretch of the log that comes from one lane."""
    starts, counts, lanes = _batches(log)
    changes = np.flatnonzero(np.r_[True, lanes[1:] != lanes[:-1]][:len(lanes)])
    bases = np.array(log.bases, np.int64)[changes]
    return bases, lanes[changes], starts[changes], np.diff(np.append(bases, log.end))[:len(bases)]


def _watermarks(log: PartitionLog) -> list[np.ndarray]:
    times = np.array([moment[0] for moment in log.moments], np.int64)
    return [times, np.full(len(times), log.tp), np.array(log.high_watermarks, np.int64)]


def _extend(recorder: Recorder, table: str, columns: list[np.ndarray]) -> None:
    if len(columns[0]):
        recorder.rows[table].frombytes(np.column_stack(columns).astype(np.int64).tobytes())
