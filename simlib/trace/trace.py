"""What a run leaves behind: raw columns, and views of them as pandas tables, made when they are first asked for."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from simlib.trace import frames
from simlib.trace.acknowledgements import STATES
from simlib.trace.calls import calls_frame
from simlib.trace.databases import Databases
from simlib.trace.deliveries import CAUSES, Deliveries
from simlib.trace.effects import effect_occurrence, service_of
from simlib.trace.events import control_frame, effect_messages, events_frame, in_hand_messages
from simlib.trace.fidelity import Fidelity, fidelity_of
from simlib.trace.groups import Groups
from simlib.trace.records import LOST_REASONS, Messages
from simlib.trace.screens import screens_of
from simlib.trace.summary import Summary, summarise
from simlib.trace.trace_data import ANSWERS, OUTCOMES, REMOVED_BY, TABLES, TraceData
from simlib.units import NEVER


class Trace:
    """One run, record by record. Every view is a pandas DataFrame; `simlib.trace.columns` describes the columns.

    `messages`, `handed` and `groups` hold the same as NumPy arrays, for laws and pictures.
    """

    def __init__(self, data: TraceData) -> None:
        self.data = data
        self.messages = Messages(data)
        self.handed = Deliveries(self.messages)
        self.groups = Groups(self.handed)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes its views anew, and opens the databases itself."""
        return Trace, (self.data,)

    @property
    def scenario(self) -> Any:
        """The scenario that was run (None where it was saved without its code)."""
        return self.data.scenario

    @property
    def ended(self) -> str:
        """How the run ended: duration, quiet, stuck or interrupted."""
        return self.data.meta.get("ended", "duration")

    @property
    def ended_at(self) -> float:
        """When the run ended, in seconds."""
        return self.data.meta.get("ended_at", 0) / 1e9

    @property
    def fidelity(self) -> Fidelity:
        """What ran, and how much of it the trace tells."""
        return fidelity_of(self.data.meta)

    @cached_property
    def records(self) -> Any:
        """One row a message: by topic, partition and offset, then those that never reached a log."""
        return self.records_of(self.messages.order)

    @cached_property
    def lost(self) -> Any:
        """Messages that are neither in the log nor still with their producer, with the reason."""
        messages = self.messages
        rows = messages.order[messages.is_lost[messages.order]]
        columns = self.records_of(rows)[["message", "producer", "topic", "partition", "offset", "key", "created",
                                            "appended", "acked", "outcome"]]
        return columns.assign(error=frames.categorical(messages.error[rows], self.data.code_table("errors")),
                              reason=frames.categorical(messages.reason[rows], list(LOST_REASONS)))

    @cached_property
    def removed(self) -> Any:
        """Records that retention or compaction took out of the log, and when."""
        messages = self.messages
        rows = messages.order[messages.is_removed[messages.order]]
        columns = self.records_of(rows)[["message", "producer", "topic", "partition", "offset", "key", "created",
                                         "appended", "acked"]]
        return columns.assign(removed=frames.seconds(messages.removed[rows]),
                              by=frames.categorical(messages.removed_by[rows], list(REMOVED_BY)))

    @cached_property
    def deliveries(self) -> Any:
        """One row each time a record was handed to a member of a group, in order of time."""
        return self.deliveries_at(np.arange(len(self.handed)))

    @cached_property
    def duplicates(self) -> Any:
        """The deliveries of messages that the group had been handed before."""
        return self.deliveries_at(np.flatnonzero(self.handed.attempt > 1))

    @cached_property
    def passed_over(self) -> Any:
        """Records in the log that a group will not finish, because its committed offset is past them."""
        rows = self.groups.passed_over
        reasons = ["never handed over", "handed over, never finished"]
        return frames.frame({
            "group": self._names(rows["group"], "groups"), **frames.topic_and_partition(self.data, rows["tp"]),
            "offset": frames.nullable(rows["offset"]), "message": self._ids(rows["message"]),
            "key": self._keys(rows["message"]), "handed": frames.seconds(rows["handed"]),
            "committed": frames.seconds(rows["passed_at"]),
            "reason": frames.categorical((rows["handed"] != NEVER).astype(np.int8), reasons)})

    @cached_property
    def skipped(self) -> Any:
        """Ranges of records that a reset policy jumped over."""
        low, high = self._raw("skipped", "from_offset"), self._raw("skipped", "to_offset")
        return frames.frame({**self._time_group_tp("skipped"), "from_offset": frames.nullable(low),
                             "to_offset": frames.nullable(high), "records": frames.nullable(high - low)})

    @cached_property
    def lag(self) -> Any:
        """High watermark minus committed offset of each group and partition; one row a change [K99]."""
        order = np.argsort(self.groups.lag["time"], kind="stable")
        columns = {name: column[order] for name, column in self.groups.lag.items()}
        return frames.frame({"time": frames.seconds(columns["time"]), "group": self._names(columns["group"], "groups"),
                             **frames.topic_and_partition(self.data, columns["tp"]), "lag": columns["lag"]})

    @cached_property
    def effects(self) -> Any:
        """One row an irreversible act of a service, in order of time."""
        process = self._raw("effects", "process")
        actors = [str(name) for name in self.data.code_table("actors")]
        services = list(dict.fromkeys(service_of(name) for name in actors))
        service = np.array([services.index(service_of(name)) for name in actors], np.int64)
        return frames.frame({
            "time": frames.seconds(self._raw("effects", "time")),
            "service": frames.categorical(np.r_[service, -1][process], services),
            "process": self._names(process, "actors"), "incarnation": self._raw("effects", "incarnation"),
            "name": self._names(self._raw("effects", "name"), "effects"), "key": self._raw("effects", "key"),
            "occurrence": effect_occurrence(self.data), "message": self._ids(effect_messages(self.handed))})

    @cached_property
    def screens(self) -> Any:
        """What stood on the users' screens (`app.show`), from when until when."""
        found = screens_of(self.data)
        who = frames.text(np.array([one.process for one in found], object))
        text = frames.text(np.array([one.text for one in found], object))
        return frames.frame({"time": frames.seconds(np.array([one.time for one in found], np.int64)),
                             "until": frames.seconds(np.array([one.until for one in found], np.int64)),
                             "process": who, "text": text})

    @cached_property
    def calls(self) -> Any:
        """One row a call of a service by another, in the order in which they were made."""
        return calls_frame(self.data, self._ids(in_hand_messages(self.handed, "calls")))

    @cached_property
    def commits(self) -> Any:
        """One row a commit that the coordinator accepted."""
        return frames.frame({**self._time_group_tp("commits"),
                             "offset": frames.nullable(self._raw("commits", "offset")),
                             "member": self._names(self._raw("commits", "member"), "actors"),
                             "auto": self._raw("commits", "auto").astype(bool)})

    @cached_property
    def acknowledgements(self) -> Any:
        """One row each time a member's hold on a record of a share group ended, and how."""
        answers = self.handed.answers
        return frames.frame({
            "time": frames.seconds(answers.column("time")), "group": self._names(answers.column("group"), "groups"),
            "member": self._names(answers.column("member"), "actors"),
            **frames.topic_and_partition(self.data, answers.column("tp")), "offset": frames.nullable(answers.offset),
            "message": self._ids(answers.message), "key": self._keys(answers.message),
            "how": frames.categorical(answers.column("how"), list(ANSWERS)),
            "delivery_count": answers.column("deliveries"),
            "state": frames.categorical(answers.state, list(STATES))})

    @cached_property
    def databases(self) -> Databases:
        """The final database of each service that has one, read-only: `trace.databases["billing"].execute(sql)`."""
        return Databases(self.data.databases, self.data.meta.get("ended_at", 0))

    @cached_property
    def events(self) -> Any:
        """Everything in order of time: marks about records and control events. Large for large runs."""
        return events_frame(self.handed)

    @cached_property
    def control(self) -> Any:
        """The control events alone: crashes, elections, rebalances, assignments ..."""
        return control_frame(self.data)

    @cached_property
    def _summary(self) -> Summary:
        handed = self.handed.for_sums()
        return summarise(self.groups if handed is self.handed else Groups(handed))

    def summary(self) -> Summary:
        """The run in numbers; shows as a table, reads as a mapping."""
        return self._summary

    @cached_property
    def plot(self) -> Any:
        """Pictures of this trace: `trace.plot.lag()` ..."""
        return import_module("simlib.views").Plots(self)  # by name: a trace depends on no view

    def play(self, after: Trace | None = None, **options: Any) -> Any:
        """This run as a film in the notebook, or beside `after` in step with it; options as of `simlib.play`."""
        return import_module("simlib.views.player").play(self, after, **options)

    def export(self, path: str | Path, after: Trace | None = None, **options: Any) -> None:
        """The same as one HTML file that plays offline, for slides and chat."""
        import_module("simlib.views.player").export(self, path, after, **options)

    def records_of(self, rows: np.ndarray) -> Any:
        """The lines of `records` about chosen messages (rows of the raw table `messages`)."""
        messages = self.messages
        return frames.frame({
            "message": self._ids(rows), "producer": self._names(messages.producer[rows], "actors"),
            "topic": self._names(messages.topic[rows], "topics"),
            "partition": frames.nullable(messages.partition[rows]), "offset": frames.nullable(messages.offset[rows]),
            "key": self._keys(rows), "value": self._raw("messages", "value")[rows],
            "created": frames.seconds(messages.created[rows]), "appended": frames.seconds(messages.appended[rows]),
            "acked": frames.seconds(messages.acked[rows]), "copies": messages.copies[rows],
            "outcome": frames.categorical(messages.outcome[rows], [*OUTCOMES, "pending"])})

    def deliveries_at(self, rows: np.ndarray) -> Any:
        """Chosen lines of `deliveries`."""
        handed = self.handed
        return frames.frame({
            "time": frames.seconds(handed.time[rows]), "done": frames.seconds(handed.done[rows]),
            "group": self._names(handed.group[rows], "groups"), "member": self._names(handed.member[rows], "actors"),
            **frames.topic_and_partition(self.data, handed.tp[rows]), "offset": frames.nullable(handed.offset[rows]),
            "message": self._ids(handed.message[rows]), "key": self._keys(handed.message[rows]),
            "attempt": handed.attempt[rows],
            "cause_of_repeat": frames.categorical(np.where(handed.cause == 0, -1, handed.cause - 1)[rows],
                                                  list(CAUSES[1:]))})

    def save(self, path: str | Path) -> None:
        """Write the trace to one file (a ZIP of Parquet tables)."""
        from simlib.trace.storage import save

        save(self.data, path)

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read a saved trace; TraceFileError for a file that is none, or of another version."""
        from simlib.trace.folded import trace_of
        from simlib.trace.storage import load

        return trace_of(load(path))

    def digest(self) -> str:
        """SHA-256 over every raw column in a fixed order: equal for byte-identical runs."""
        from simlib.trace.storage import digest

        return digest(self.data)

    def same_as(self, other: Trace) -> bool:
        """Whether both traces hold the same bytes in every column."""
        return self.digest() == other.digest()

    def bytes_per_record(self) -> float:
        """Bytes that the raw columns take for each message, keys and values apart."""
        total = sum(values.nbytes for table, columns in self.data.tables.items() for column, values in columns.items()
                    if TABLES[table][column] != "O")
        return total / max(len(self.messages), 1)

    def __repr__(self) -> str:
        return repr(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def _raw(self, table: str, column: str) -> np.ndarray:
        return self.data.column(table, column)

    def _names(self, codes: np.ndarray, kind: str) -> Any:
        return frames.categorical(codes, self.data.code_table(kind))

    def _ids(self, rows: np.ndarray) -> Any:
        """Message ids; empty where the row is -1."""
        producer = np.r_[self.messages.producer, -1][rows]
        return frames.message_ids(self.data, producer, np.r_[self._raw("messages", "number"), -1][rows])

    def _keys(self, rows: np.ndarray) -> Any:
        return self._names(np.r_[self._raw("messages", "key"), -1][rows], "keys")

    def _time_group_tp(self, table: str) -> dict[str, Any]:
        return {"time": frames.seconds(self._raw(table, "time")),
                "group": self._names(self._raw(table, "group"), "groups"),
                **frames.topic_and_partition(self.data, self._raw(table, "tp"))}

