"""The steps of a few records, as a sequence diagram needs them: who, when, to whom, and what to write beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simlib.trace import Trace
from simlib.trace.deliveries import CAUSES
from simlib.trace.effects import effect_occurrence
from simlib.trace.events import effect_messages
from simlib.trace.trace_data import ANSWERS
from simlib.units import NEVER
from simlib.views.reading import ENDED, actor_name, ended_by_itself, partition_name

WORLD = "the world"
ORDER = ("restarted", "resumed", "asked", "elected", "created", "retried", "appended", "lost", "acked", "delivered",
         "effect", "committed", "done", "evicted", "paused", "crashed", ENDED)
"""How steps at one instant follow each other."""

CONTROL = {"crashed": "crashed", "power_lost": "crashed", "exception": "crashed", "shutdown": "crashed",
           "restarted": "restarted", "evicted": "evicted", "elected": "elected", "request_lost": "lost",
           "reply_lost": "lost", "send_retry": "retried", "paused": "paused", "resumed": "resumed"}
WORDS = {"paused": "stands still", "resumed": "goes on", "power_lost": "power lost", "request_lost": "request lost",
         "reply_lost": "reply lost", "send_retry": "sends again"}
ASKED = ("execute", "call", "redis")
LONGEST = 36
"""Letters of a statement that are shown."""
MANY = 30
"""More statements than this are shown only while the records are at work."""
AFTERWARDS = 10**9
"""ns after the last step of a record in which its member may still be at work."""
MOST_RETRIES = 3
"""More of them would hide what matters."""


@dataclass(frozen=True)
class Step:
    """One mark on one lifeline. `of` are the messages concerned, `source` is where an arrow comes from."""

    time: int
    kind: str
    process: str
    label: str = ""
    again: bool = False
    of: frozenset[int] = field(default_factory=frozenset)

    @property
    def place(self) -> tuple[int, int, str, str]:
        """Sorts steps by time and, at one instant, as they follow each other."""
        return self.time, ORDER.index(self.kind), self.process, self.label


def steps_of(trace: Trace, messages: np.ndarray, window: tuple[float, float]) -> list[Step]:
    """Every step of these messages within the window (s), the commits that cover them, and the deaths around them."""
    chosen = np.zeros(len(trace.messages), bool)
    chosen[messages] = True
    own = [*_created(trace, messages), *_appended(trace, chosen), *_acked(trace, chosen), *_delivered(trace, chosen),
           *_effects(trace, chosen), *_commits(trace, chosen), *_answers(trace, chosen)]
    own = [step for step in own if window[0] * 1e9 <= step.time <= window[1] * 1e9]
    own += _asked(trace, own, window)
    return sorted([*_merged(own), *_control(trace, own, window)], key=lambda step: step.place)


def _asked(trace: Trace, own: list[Step], window: tuple[float, float]) -> list[Step]:
    """Statements, calls and the like: a replayed schedule keeps them. What it hits may come before any record."""
    if not own:
        return []
    found = [Step(ended, "asked", process, what if len(what) <= LONGEST else what[:LONGEST - 1] + "\u2026")
             for process, kind, what, _, ended in trace.data.meta.get("steps", ())
             if kind in ASKED and ended is not None and window[0] * 1e9 <= ended <= window[1] * 1e9]
    if len(found) <= MANY:
        return found
    low, high = min(step.time for step in own), max(step.time for step in own) + AFTERWARDS
    return [step for step in found if low <= step.time <= high]


def message_name(trace: Trace, message: int) -> str:
    """The id of a message."""
    number = trace.data.column("messages", "number")[message]
    return f"{actor_name(trace, int(trace.messages.producer[message]))}:{number}"


def _merged(steps: list[Step]) -> list[Step]:
    """What one process does at one instant to several records (a batch) is one step."""
    groups: dict[tuple, list[Step]] = {}
    for step in steps:
        is_one = step.kind == "effect" or (step.kind == "committed" and not step.of)
        together = step.label if is_one else step.label.rpartition(" ")[0]
        groups.setdefault((step.time, step.kind, step.process, step.again, together), []).append(step)
    return [_one(group) for group in groups.values()]


def _one(group: list[Step]) -> Step:
    first, last = group[0], group[-1]
    label = first.label if first.label == last.label else f"{first.label} to {last.label.rpartition(' ')[2]}"
    return Step(first.time, first.kind, first.process, label, first.again, frozenset().union(*(s.of for s in group)))


def _created(trace: Trace, messages: np.ndarray) -> list[Step]:
    table = trace.messages
    return [Step(int(table.created[row]), "created", actor_name(trace, int(table.producer[row])),
                 message_name(trace, row), of=frozenset([row])) for row in messages.tolist()]


def _appended(trace: Trace, chosen: np.ndarray) -> list[Step]:
    table = trace.messages
    rows, offsets = table.of("appends"), table.offsets("appends")
    times, brokers = table.spread("appends", "time"), table.spread("appends", "broker")
    steps = []
    for i in np.flatnonzero(chosen[rows]).tolist():
        row, label = int(rows[i]), _offset(trace, chosen, int(table.tp[rows[i]]), int(offsets[i]))
        again = bool(times[i] > table.appended[row])
        label += f" = {message_name(trace, row)}" if again else ""  # another offset: say which record comes again
        broker = actor_name(trace, int(brokers[i]))
        steps.append(Step(int(times[i]), "appended", broker, label, again, frozenset([row])))
    return steps


def _offset(trace: Trace, chosen: np.ndarray, tp: int, offset: int) -> str:
    """"offset 3", with the partition's name where the records shown are in several."""
    several = len(np.unique(trace.messages.tp[chosen])) > 1
    return f"{partition_name(trace, tp)} offset {offset}" if several else f"offset {offset}"


