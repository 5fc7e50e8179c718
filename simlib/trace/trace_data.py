"""The raw trace: flat columns as the engine (or a real run) wrote them, and nothing computed.

Times are integer nanoseconds of virtual time; `NEVER` stands for "did not happen". A *lane* is the stream of records
that one producer sent to one partition; batches and deliveries are rows about a range of ordinals of a lane.
The public views of `Trace`, described in `simlib.trace.columns`, are derived from these tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simlib.trace.on_demand import TablesOnDemand
from simlib.units import NEVER

FORMAT_VERSION = 2
"""The version of the tables below; a saved trace of another version is refused."""

TABLES: dict[str, dict[str, str]] = {
    "messages": {"lane": "i4", "ordinal": "i8", "number": "i8", "key": "i4", "created": "i8", "value": "O",
                 "bytes": "i4"},
    "appends": {"time": "i8", "lane": "i8", "start": "i8", "count": "i8", "base_offset": "i8", "epoch": "i8",
                "broker": "i8"},
    "acks": {"time": "i8", "lane": "i8", "start": "i8", "count": "i8", "outcome": "i8", "error": "i8",
             "base_offset": "i8"},
    "truncations": {"time": "i8", "broker": "i8", "tp": "i8", "to_offset": "i8"},
    "log_end": {"tp": "i8", "lane": "i8", "start": "i8", "count": "i8", "base_offset": "i8"},
    "removals": {"time": "i8", "tp": "i8", "lane": "i8", "start": "i8", "count": "i8", "base_offset": "i8",
                 "reason": "i8"},
    "log_starts": {"time": "i8", "tp": "i8", "log_start": "i8"},
    "watermarks": {"time": "i8", "tp": "i8", "high_watermark": "i8"},
    "replica_ends": {"time": "i8", "tp": "i8", "broker": "i8", "end": "i8"},
    "markers": {"time": "i8", "tp": "i8", "offset": "i8", "first_offset": "i8", "pid": "i8", "epoch": "i8",
                "committed": "i8", "broker": "i8"},
    "stable": {"time": "i8", "tp": "i8", "last_stable_offset": "i8"},
    "log_markers": {"tp": "i8", "offset": "i8"},
    "aborted": {"tp": "i8", "lane": "i8", "start": "i8", "count": "i8", "base_offset": "i8"},
    "deliveries": {"time": "i8", "member": "i8", "incarnation": "i8", "group": "i8", "tp": "i8", "lane": "i8",
                   "start": "i8", "count": "i8", "base_offset": "i8", "generation": "i8", "first": "i8"},
    "delivery_times": {"handed": "i8", "done": "i8"},
    "acknowledgements": {"time": "i8", "group": "i8", "tp": "i8", "lane": "i8", "start": "i8", "count": "i8",
                         "base_offset": "i8", "member": "i8", "how": "i8", "deliveries": "i8", "archived": "i8"},
    "commits": {"time": "i8", "group": "i8", "tp": "i8", "offset": "i8", "member": "i8", "auto": "i8"},
    "skipped": {"time": "i8", "group": "i8", "tp": "i8", "from_offset": "i8", "to_offset": "i8"},
    "effects": {"time": "i8", "process": "i8", "incarnation": "i8", "name": "i8", "key": "O", "lane": "i8",
                "ordinal": "i8"},
    "calls": {"sent": "i8", "caller": "i8", "incarnation": "i8", "callee": "O", "request": "O", "deadline": "i8",
              "parent": "i8", "lane": "i8", "ordinal": "i8", "instance": "i8", "arrived": "i8", "taken_up": "i8",
              "done": "i8", "answered": "i8", "outcome": "i8", "answer": "O"},
    "sent": {"actor": "i8", "tp": "i8", "created": "i8", "in_log": "i8", "acked": "i8", "unconfirmed": "i8"},
    "handed": {"group": "i8", "tp": "i8", "delivered": "i8", "duplicates": "i8", "skipped": "i8", "backlog": "i8",
               "passed_over": "i8"},
    "latencies": {"group": "i8", "tp": "i8", "done": "i8", "bucket": "i8", "count": "i8"},
    "listed": {"time": "i8", "done": "i8", "group": "i8", "member": "i8", "tp": "i8", "offset": "i8", "actor": "i8",
               "number": "i8", "key": "i8", "attempt": "i8", "cause": "i8", "late": "i8"},
    "listed_lost": {"actor": "i8", "tp": "i8", "number": "i8", "key": "i8", "created": "i8"},
    "events": {"time": "i8", "kind": "O", "actor": "i8", "group": "i8", "tp": "i8", "a": "i8", "b": "i8",
               "detail": "O"},
}
"""Every raw table with its columns and their types ("O": any Python object)."""

LATER = ("removals", "log_starts", "calls", "replica_ends", "markers", "stable", "log_markers", "aborted",
         "acknowledgements", "sent", "handed", "latencies", "listed", "listed_lost")
"""Tables that traces of before do not have: an empty one is as good as none.

