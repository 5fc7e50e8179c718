"""From what the workers wrote, and what stands in the topics at the end, to the tables of a trace.

Only what was seen is filled in: no append time, no high watermark, no request of a broker is invented.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simlib.real.collected_calls import CollectedCalls
from simlib.real.final_logs import FinalLogs
from simlib.real.plan import Plan
from simlib.real.worker.marks import read_marks
from simlib.scenario.scenario import Scenario
from simlib.trace.recorder import ACKED, ACKED_UNKNOWN, LOST_WITH_PRODUCER, REFUSED, TIMED_OUT, Recorder
from simlib.units import NEVER, SECOND

EVENTS = ("commit_failed", "transaction", "request_lost", "reply_lost", "shown")
"""Marks that are events of the trace as they are; the last detail is the text."""

TIMEOUTS = ("KafkaTimeoutError",)


class _Clock:
    """What a Recorder asks for the time."""

    now = 0


class _Actor:
    def __init__(self, code: int) -> None:
        self.code = code


@dataclass
class _Message:
    """One message on its way."""

    producer: str
    number: int
    topic: str
    key: Any
    value: Any
    size: int
    created: int
    life: int
    partition: int = -1
    offset: int = -1
    ack: tuple[int, int, int] | None = None
    """When, outcome, error."""
    places: list[tuple[int, int]] = field(default_factory=list)
    """(partition, offset) of each copy in the final log."""
    lane: int = -1
    ordinal: int = -1


class Collector(CollectedCalls):
    """Fill it in the order of its methods, then take `recorder` and `tables()`."""

    def __init__(self, scenario: Scenario, plans: list[Plan], began: int) -> None:
        self.scenario, self._began = scenario, began
        self._clock = _Clock()
        self.recorder = Recorder(self._clock, sorted([*scenario.process_names(), "world"]))
        self._actors = {name: code for code, name in enumerate(self.recorder.names["actors"])}
        for topic in scenario.topics:
            for partition in range(topic.partitions):
                self.recorder.add_tp(topic.name, partition)
        self._messages: dict[str, _Message] = {}
        self._deliveries: dict[tuple[Any, ...], int] = {}
        self._numbers: dict[str, int] = {}
        self._ends: list[tuple[int, str]] = []
        self.producers: dict[str, dict[str, Any]] = {}
        self.read_committed: list[str] = []
        """Groups that read so."""
        self.exceptions: dict[str, int] = defaultdict(int)
        self.tracebacks: list[str] = []
        self.used_databases: set[str] = set()
        """The processes that used theirs."""
        self.steps: list[list[Any]] = []
        self._open_steps: dict[tuple[str, int, str, int], list[Any]] = {}
        self._marks = sorted(((mark[0], plan.name, life, mark[1], mark[2:]) for plan in plans
                              for life, marks in _lives(plan) for mark in marks), key=lambda each: each[0])

    # -- what happened

    def collect(self, events: list[tuple[float, str, str, str]], final_logs: FinalLogs) -> dict[str, dict[str, Any]]:
        """All tables. `events`: what was done to processes."""
        self._note_messages()
        for topic, partition, offset, message in final_logs.rows:
            if message in self._messages:
                self._tp(topic, partition)
                self._messages[message].places.append((partition, offset))
        self._lay_out_lanes()
        rows = [(round(at * SECOND), process, kind, detail) for at, kind, process, detail in events]
        for at, process, kind, detail in rows:
            self._event(at, process, kind, detail=detail)
        for time, name, life, kind, details in self._marks:
            self._clock.now = time - self._began
            handle = getattr(self, f"_on_{kind}", None)
            if handle is not None:
                handle(name, life, *details)
            elif kind in EVENTS:
                self._event(self._clock.now, name, kind, detail=str(details[-1]))
        self._write_messages()
        self.recorder.events.sort(key=lambda row: row[0])
        more = {"aborted": self._aborted(final_logs.aborted)} if final_logs.aborted else {}
        return {**self.recorder.tables(self._log_end, more), "messages": self._message_table()}

    def _event(self, at: int, process: str, kind: str, group: int = -1, tp: int = -1, a: int = -1, b: int = -1,
               detail: str = "") -> None:
        self._clock.now = at
        actor = _Actor(self._actors[process]) if process else None
        self.recorder.event(kind, actor, group, tp, a, b, detail)

    def _tp(self, topic: str, partition: int) -> int:
        tps = self.recorder.names["tps"]
        place = (self.recorder.code("topics", topic), partition)
        if place not in tps:  # it was added while the run went on
            tps.append(place)
        return tps.index(place)

    # -- messages

    def _note_messages(self) -> None:
        for time, name, life, kind, details in self._marks:
            at = time - self._began
            if kind == "produced":
                number, topic, key, value, size = details
                self._messages[f"{name}:{number}"] = _Message(name, number, topic, key, value, size, at, life)
            elif kind == "acked":
                message = self._messages[f"{name}:{details[0]}"]
                message.partition, message.offset = details[1], details[2]
                message.ack = (at, ACKED if details[2] >= 0 else ACKED_UNKNOWN, -1)
            elif kind == "failed":
                outcome = TIMED_OUT if details[1] in TIMEOUTS else REFUSED
                self._messages[f"{name}:{details[0]}"].ack = (at, outcome, self.recorder.code("errors", details[1]))
            elif kind == "delivered" and details[4] in self._messages:
                self._messages[details[4]].partition = details[2]

    def lost_with(self, producer: str, at: float) -> None:
        """A process died: what its producers had not been told about before, they never will be."""
        self._ends.append((round(at * SECOND), producer))

    def _lay_out_lanes(self) -> None:
        lanes: dict[tuple[int, int, int], list[_Message]] = defaultdict(list)
        for message in self._messages.values():
            if message.places:
                message.partition = message.places[0][0]
            topic = self.recorder.code("topics", message.topic)
            lanes[self._actors[message.producer], topic, message.partition].append(message)
        for lane, messages in lanes.items():
            messages.sort(key=lambda each: each.number)
            for ordinal, message in enumerate(messages):
                message.lane, message.ordinal = self.recorder.code("lanes", lane), ordinal

    def _write_messages(self) -> None:
        for message in self._messages.values():
            lane, ordinal = message.lane, message.ordinal
            if message.ack is None and (died := self._death_after(message)) is not None and not message.places:
                message.ack = (died, LOST_WITH_PRODUCER, -1)
            if message.ack is not None:
                at, outcome, error = message.ack
                self.recorder.ack((at, lane, ordinal, 1, outcome, error, message.offset))

    def _log_end(self) -> dict[str, Any]:
        """Every copy in the final logs."""
        return self._copies(lambda place: True)

    def _aborted(self, places: set[tuple[str, int, int]]) -> dict[str, Any]:
        """Those of them that were taken back with their transactions."""
        return self._copies(lambda place: place in places)

    def _copies(self, wanted: Callable[[tuple[str, int, int]], bool]) -> dict[str, Any]:
        """Partition by partition, in the order of offsets."""
        rows = sorted((self._tp(message.topic, partition), offset, message.lane, message.ordinal)
                      for message in self._messages.values() for partition, offset in message.places
                      if wanted((message.topic, partition, offset)))
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        return {"tp": table[:, 0], "lane": table[:, 2], "start": table[:, 3], "count": np.ones(len(table), np.int64),
                "base_offset": table[:, 1]}

    def _death_after(self, message: _Message) -> int | None:
        return min((at for at, name in self._ends if name == message.producer and at >= message.created), default=None)

    def _message_table(self) -> dict[str, Any]:
        rows = sorted(self._messages.values(), key=lambda each: (each.lane, each.ordinal))
        keys = [-1 if row.key is None else self.recorder.code("keys", row.key) for row in rows]
        numbers = {"lane": [row.lane for row in rows], "ordinal": [row.ordinal for row in rows],
                   "number": [row.number for row in rows], "key": keys, "created": [row.created for row in rows],
                   "bytes": [row.size for row in rows]}
        table: dict[str, Any] = {name: np.array(values, dtype=np.int64) for name, values in numbers.items()}
        table["value"] = [row.value for row in rows] if any(row.value is not None for row in rows) else None
        return table

    # -- one method for each kind of mark that fills more than an event

    def _on_produces(self, name: str, life: int, acks: Any) -> None:
        self.producers[name] = {"acks": "all" if acks == -1 else acks}

    def _on_consumes(self, name: str, life: int, group: str, session_ms: float, isolation: str) -> None:
        if isolation == "read_committed" and group not in self.read_committed:
            self.read_committed.append(group)

    def _on_delivered(self, name: str, life: int, group: str, topic: str, partition: int, offset: int, message: str,
                      generation: int) -> None:
        if message not in self._messages:
            return
        found, now = self._messages[message], self._clock.now
        first = self.recorder.deliver((now, self._actors[name], life, self.recorder.code("groups", group),
                                       self._tp(topic, partition), found.lane, found.ordinal, 1, offset, generation),
                                      (now, NEVER))
        self._deliveries[name, life, group, topic, partition, offset] = first

    def _on_handled(self, name: str, life: int, group: str, topic: str, partition: int, offset: int) -> None:
        first = self._deliveries.get((name, life, group, topic, partition, offset))
        if first is not None:
            self.recorder.delivery_times[2 * first + 1] = self._clock.now

    def _on_committed(self, name: str, life: int, group: str, rows: list[Any], auto: bool) -> None:
        for topic, partition, offset in rows:
            self.recorder.commit((self._clock.now, self.recorder.code("groups", group), self._tp(topic, partition),
                                  offset, self._actors[name], int(auto)))

    def _on_effect(self, name: str, life: int, effect: str, key: Any, message: str | None) -> None:
        self.recorder.effect((self._clock.now, self._actors[name], life, self.recorder.code("effects", effect), key,
                              *self._place_of(message)))

    def _place_of(self, message: str | None) -> tuple[int, int]:
        """Lane and ordinal of the message in somebody's hand."""
        found = self._messages.get(message or "")
        return (-1, -1) if found is None else (found.lane, found.ordinal)

    def _on_assigned(self, name: str, life: int, group: str, rows: list[Any]) -> None:
        self._partitions("assigned", name, group, rows)

    def _on_revoked(self, name: str, life: int, group: str, rows: list[Any]) -> None:
        self._partitions("revoked", name, group, rows)

    def _on_lost_partitions(self, name: str, life: int, group: str, rows: list[Any]) -> None:
        self._partitions("lost_partitions", name, group, rows)

    def _partitions(self, kind: str, name: str, group: str, rows: list[Any]) -> None:
        for topic, partition in rows:
            self._event(self._clock.now, name, kind, self.recorder.code("groups", group), self._tp(topic, partition))

    def _on_executed(self, name: str, life: int, count: int, statement: str, changed: bool) -> None:
        self.used_databases.add(name)
        self._event(self._clock.now, name, "executed", a=count, detail=statement)

    def _on_started(self, name: str, life: int) -> None:
        self._event(self._clock.now, name, "started")

    def _on_redis(self, name: str, life: int, source: str, told: str, changed: bool) -> None:
        self._event(self._clock.now, source, "redis", detail=told)

    def _on_exception(self, name: str, life: int, told: str, trace: str) -> None:
        self._complaint("exception", name, told, trace)

    def _on_error(self, name: str, life: int, told: str, trace: str) -> None:
        self._complaint("error", name, told, trace)

    def _complaint(self, kind: str, name: str, told: str, trace: str) -> None:
        """Written down the first time, counted afterwards."""
        self.exceptions[f"{name} raised {told}"] += 1
        if self.exceptions[f"{name} raised {told}"] == 1:
            self.tracebacks.append(f"{name}: {trace or told}")
            self._event(self._clock.now, name, kind, detail=told)

    def _on_begun(self, name: str, life: int, kind: str, nth: int, what: str) -> None:
        step = [name, kind, what, self._clock.now, None]
        self.steps.append(step)
        self._open_steps[name, life, kind, nth] = step

    def _on_ended(self, name: str, life: int, kind: str, nth: int) -> None:
        self._open_steps[name, life, kind, nth][4] = self._clock.now


def _lives(plan: Plan) -> Any:
    life = 0
    while plan.marks_of(life).exists():
        yield life, read_marks(plan.marks_of(life))
        life += 1