def _acked(trace: Trace, chosen: np.ndarray) -> list[Step]:
    table = trace.messages
    return [Step(int(table.acked[row]), "acked", actor_name(trace, int(table.producer[row])), "ack",
                 of=frozenset([row])) for row in np.flatnonzero(chosen & (table.acked != NEVER)).tolist()]


def _delivered(trace: Trace, chosen: np.ndarray) -> list[Step]:
    handed, steps = trace.handed, []
    for i in np.flatnonzero(chosen[handed.message]).tolist():
        member, of = actor_name(trace, int(handed.member[i])), frozenset([int(handed.message[i])])
        again = bool(handed.attempt[i] > 1)
        label = _offset(trace, chosen, int(handed.tp[i]), int(handed.offset[i]))
        if CAUSES[handed.cause[i]] == "producer retry":  # another offset: say which record comes again
            label = f"{label} = {message_name(trace, int(handed.message[i]))}"
        steps.append(Step(int(handed.time[i]), "delivered", member, label, again, of))
        if handed.done[i] != NEVER:
            steps.append(Step(int(handed.done[i]), "done", member, "", False, of))
    return steps


def _effects(trace: Trace, chosen: np.ndarray) -> list[Step]:
    data, messages = trace.data, effect_messages(trace.handed)
    names, occurrence = data.code_table("effects"), effect_occurrence(data)
    columns = {name: data.column("effects", name) for name in ("time", "process", "name", "key")}
    return [Step(int(columns["time"][i]), "effect", actor_name(trace, int(columns["process"][i])),
                 f"{names[columns['name'][i]]} {columns['key'][i]}", bool(occurrence[i] > 1),
                 frozenset([int(messages[i])]))
            for i in np.flatnonzero((messages >= 0) & np.r_[chosen, False][messages]).tolist()]


def _commits(trace: Trace, chosen: np.ndarray) -> list[Step]:
    """Commits of an offset among those shown (or just past them); the same offset again is left out."""
    data, messages = trace.data, trace.messages
    columns = {name: data.column("commits", name) for name in ("time", "group", "tp", "offset", "member")}
    shown = {tp: messages.offset[chosen & (messages.tp == tp) & (messages.offset >= 0)] for tp in
             np.unique(messages.tp[chosen]).tolist()}
    shared = trace.handed.answers.share_groups
    last: dict[tuple[int, int], int] = {}
    steps = []
    for time, group, tp, offset, member in zip(*(column.tolist() for column in columns.values()), strict=True):
        near = tp in shown and len(shown[tp]) and shown[tp].min() <= offset <= shown[tp].max() + 1
        if near and group not in shared and last.get((group, tp)) != offset:
            steps.append(Step(time, "committed", actor_name(trace, member), f"commit {offset}"))
        last[group, tp] = offset
    return steps


def _answers(trace: Trace, chosen: np.ndarray) -> list[Step]:
    """In a share group: how members' holds on these records ended."""
    answers, steps = trace.handed.answers, []
    times, members, hows = (answers.column(name) for name in ("time", "member", "how"))
    for i in np.flatnonzero(chosen[answers.message] & (members >= 0)).tolist():
        message = int(answers.message[i])
        label = f"{ANSWERS[hows[i]]} {_offset(trace, chosen, int(trace.messages.tp[message]), int(answers.offset[i]))}"
        steps.append(Step(int(times[i]), "committed", actor_name(trace, int(members[i])), label,
                          of=frozenset([message])))
    return steps


def _control(trace: Trace, own: list[Step], window: tuple[float, float]) -> list[Step]:
    """Deaths, returns, evictions and elections of the processes that take part, while they do."""
    if not own:
        return []
    involved, low, high = {step.process for step in own}, min(s.time for s in own), max(s.time for s in own)
    high = int(window[1] * 1e9) if window[1] < trace.ended_at else high
    tps = {int(tp) for step in own for tp in trace.messages.tp[list(step.of)]}
    columns = [trace.data.column("events", name).tolist() for name in ("time", "kind", "actor", "tp", "detail")]
    found = [Step(time, ENDED, actor_name(trace, actor), ENDED) if ended_by_itself(kind, detail) else
             Step(time, CONTROL[kind], actor_name(trace, actor), WORDS.get(kind, kind))
             for time, kind, actor, tp, detail in zip(*columns, strict=True)
             if kind in CONTROL and low <= time <= high and actor >= 0 and (tp < 0 or tp in tps)]
    retries = [step for step in found if step.kind == "retried"]
    hidden = set(retries[MOST_RETRIES - 1:-1])
    return [step for step in dict.fromkeys(found) if step.process in involved and step not in hidden]
