"""The columns of a flow run as the tables of a trace: what the readable engine would have written down."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.flow.deliveries import Deliveries
from simlib.flow.leader import Leader
from simlib.flow.outbox import Outbox
from simlib.flow.partition_log import PartitionLog
from simlib.flow.service import Service
from simlib.trace.recorder import ACKED, ACKED_UNKNOWN, COLUMNS, Recorder
from simlib.trace.runs import rises, unroll
from simlib.trace.trace_data import narrowed
from simlib.world.clock import MESSAGE
from simlib.world.final_logs import COLUMNS as LOG_END

WHO = ("member", "incarnation", "group", "tp", "generation")
"""Columns of deliveries that hold small numbers."""

Rows = tuple[list[np.ndarray], list[np.ndarray]]
"""What rows are sorted by, the first first; and their columns."""


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
        self.batches = {log.tp: _batches(log) for log in self.logs}
        """First ordinal, number of records and lane of each batch."""

    def write(self, recorder: Recorder) -> None:
        """Into the recorder's tables, line after line as the readable engine would have come to them."""
        actors = {number: recorder.names["actors"].index(f"broker-{number}") for number in set(self.brokers.values())}
        _write(recorder, "appends", [self._appends(log, actors[self.brokers[log.tp]]) for log in self.logs])
        _write(recorder, "watermarks", [self._watermarks(log) for log in self.logs])
        _write(recorder, "acks", [self._acks(outbox) for outbox in self.outboxes])
        self._write_deliveries(recorder)

    # -- logs

    def _appends(self, log: PartitionLog, broker: int) -> Rows:
        starts, counts, lanes = self.batches[log.tp]
        nothing, times = np.zeros(len(lanes), np.int64), np.array(log.times, np.int64)
        ranks = np.array([outbox.rank for outbox in self.outboxes], np.int64)[lanes]
        occasions = np.zeros(len(lanes), np.int64)
        for sender in log.senders:
            mine = np.flatnonzero(lanes == sender.code)
            occasions[mine] = sender.occasions()[:len(mine)]
        return ([times, ranks, occasions, nothing + broker, lanes, starts],
                [times, lanes, starts, counts, np.array(log.bases), nothing, nothing + broker])

    def _watermarks(self, log: PartitionLog) -> Rows:
        times, orders, changes = _changes(log)
        same = np.ones(len(times), np.int64)
        return ([times, orders, same * self.brokers[log.tp], changes],
                [times, same * log.tp, np.array(log.high_watermarks, np.int64)])

    def _acks(self, outbox: Outbox) -> Rows:
        times = np.array(outbox.cuts if outbox.acks == 0 else outbox.answers, np.int64)
        known = int(np.searchsorted(times, self.now, side="right"))
        same = np.ones(known, np.int64)
        keys, bases, outcome = [same * outbox.rank, same, same], -same, ACKED_UNKNOWN
        if outbox.acks != 0:
            keys, bases = self._answered(outbox, known)
            outcome = ACKED
        return ([times[:known], *keys],
                [times[:known], same * outbox.code, np.array(outbox.starts, np.int64)[:known],
                 np.array(outbox.counts, np.int64)[:known], same * outcome, -same, bases])

    def _answered(self, outbox: Outbox, known: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Who answered the first `known` batches of a lane, what made it, and their base offsets."""
        log = next(log for log in self.logs if log.tp == outbox.tp)
        mine = np.flatnonzero(self.batches[log.tp][2] == outbox.code)[:known]
        bases, ends = np.array(log.bases, np.int64)[mine], np.array([*log.bases[1:], log.end], np.int64)[mine]
        same = np.ones(known, np.int64)
        if outbox.acks == -1:
            high, (_, orders, changes) = np.array(log.high_watermarks), _changes(log)
            if not np.array_equal(high, ends):  # else each batch raised it alone
                raised = np.searchsorted(high, ends)
                orders, changes = orders[raised], changes[raised]
        else:
            orders, changes = same * (MESSAGE + outbox.rank), same
        return [same * (MESSAGE + self.brokers[outbox.tp]), orders, changes], bases

    def log_end(self) -> dict[str, np.ndarray]:
        """What is in the logs in the end, a row a batch."""
        parts = []
        for log in self.logs:
            starts, counts, lanes = self.batches[log.tp]
            parts.append([np.full(len(lanes), log.tp), lanes, starts, counts, np.array(log.bases, np.int64)])
        columns = zip(*parts, strict=True) if parts else [[np.empty(0, np.int64)]] * len(LOG_END)
        return dict(zip(LOG_END, map(np.concatenate, columns), strict=True))

    # -- deliveries

    def _write_deliveries(self, recorder: Recorder) -> None:
        rows = self.deliveries.columns()
        if not len(rows["tp"]):
            return
        sums = {(group, tp): service.sums(tp) for group, service in self.services.items()
                for tp in np.flatnonzero(np.bincount(rows["tp"])).tolist()}
        constants = {group: service.constant for group, service in self.services.items()}
        handed, done = self.deliveries.times(rows, sums, constants)
        recorder.whole["delivery_times"] = {"handed": handed, "done": done}
        parts = self._in_batches(rows, np.cumsum(rows["count"]) - rows["count"])
        names = ("member", "incarnation", "group", "tp", "lane", "start", "count", "offset", "generation", "first")
        columns = [handed[parts["first"]], *(parts[name] for name in names)]
        _write(recorder, "deliveries", [([parts["first"]], columns)])

    def _cut(self, log: PartitionLog, rows: dict[str, np.ndarray], first: np.ndarray) -> dict[str, np.ndarray]:
        starts, counts, lanes = self.batches[log.tp]
        bases, last = np.array(log.bases, np.int64), rows["offset"] + rows["count"] - 1
        low = np.searchsorted(bases, rows["offset"], side="right") - 1
        pieces = np.searchsorted(bases, last, side="right") - low
        batch = unroll(low, pieces)
        offset, upto = np.repeat(rows["offset"], pieces), np.repeat(last + 1, pieces)
        begin = np.maximum(bases[batch], offset)
        end = np.minimum(bases[batch] + counts[batch], upto)
        who = {name: np.repeat(column, pieces) for name, column in narrowed({name: rows[name] for name in WHO}).items()}
        return who | {"first": np.repeat(first, pieces) + begin - offset, "lane": lanes[batch],
                      "start": starts[batch] + begin - bases[batch], "offset": begin, "count": end - begin}

    def _in_batches(self, rows: dict[str, np.ndarray], first: np.ndarray) -> dict[str, np.ndarray]:
        """Cut the rows where another batch begins: a row of the trace is about one batch."""
        found: dict[str, list[np.ndarray]] = {}
        for log in self.logs:
            mine = np.flatnonzero(rows["tp"] == log.tp)
            for name, column in self._cut(log, {name: rows[name][mine] for name in rows}, first[mine]).items():
                found.setdefault(name, []).append(column)
        return {name: np.concatenate(columns) if len(columns) > 1 else columns[0] for name, columns in found.items()}


def _batches(log: PartitionLog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First ordinal, number of records and lane of each batch."""
    counts = np.diff(np.append(np.array(log.bases, np.int64), log.end))
    lanes = _lanes(log)
    if len(log.senders) == 1:
        return np.cumsum(counts) - counts, counts, lanes
    starts = np.empty(len(lanes), np.int64)
    for sender in log.senders:
        mine = lanes == sender.code
        starts[mine] = np.cumsum(counts[mine]) - counts[mine]
    return starts, counts, lanes


def _lanes(log: PartitionLog) -> np.ndarray:
    """The lane of each batch."""
    if len(log.senders) == 1:
        return np.full(len(log.outboxes), log.senders[0].code)
    return np.array([outbox.code for outbox in log.outboxes], np.int64)


def _changes(log: PartitionLog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When the high watermark rose: times, orders, numbers of the changes."""
    moments = log.moments
    return np.array(moments.times), np.array(moments.orders), np.array(moments.changes)


def _write(recorder: Recorder, table: str, parts: list[Rows]) -> None:
    """All rows in the order of their keys."""
    if any(len(columns[0]) for _, columns in parts):
        keys, columns = parts[0] if len(parts) == 1 else \
            (list(map(np.concatenate, zip(*some, strict=True))) for some in zip(*parts, strict=True))
        order = _order(keys)
        recorder.whole[table] = {name: column[order] for name, column in zip(COLUMNS[table], columns, strict=True)}


def _order(keys: list[np.ndarray]) -> Any:
    """The order of rows by several keys; where the first one tells them apart, the others are not looked at."""
    if rises(keys[0]):
        return slice(None)
    order = np.argsort(keys[0], kind="stable")
    return order if rises(keys[0][order]) else np.lexsort(keys[::-1])
