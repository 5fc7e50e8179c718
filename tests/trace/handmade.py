"""Raw traces written by hand, in seconds and names, for tests that know every answer beforehand."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from simlib.trace import Trace, TraceData
from simlib.trace.trace_data import OUTCOMES, REMOVED_BY, TABLES
from simlib.units import NEVER, SECOND


def ns(seconds: float | None) -> int:
    return NEVER if seconds is None else round(seconds * SECOND)


class Builder:
    """One method for each thing that can happen; `trace()` ends the run."""

    def __init__(self, **topics: int) -> None:
        topics = topics or {"orders": 1}
        self.names: dict[str, list[Any]] = {"actors": [], "groups": [], "topics": list(topics), "lanes": [], "keys": [],
                                            "effects": [], "errors": []}
        self.names["tps"] = [(list(topics).index(t), p) for t, count in topics.items() for p in range(count)]
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self.numbers: dict[str, int] = defaultdict(int)
        self.place: dict[str, tuple[int, int]] = {}
        self.meta: dict[str, Any] = {}
        self.removed: set[tuple[int, int]] = set()

    def code(self, kind: str, name: Any) -> int:
        if name is None:
            return -1
        if name not in self.names[kind]:
            self.names[kind].append(name)
        return self.names[kind].index(name)

    def tp(self, partition: int | None, topic: str = "orders") -> int:
        return -1 if partition is None else self.names["tps"].index((self.names["topics"].index(topic), partition))

    def create(self, producer: str = "shop", partition: int = 0, at: float = 0.0, key: Any = None, value: Any = None,
               topic: str = "orders") -> str:
        lane = (self.code("actors", producer), self.names["topics"].index(topic), partition)
        lane_code = self.code("lanes", lane)
        ordinal = sum(row["lane"] == lane_code for row in self.rows["messages"])
        number = self.numbers[producer]
        self.numbers[producer] += 1
        self.rows["messages"].append({"lane": lane_code, "ordinal": ordinal, "number": number, "created": ns(at),
                                      "key": self.code("keys", key), "value": value, "bytes": 100})
        self.place[f"{producer}:{number}"] = (lane_code, ordinal)
        return f"{producer}:{number}"

    def append(self, message: str, offset: int, at: float, broker: str = "broker-0", count: int = 1,
               keep: bool = True) -> None:
        """Written by a leader; `keep=False` leaves it out of the final log."""
        lane, start = self.place[message]
        where = {"lane": lane, "start": start, "count": count, "base_offset": offset}
        self.rows["appends"].append({"time": ns(at), "epoch": 0, "broker": self.code("actors", broker), **where})
        if keep:
            _, topic, partition = self.names["lanes"][lane]
            self.rows["log_end"].append({"tp": self.names["tps"].index((topic, partition)), **where})

    def ack(self, message: str, at: float, outcome: str = "acked", error: str | None = None, count: int = 1) -> None:
        lane, start = self.place[message]
        self.rows["acks"].append({"time": ns(at), "lane": lane, "start": start, "count": count, "base_offset": -1,
                                  "outcome": OUTCOMES.index(outcome), "error": self.code("errors", error)})

    def write(self, producer: str = "shop", partition: int = 0, at: float = 0.0, offset: int = 0, **more: Any) -> str:
        """Created, appended 1 ms later, visible 2 ms later, acknowledged 3 ms later."""
        message = self.create(producer, partition, at, **more)
        self.append(message, offset, at + 0.001)
        self.watermark(offset + 1, at + 0.002, partition, more.get("topic", "orders"))
        self.ack(message, at + 0.003)
        return message

    def watermark(self, high: int, at: float, partition: int = 0, topic: str = "orders") -> None:
        self.rows["watermarks"].append({"time": ns(at), "tp": self.tp(partition, topic), "high_watermark": high})

    def truncate(self, to_offset: int, at: float, partition: int = 0, broker: str = "broker-0") -> None:
        self.rows["truncations"].append({"time": ns(at), "broker": self.code("actors", broker),
                                         "tp": self.tp(partition), "to_offset": to_offset})

    def remove(self, message: str, offset: int, at: float, by: str = "retention_ms") -> None:
        """Taken out of the log on purpose: it is not in the final log any more."""
        lane, start = self.place[message]
        _, topic, partition = self.names["lanes"][lane]
        tp = self.names["tps"].index((topic, partition))
        self.rows["log_end"] = [row for row in self.rows["log_end"]
                                if (row["tp"], row["base_offset"]) != (tp, offset)]
        self.rows["removals"].append({"time": ns(at), "tp": tp, "lane": lane, "start": start, "count": 1,
                                      "base_offset": offset, "reason": REMOVED_BY.index(by)})
        if by.startswith("retention"):
            self.rows["log_starts"].append({"time": ns(at), "tp": tp, "log_start": offset + 1})

    def deliver(self, message: str, offset: int, at: float, done: float | None = None, member: str = "billing-0",
                group: str = "billing", incarnation: int = 0, generation: int = 1) -> None:
        lane, start = self.place[message]
        _, topic, partition = self.names["lanes"][lane]
        self.rows["deliveries"].append({
            "time": ns(at), "member": self.code("actors", member), "incarnation": incarnation,
            "group": self.code("groups", group), "tp": self.names["tps"].index((topic, partition)), "lane": lane,
            "start": start, "count": 1, "base_offset": offset, "generation": generation,
            "first": len(self.rows["delivery_times"])})
        self.rows["delivery_times"].append({"handed": ns(at), "done": ns(done)})

    def commit(self, offset: int, at: float, partition: int = 0, group: str = "billing", member: str = "billing-0",
               auto: bool = True, topic: str = "orders") -> None:
        self.rows["commits"].append({"time": ns(at), "group": self.code("groups", group), "auto": int(auto),
                                     "tp": self.tp(partition, topic), "offset": offset,
                                     "member": self.code("actors", member)})

    def skip(self, low: int, high: int, at: float, partition: int = 0, group: str = "billing") -> None:
        self.rows["skipped"].append({"time": ns(at), "group": self.code("groups", group), "tp": self.tp(partition),
                                     "from_offset": low, "to_offset": high})

    def effect(self, name: str, key: Any, at: float, process: str = "billing-0", message: str | None = None,
               incarnation: int = 0) -> None:
        lane, ordinal = self.place.get(message or "", (-1, -1))
        self.rows["effects"].append({"time": ns(at), "process": self.code("actors", process), "key": key,
                                     "incarnation": incarnation, "name": self.code("effects", name), "lane": lane,
                                     "ordinal": ordinal})

    def event(self, kind: str, at: float, actor: str | None = None, group: str | None = None,
              partition: int | None = None, a: int = -1, b: int = -1, detail: str = "") -> None:
        self.rows["events"].append({"time": ns(at), "kind": kind, "actor": self.code("actors", actor),
                                    "group": self.code("groups", group), "tp": self.tp(partition), "a": a, "b": b,
                                    "detail": detail})

    def data(self, ended: str = "duration", at: float = 90.0, scenario: Any = None) -> TraceData:
        for table, order in (("messages", ("lane", "ordinal")), ("appends", ("time",)), ("acks", ("time",)),
                             ("watermarks", ("time",)), ("commits", ("time",)), ("events", ("time",))):
            self.rows[table].sort(key=lambda row, order=order: [row[column] for column in order])
        tables = {table: {column: self._column(table, column, kind) for column, kind in columns.items()}
                  for table, columns in TABLES.items()}
        return TraceData(tables, self.names, scenario, {"ended": ended, "ended_at": ns(at), **self.meta})

    def trace(self, ended: str = "duration", at: float = 90.0, scenario: Any = None) -> Trace:
        return Trace(self.data(ended, at, scenario))

    def _column(self, table: str, column: str, kind: str) -> Any:
        values = [row[column] for row in self.rows[table]]
        return values if kind == "O" else np.array(values, kind)