`replica_ends` says where the log of a replica ended when it fell out of step, and at each fetch of one that is out of
sync: what its leader knows. Of a replica in step nothing is written down: it has all below the high watermark.

Four are about transactions: markers as leaders wrote them; last stable offsets; the markers, and the ranges of
aborted records, in the logs at the end (and of those that left a log before).

`acknowledgements` is about share groups: how each delivery of a record ended.

The last five are all that a folded trace holds of records (see `simlib.trace.folded`): records by producer and
partition; deliveries by group and partition; latencies by bucket of `simlib.trace.histogram`, to the hand-over (done=0)
and to the end of the work (done=1); each delivery that is a repeat or late (after that of a later record); losses."""

ANSWERS = ("accepted", "released", "rejected", "lock expired", "connection lost", "closed")
"""How a member's hold on a record of a share group ended, by its code in `acknowledgements.how`."""

REMOVED_BY = ("retention_ms", "retention_bytes", "compaction", "delete_retention_ms")
"""Which setting took a record out of the log on purpose, by its code in `removals.reason`."""

NAMES = ("actors", "groups", "topics", "tps", "lanes", "keys", "effects", "errors")
"""The code tables: what the integers in the columns stand for."""

OUTCOMES = ("acked", "unacknowledged", "timed out", "refused", "lost with its producer", "aborted")
"""What a producer learned of a record, by its code in `acks.outcome`; a record without a row is pending.

"aborted" is also the outcome of a record in the log whose transaction was aborted, whatever was said before."""

PENDING = len(OUTCOMES)

WORTH_NARROWING = 1_000
"""Rows; below, finding the smallest type costs more than it saves."""


@dataclass(frozen=True)
class TraceData:
    """The columns of one run: `tables[table][column]`, the code tables, the scenario and how the run ended."""

    tables: Mapping[str, dict[str, Any]]
    names: dict[str, list[Any]]
    scenario: Any = None
    meta: dict[str, Any] = field(default_factory=dict)
    databases: dict[str, bytes] = field(default_factory=dict)
    """The final database of each service that has one: the bytes of a SQLite file."""

    def __post_init__(self) -> None:
        if not isinstance(self.tables, TablesOnDemand):
            self._check()
            object.__setattr__(self, "tables", {table: narrowed(columns) for table, columns in self.tables.items()})

    def _check(self) -> None:
        for table, columns in self.tables.items():
            _check_known("table", table, TABLES)
            if not columns.keys() <= TABLES[table].keys():
                for column in columns:
                    _check_known(f"column of {table}", column, TABLES[table])
            _check_lengths(table, columns)
        for name in self.names:
            _check_known("code table", name, NAMES)

    def column(self, table: str, column: str) -> np.ndarray:
        """One raw column as an array, as wide as TABLES says (kept narrower, see `narrowed`).

        An absent table or column is empty (or all None where the table has rows).
        """
        kind = TABLES[table][column]
        values = self.tables.get(table, {}).get(column)
        if values is None:
            missing = object_array([None] * self.rows(table)) if kind == "O" else np.empty(0, kind)
            return missing
        return object_array(values) if kind == "O" else np.asarray(values, dtype=kind)

    def rows(self, table: str) -> int:
        """How many rows a raw table has."""
        lengths = [len(column) for column in self.tables.get(table, {}).values() if column is not None]
        return lengths[0] if lengths else 0

    def code_table(self, name: str) -> list[Any]:
        """What the codes of one kind stand for."""
        return self.names.get(name, [])


def narrowed(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns of whole numbers in the smallest type that holds them: a large trace is kept in a third of the bytes."""
    if all(values is None or len(values) < WORTH_NARROWING for values in columns.values()):
        return columns
    return {name: narrow(values) if isinstance(values, np.ndarray) and len(values) >= WORTH_NARROWING else values
            for name, values in columns.items()}


def narrow(values: np.ndarray) -> np.ndarray:
    """One column in the smallest type that holds it."""
    if values.dtype.kind != "i" or not len(values):
        return values
    low, high = values.min(), values.max()
    smallest = next(kind for kind in (np.int8, np.int16, np.int32, np.int64)
                    if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return np.ascontiguousarray(values, dtype=smallest)


def object_array(values: Iterable[Any]) -> np.ndarray:
    """A one-dimensional array of any objects (NumPy alone would unpack tuples of one length)."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values
    items = list(values)
    return np.fromiter(items, dtype=object, count=len(items))


def as_seconds(nanoseconds: np.ndarray) -> np.ndarray:
    """Raw times as float seconds; NaN for what never happened."""
    return np.where(nanoseconds == NEVER, np.nan, nanoseconds / 1e9)


def _check_known(what: str, name: str, allowed: Iterable[str]) -> None:
    if name not in allowed:
        raise ValueError(f"{name!r} is not a {what} of a trace; there are {', '.join(allowed)}")


def _check_lengths(table: str, columns: dict[str, Any]) -> None:
    lengths = {column: len(values) for column, values in columns.items() if values is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of {table} differ in length: {lengths}")
