"""What the engine writes down while it runs: flat columns of integers, no objects.

A *lane* is the stream of records that one producer sends to one partition, in the order of their creation; its records
have the ordinals 0, 1, 2, ... Batches and deliveries are rows about a range of a lane, so a row costs the same for one
record as for a thousand.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable
from functools import partial
from struct import Struct
from typing import Any

import numpy as np

from simlib.trace.calls import Call, call_columns
from simlib.trace.on_demand import TablesOnDemand
from simlib.trace.trace_data import REMOVED_BY, WORTH_NARROWING, narrow

COLUMNS: dict[str, tuple[str, ...]] = {
    "appends": ("time", "lane", "start", "count", "base_offset", "epoch", "broker"),
    "acks": ("time", "lane", "start", "count", "outcome", "error", "base_offset"),
    "truncations": ("time", "broker", "tp", "to_offset"),
    "removals": ("time", "tp", "lane", "start", "count", "base_offset", "reason"),
    "log_starts": ("time", "tp", "log_start"),
    "log_end": ("tp", "lane", "start", "count", "base_offset"),
    "watermarks": ("time", "tp", "high_watermark"),
    "replica_ends": ("time", "tp", "broker", "end"),
    "deliveries": ("time", "member", "incarnation", "group", "tp", "lane", "start", "count", "base_offset",
                   "generation", "first"),
    "delivery_times": ("handed", "done"),
    "markers": ("time", "tp", "offset", "first_offset", "pid", "epoch", "committed", "broker"),
    "stable": ("time", "tp", "last_stable_offset"),
    "commits": ("time", "group", "tp", "offset", "member", "auto"),
    "acknowledgements": ("time", "group", "tp", "lane", "start", "count", "base_offset", "member", "how", "deliveries",
                         "archived"),
    "skipped": ("time", "group", "tp", "from_offset", "to_offset"),
}

EVENT_COLUMNS = ("time", "kind", "actor", "group", "tp", "a", "b", "detail")
EFFECT_COLUMNS = ("time", "process", "incarnation", "name", "key", "lane", "ordinal")

ACKED, ACKED_UNKNOWN, TIMED_OUT, REFUSED, LOST_WITH_PRODUCER, ABORTED = range(6)


PACKERS = {table: Struct(f"{len(columns)}q").pack for table, columns in COLUMNS.items()}


class Recorder:
    """One object a run; every actor writes to it, nobody reads it before the end."""

    def __init__(self, clock: Any, actors: list[str]) -> None:
        self.clock = clock
        self.last_mark = clock.now
        self.last_progress = clock.now
        self.names: dict[str, list[Any]] = {"actors": actors, "groups": [], "topics": [], "tps": [], "lanes": [],
                                            "keys": [], "effects": [], "errors": []}
        self._codes: dict[str, dict[Any, int]] = {kind: {} for kind in self.names}
        self.lanes: list[Any] = []
        rows = {name: array("q") for name in COLUMNS}
        self.rows = rows
        self.append, self.ack, self.commit = (_writer(rows, name) for name in ("appends", "acks", "commits"))
        self.watermark, self.truncation, self.skipped, self.log_start, self.stable = (
            _writer(rows, name) for name in ("watermarks", "truncations", "skipped", "log_starts", "stable"))
        self.marker, self.replica_end = _writer(rows, "markers"), _writer(rows, "replica_ends")
        self.acknowledgement = _writer(rows, "acknowledgements")
        self._removal = _writer(rows, "removals")
        self._delivery = _writer(rows, "deliveries")
        self.delivery_times = rows["delivery_times"]
        self.whole: dict[str, dict[str, np.ndarray]] = {}
        """Tables that nobody wrote row by row: their columns."""
        self.events: list[tuple[Any, ...]] = []
        self.effects: list[tuple[Any, ...]] = []
        self.removed_aborted: list[tuple[int, ...]] = []
        self.calls: list[Call] = []

    def code(self, kind: str, name: Any) -> int:
        """The number that stands for a name in the columns."""
        codes = self._codes[kind]
        if name not in codes:
            codes[name] = len(self.names[kind])
            self.names[kind].append(name)
        return codes[name]

    def add_tp(self, topic: str, partition: int) -> None:
        """A partition, in the order of the run's partition table."""
        self.names["tps"].append((self.code("topics", topic), partition))

    def mark(self, now: int, progress: bool = True) -> None:
        """Something happened that keeps the run alive; `progress` is False for a mere repetition."""
        self.last_mark = now
        if progress:
            self.last_progress = now

    def key_codes(self, keys: Iterable[Any]) -> np.ndarray:
        """The codes of a producer's keys."""
        codes, names, wanted = self._codes["keys"], self.names["keys"], list(keys)
        new = [key for key in dict.fromkeys(wanted) if key not in codes]
        codes.update(zip(new, range(len(names), len(names) + len(new)), strict=True))
        names += new
        return np.fromiter(map(codes.__getitem__, wanted), np.int32, len(wanted))

    def event(self, kind: str, actor: Any = None, group: int = -1, tp: int = -1, a: int = -1, b: int = -1,
              detail: str = "") -> None:
        """Write down a control event (closed list in `simlib.trace.columns`)."""
        self.events.append((self.clock.now, kind, -1 if actor is None else actor.code, group, tp, a, b, detail))

    def removed(self, now: int, tp: int, entries: Iterable[Any], reason: str, is_aborted: Callable[[Any], bool]
                ) -> None:
        """Records that left the log on purpose."""
        code, gone = REMOVED_BY.index(reason), [entry for entry in entries if entry.batch.lane is not None]
        for entry in gone:
            batch = entry.batch
            self._removal((now, tp, batch.lane.code, batch.start, batch.count, entry.base, code))
        self.taken_back(tp, gone, is_aborted)

    def taken_back(self, tp: int, entries: Iterable[Any], is_aborted: Callable[[Any], bool]) -> None:
        """Of what leaves a log, whatever the reason: remember what had been taken back with its transaction."""
        for entry in entries:
            batch = entry.batch
            if batch.lane is not None and is_aborted(entry):
                self.removed_aborted.append((tp, batch.lane.code, batch.start, batch.count, entry.base))

    def effect(self, row: tuple[Any, ...]) -> None:
        self.effects.append(row)

    def call(self, call: Call) -> int:
        """A call begins: its number. What becomes of it is written into `calls[number]`."""
        self.calls.append(call)
        return len(self.calls) - 1

    def deliver(self, row: tuple[int, ...], times: Iterable[int]) -> int:
        """A run of records handed over; returns the index of its first entry in `delivery_times`."""
        first = len(self.delivery_times) // 2
        self._delivery((*row, first))
        self.delivery_times.extend(times)
        return first

    def tables(self, log_end: Callable[[], dict[str, Any]], more: dict[str, dict[str, Any]]) -> TablesOnDemand:
        """The columns, as arrays without copying; `log_end` makes the table of what is in the logs, `more` are made."""
        makers = {name: partial(_unpacked, rows, COLUMNS[name]) for name, rows in self.rows.items()}
        if self.calls:
            makers["calls"] = partial(call_columns, self.calls)
        makers |= {name: partial(dict, table) for name, table in (*self.whole.items(), *more.items())}
        return TablesOnDemand(makers | {
            "events": partial(_transposed, self.events, EVENT_COLUMNS, text=("kind", "detail")),
            "effects": partial(_transposed, self.effects, EFFECT_COLUMNS, text=("key",)),
            "messages": partial(_messages, self.lanes), "log_end": log_end})


