"""From what the workers wrote, and what stands in the topics at the end, to the tables of a trace.

Only what was seen is filled in: no append time, no high watermark, no request of a broker is invented.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from simlib.real.collected_calls import CollectedCalls
from simlib.real.collected_messages import CollectedMessages
from simlib.real.final_logs import FinalLogs
from simlib.real.plan import Plan
from simlib.real.worker.marks import read_marks
from simlib.scenario.scenario import Scenario
from simlib.trace.recorder import Recorder
from simlib.units import NEVER, SECOND

EVENTS = ("commit_failed", "transaction", "request_lost", "reply_lost", "shown")
"""Marks that are events of the trace as they are; the last detail is the text."""


class _Clock:
    """What a Recorder asks for the time."""

    now = 0


class _Actor:
    def __init__(self, code: int) -> None:
        self.code = code


class Collector(CollectedCalls):
    """Say to `messages` who died, then `collect`; the rest of a trace is in its attributes."""

    def __init__(self, scenario: Scenario, plans: list[Plan], began: int) -> None:
        self.scenario, self._began = scenario, began
        self._clock = _Clock()
        self.recorder = Recorder(self._clock, sorted([*scenario.process_names(), "world"]))
        self._actors = {name: code for code, name in enumerate(self.recorder.names["actors"])}
        for topic in scenario.topics:
            for partition in range(topic.partitions):
                self.recorder.add_tp(topic.name, partition)
        self.messages = CollectedMessages(self.recorder, self._actors, self._tp)
        self._deliveries: dict[tuple[Any, ...], int] = {}
        self._numbers: dict[str, int] = {}
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
        for time, name, _, kind, details in self._marks:
            self.messages.note(time - self._began, name, kind, details)
        self.messages.lay_out(final_logs.rows)
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
        self.messages.write_acks()
        self.recorder.events.sort(key=lambda row: row[0])
        more = {"aborted": self.messages.aborted(final_logs.aborted)} if final_logs.aborted else {}
        return {**self.recorder.tables(self.messages.log_end, more), "messages": self.messages.table()}

    def meta(self) -> dict[str, Any]:
        """What of a trace's `meta` was seen."""
        return {"producers": self.producers, "tracebacks": self.tracebacks, "read_committed": self.read_committed,
                "steps": [tuple(step) for step in self.steps]}

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

    # -- one method for each kind of mark that fills more than an event

    def _on_produces(self, name: str, life: int, acks: Any) -> None:
        self.producers[name] = {"acks": "all" if acks == -1 else acks}

    def _on_consumes(self, name: str, life: int, group: str, session_ms: float, isolation: str) -> None:
        if isolation == "read_committed" and group not in self.read_committed:
            self.read_committed.append(group)

    def _on_delivered(self, name: str, life: int, group: str, topic: str, partition: int, offset: int, message: str,
                      generation: int) -> None:
        found, now = self.messages.get(message), self._clock.now
        if found is None:
            return
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
        found = self.messages.get(message)
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
