"""A trace as the player reads it: for each kind of row one table in order of time, and no table of everything.

Nothing is sorted as a whole, so that a trace of a million records opens at once: what happened up to a time is the
beginning of each table, and what happened between two times is a piece of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlib.trace import Trace
from simlib.trace.columns import CONTROL_KINDS, MARKS
from simlib.trace.effects import effect_occurrence
from simlib.trace.events import LAST_KINDS, effect_messages
from simlib.trace.runs import occurrence
from simlib.trace.sentences import DONE_AGAIN
from simlib.trace.trace_data import OUTCOMES, REMOVED_BY
from simlib.units import NEVER
from simlib.views.player.cuts import cuts
from simlib.views.player.known import seen, tells

OWN_KINDS = ("gave_up", "watermark", "cut", "skipped", "removed", "log_start", "marker", "replica",
             "seen", "stable")
"""Beside those of a trace: a producer gave up on a record; a high watermark moved; a log lost its tail; a reset policy
jumped over records; retention or compaction took a record out; the beginning of a log moved; a leader wrote the marker
that ends a transaction; it became known where the log of a replica that is out of step ends; a record is known to stand
in a log whose leader did not tell (see `known.py`); the last stable offset moved."""
FIRST_KINDS = ("cut", "skipped")
KINDS = (*MARKS, *CONTROL_KINDS, *OWN_KINDS)
KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}

CONTROL, FIRST, DEATH = 0, 1, 100
"""Ranks at one instant: control events, what they cut off or skip, marks as `KINDS` has them, deaths."""
FIELDS = ("rank", "kind", "actor", "group", "tp", "offset", "message", "key", "a", "text")


@dataclass(frozen=True)
class Part:
    """Rows in order of time (ns). A field that is not among the columns is -1 in every row."""

    time: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.time)

    def field(self, name: str) -> np.ndarray:
        return self.columns[name] if name in self.columns else np.full(len(self), -1)

    def upto(self, time: int) -> Part:
        """The rows not later than this."""
        return self.rows(slice(0, int(np.searchsorted(self.time, time, side="right"))))

    def between(self, after: int, until: int) -> Part:
        """The rows later than `after` and not later than `until`."""
        return self.rows(slice(*np.searchsorted(self.time, (after, until), side="right").tolist()))

    def rows(self, chosen: slice | np.ndarray) -> Part:
        return Part(self.time[chosen], {name: values[chosen] for name, values in self.columns.items()})


@dataclass(frozen=True)
class Tape:
    """Everything that happened in one run, by kind of row."""

    trace: Trace

    @cached_property
    def parts(self) -> dict[str, Part]:
        return {"control": self._control(), "cut": self._cuts(), **self._producers(), **self._groups()}

    @cached_property
    def texts(self) -> list[str]:
        """What the rows' `text` stands for: details of control events, effects, errors, reasons of removals."""
        data = self.trace.data
        return [*(str(detail) for detail in data.column("events", "detail")), *self._effects_in_words(),
                *map(str, data.code_table("errors")), *REMOVED_BY, "aborted", "committed"]

    def _effects_in_words(self) -> Iterator[str]:
        data, names = self.trace.data, self.trace.data.code_table("effects")
        first: dict[str, str] = {}
        for name, key, time in zip(*(data.column("effects", one).tolist() for one in ("name", "key", "time")),
                                   strict=True):
            what, when = f"{names[name]} {key}", f"{time / 1e9:.4g} s"
            known = first.setdefault(f"{name} {key!r}", when)
            yield DONE_AGAIN.format(what=what, first=known) if known is not when else what

    def _control(self) -> Part:
        column = self.trace.data.column
        kinds = column("events", "kind")
        rank = np.array([DEATH if kind in LAST_KINDS else CONTROL for kind in kinds], np.int64)
        code = np.array([KIND_CODE[kind] for kind in kinds], np.int64)
        order = np.lexsort((rank, column("events", "time")))
        rows = {name: column("events", name)[order] for name in ("time", "actor", "group", "tp", "a")}
        return Part(rows.pop("time"), {**rows, "rank": rank[order], "kind": code[order], "text": order})

    def _cuts(self) -> Part:
        rows = np.array(cuts(self.trace), np.int64).reshape(-1, 4)
        return _mark("cut", rows[:, 0], tp=rows[:, 1], offset=rows[:, 2], a=rows[:, 3])

    def _producers(self) -> dict[str, Part]:
        messages, data = self.trace.messages, self.trace.data
        rows, written = np.arange(len(messages)), messages.of("appends")
        return {
            "produced": _mark("produced", messages.created, actor=messages.producer, tp=messages.tp, message=rows,
                              key=data.column("messages", "key")),
            "appended": _mark("appended", messages.spread("appends", "time"), tp=messages.tp[written],
                              actor=messages.spread("appends", "broker"), offset=messages.offsets("appends"),
                              message=written, a=occurrence(written), key=data.column("messages", "key")[written])
            if tells(self.trace)["writes"] else self._seen(),
            **self._told(), **self._kept(), **self._readable()}

    def _seen(self) -> Part:
        time, tp, offset, message = seen(self.trace)
        order = np.argsort(time, kind="stable")
        time, tp, offset, message = (column[order] for column in (time, tp, offset, message))
        return _mark("seen", time, tp=tp, offset=offset, message=message, a=occurrence(message),
                     key=self.trace.data.column("messages", "key")[message])

    def _readable(self) -> dict[str, Part]:
        """Up to where a log may be read: high watermarks, and last stable offsets."""
        column = self.trace.data.column
        return {kind: _mark(kind, column(table, "time"), tp=column(table, "tp"), offset=column(table, end))
                for kind, table, end in (("watermark", "watermarks", "high_watermark"),
                                         ("stable", "stable", "last_stable_offset"))}

    def _told(self) -> dict[str, Part]:
        """What the producers learned of each record first."""
        messages = self.trace.messages
        told, row = _firsts(messages.of("acks"), len(messages))
        outcome, time, error, offset = (
            *(messages.spread("acks", name)[row] for name in ("outcome", "time", "error")),
            messages.offsets("acks")[row])
        errors = self.trace.data.rows("events") + self.trace.data.rows("effects")
        columns = {"actor": messages.producer[told], "tp": messages.tp[told], "message": told,
                   "offset": np.where(offset < 0, messages.offset[told], offset),
                   "text": np.where(error < 0, -1, errors + error),
                   "a": ((messages.appended[told] != NEVER) & (messages.appended[told] <= time)).astype(np.int64)}
        bad = outcome >= OUTCOMES.index("timed out")
        return {kind: _mark(kind, time[rows], **{name: values[rows] for name, values in columns.items()})
                for kind, rows in (("acked", ~bad), ("gave_up", bad))}

    def _kept(self) -> dict[str, Part]:
        """What retention and compaction took out of the logs on purpose, and the markers of transactions."""
        messages, data = self.trace.messages, self.trace.data
        reasons = data.rows("events") + data.rows("effects") + len(data.code_table("errors"))
        return {"removed": _mark("removed", messages.spread("removals", "time"), tp=messages.spread("removals", "tp"),
                                 offset=messages.offsets("removals"), message=messages.of("removals"),
                                 text=reasons + messages.spread("removals", "reason")),
                "log_start": _mark("log_start", data.column("log_starts", "time"), tp=data.column("log_starts", "tp"),
                                   offset=data.column("log_starts", "log_start")),
                "marker": _mark("marker", data.column("markers", "time"), tp=data.column("markers", "tp"),
                                offset=data.column("markers", "offset"), actor=data.column("markers", "broker"),
                                a=data.column("markers", "committed"),
                                text=reasons + len(REMOVED_BY) + data.column("markers", "committed")),
                "replica": self._replicas()}

    def _replicas(self) -> Part:
        """Where replicas end that are out of step, also after they threw away what their leader does not have."""
        column = self.trace.data.column
        time, tp, broker, end = (np.concatenate([column("replica_ends", one), column("truncations", other)])
                                 for one, other in (("time", "time"), ("tp", "tp"), ("broker", "broker"),
                                                    ("end", "to_offset")))
        return _mark("replica", time, tp=tp, actor=broker, offset=end)

    def _groups(self) -> dict[str, Part]:
        handed, data = self.trace.handed, self.trace.data
        about = {"actor": handed.member, "group": handed.group, "tp": handed.tp, "offset": handed.offset,
                 "message": handed.message, "a": handed.attempt}
        commits, skips = ({name: data.column(table, column) for name, column in (("group", "group"), ("tp", "tp"),
                                                                                ("offset", offset))}
                          for table, offset in (("commits", "offset"), ("skipped", "to_offset")))
        return {"delivered": _mark("delivered", handed.time, **about),
                "handled": _mark("handled", handed.done, **about),
                "skipped": _mark("skipped", data.column("skipped", "time"), **skips,
                                 a=data.column("skipped", "to_offset") - data.column("skipped", "from_offset")),
                "committed": _mark("committed", data.column("commits", "time"), actor=data.column("commits", "member"),
                                   **commits),
                "effect": _mark("effect", data.column("effects", "time"), actor=data.column("effects", "process"),
                                group=data.column("effects", "name"), message=effect_messages(handed),
                                a=effect_occurrence(data),
                                text=data.rows("events") + np.arange(data.rows("effects")))}

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def between(self, after: int, until: int) -> Part:
        """All rows of a stretch of time in one table, in order."""
        return merged([part.between(after, until) for part in self.parts.values()])