def _writer(rows: dict[str, array[int]], table: str) -> Callable[[tuple[int, ...]], None]:
    """Writes one row of a table. Packed at once: an array that is given number by number takes twice as long."""
    take, pack = rows[table].frombytes, PACKERS[table]

    def write(row: tuple[int, ...]) -> None:
        take(pack(*row))

    return write


def _unpacked(rows: array[int], columns: tuple[str, ...]) -> dict[str, Any]:
    table = np.frombuffer(rows, dtype=np.int64).reshape(-1, len(columns))
    return {column: table[:, i] for i, column in enumerate(columns)}


def _transposed(rows: list[tuple[Any, ...]], columns: tuple[str, ...], text: tuple[str, ...]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for i, column in enumerate(columns):
        values = [row[i] for row in rows]
        table[column] = values if column in text else np.array(values, dtype=np.int64)
    return table


def _messages(lanes: list[Any]) -> dict[str, Any]:
    """One row a created record, lane by lane (`lane` objects keep created, number, key, value, bytes)."""
    parts = [lane.columns() for lane in lanes]
    lengths = [len(part["number"]) for part in parts]
    joined = partial(_joined, sum(lengths))
    table: dict[str, Any] = {"lane": joined(np.int32, (np.full(length, lane) for lane, length in enumerate(lengths))),
                             "ordinal": joined(np.int64, map(np.arange, lengths))}
    for column, kind in (("number", np.int64), ("key", np.int32), ("created", np.int64), ("bytes", np.int32)):
        table[column] = joined(kind, (part[column] for part in parts))
    if any(part["value"] for part in parts):
        texts = [text for part in parts for text in part["value"] or [None] * len(part["number"])]
        table["value"] = [None if text is None else json.loads(text) for text in texts]
    else:
        table["value"] = None
    return table


def _joined(rows: int, kind: Any, parts: Iterable[np.ndarray]) -> np.ndarray:
    """One column of all lanes; a long one is narrowed lane by lane, so that it is never there at its full width."""
    if rows < WORTH_NARROWING:
        return np.concatenate([np.empty(0, kind), *parts]).astype(kind, copy=False)
    return np.concatenate([narrow(part) for part in parts if len(part)])