def _firsts(messages: np.ndarray, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Each message once, and its first row."""
    if np.bincount(messages, minlength=many).max(initial=0) <= 1:
        return messages, np.arange(len(messages))
    return np.unique(messages, return_index=True)


def merged(parts: list[Part]) -> Part:
    """Several tables as one: by time, and at one instant by rank."""
    time = np.concatenate([part.time for part in parts])
    columns = {name: np.concatenate([part.field(name) for part in parts]) for name in FIELDS}
    order = np.lexsort((columns["rank"], time))
    return Part(time[order], {name: values[order] for name, values in columns.items()})


def _mark(kind: str, time: np.ndarray, **columns: np.ndarray) -> Part:
    code = np.full(len(time), KIND_CODE[kind])
    return _part(time, kind=code, rank=np.full(len(time), FIRST) if kind in FIRST_KINDS else code + 2, **columns)


def _part(time: np.ndarray, **columns: np.ndarray) -> Part:
    order = _order(time)
    return Part(time[order], {name: values[order] for name, values in columns.items()})


def _order(time: np.ndarray) -> np.ndarray:
    """Rows that happened, in order of time; a table that is in order already is not sorted again."""
    happened = np.flatnonzero(time != NEVER)
    if (np.diff(time[happened]) >= 0).all():
        return happened
    return happened[np.argsort(time[happened], kind="stable")]
