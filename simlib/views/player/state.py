"""What is true at one time of a run: the state the player draws. Plain lists of numbers, so that it can be sent.

`state.js` computes the same by applying rows one after the other; here each number is looked up in the tables. That
they agree is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simlib.views.player.cast import Cast
from simlib.views.player.tape import KIND_CODE, KINDS, Part, Tape

NEWEST = 24
"""Records of a log that are shown one by one."""
UP, DEAD, PAUSED, ENDED = range(4)
LIVENESS = {"started": UP, "restarted": UP, "resumed": UP, "crashed": DEAD, "power_lost": DEAD, "exception": DEAD,
            "shutdown": ENDED, "paused": PAUSED}
DEADLY = tuple(kind for kind, state in LIVENESS.items() if state in (DEAD, ENDED))
WORK = {"executed": 0, "transaction": 1, "called": 2, "answered": 3, "request": 4, "redis": 5}
"""Control events that are only counted, with the place of their counter."""
ROLLED_BACK = len(WORK)
"""The place where transactions are counted a second time that were rolled back."""
UNDONE = "rolled back"
"""How the text of these begins."""
State = dict[str, Any]


def state_at(tape: Tape, time: int) -> State:
    """Everything that holds at a time (ns), after all that happened at that instant.

    Lists are by code of actor, partition, group or effect name; `docs/player.md` says what each number is.
    """
    parts = {name: part.upto(time) for name, part in tape.parts.items()}
    names = tape.trace.data.names
    actors, groups, tps = (len(names.get(kind, ())) for kind in ("actors", "groups", "tps"))
    return {**_cluster(tape, parts["control"]), **_sent(tape, parts, actors), **_read(parts, groups, tps),
            "logs": [_log(parts, tp) for tp in range(tps)], "hand": _in_hand(parts, actors),
            "work": _work(tape, parts["control"], actors), "screen": _screens(tape, parts["control"], actors),
            "effects": _twos(parts["effect"], len(names.get("effects", ())))}


def _cluster(tape: Tape, control: Part) -> State:
    """Who is up, who leads, who owns: events change these one by one, and there are few of them."""
    cast = Cast(tape.trace)
    code = {name: actor for actor, name in enumerate(cast.actors)}
    partitions = cast.partition_table()
    state: State = {
        "up": [UP] * len(cast.actors), "fenced": [0] * len(cast.actors), "cuts": [],
        "leader": [one["replicas"][0] if one["replicas"] else -1 for one in partitions],
        "isr": [list(one["replicas"]) for one in partitions],
        "owner": [[-1] * len(partitions) for _ in tape.trace.data.code_table("groups")],
        "generation": [-1] * len(tape.trace.data.code_table("groups")),
        "rebalancing": [0] * len(tape.trace.data.code_table("groups"))}
    changing = control.rows(np.isin(control.field("kind"), [KIND_CODE[kind] for kind in CHANGES]))
    for kind, actor, group, tp, a, text in zip(
            *(changing.field(name).tolist() for name in ("kind", "actor", "group", "tp", "a", "text")), strict=True):
        CHANGES[KINDS[kind]](state, KINDS[kind], actor, group, tp, a, tape.texts[text], code)
    return state


def _lives(state: State, kind: str, actor: int, *_: Any) -> None:
    if actor >= 0:
        state["up"][actor] = LIVENESS[kind]


def _fences(state: State, kind: str, actor: int, *_: Any) -> None:
    if actor >= 0:
        state["fenced"][actor] = int(kind == "fenced")


def _cuts_link(state: State, kind: str, actor: int, group: int, tp: int, a: int, text: str, *_: Any) -> None:
    link = [actor, text]
    state["cuts"] = [one for one in state["cuts"] if one != link] + ([link] if kind == "link_cut" else [])


def _leads(state: State, kind: str, actor: int, group: int, tp: int, *_: Any) -> None:
    if tp >= 0:
        state["leader"][tp] = actor if kind == "elected" else -1


def _in_sync(state: State, kind: str, actor: int, group: int, tp: int, a: int, text: str, code: dict[str, int]) -> None:
    if tp >= 0:
        state["isr"][tp] = [code[name] for name in text.split() if name in code]


def _owns(state: State, kind: str, actor: int, group: int, tp: int, *_: Any) -> None:
    """Given: its own. Taken back, or gone from the group: nobody's, if it was his."""
    if group < 0 or (kind == "assigned" and tp < 0):
        return
    if kind == "assigned":
        state["owner"][group][tp] = actor
        return
    mine = range(len(state["owner"][group])) if tp < 0 or kind in ("left", "evicted") else (tp,)
    for one in mine:
        if state["owner"][group][one] == actor:
            state["owner"][group][one] = -1


def _rebalances(state: State, kind: str, actor: int, group: int, tp: int, a: int, *_: Any) -> None:
    if group >= 0:
        state["rebalancing"][group] = int(kind == "rebalancing")
        if kind == "generation":
            state["generation"][group] = a


CHANGES: dict[str, Callable[..., None]] = {
    **dict.fromkeys(LIVENESS, _lives), **dict.fromkeys(("fenced", "unfenced"), _fences),
    **dict.fromkeys(("link_cut", "link_healed"), _cuts_link), **dict.fromkeys(("elected", "leaderless"), _leads),
    "isr": _in_sync, **dict.fromkeys(("assigned", "revoked", "lost_partitions", "left", "evicted"), _owns),
    **dict.fromkeys(("rebalancing", "generation"), _rebalances)}


def _sent(tape: Tape, parts: dict[str, Part], actors: int) -> State:
    """Of each producer: records created, written at least once, told as safe, given up, and those never written."""
    first = parts["appended"].rows(parts["appended"].field("a") == 1)
    gave_up = parts["gave_up"]
    return {"created": _count(parts["produced"].field("actor"), actors),
            "written": _count(tape.trace.messages.producer[first.field("message")], actors),
            "acked": _count(parts["acked"].field("actor"), actors), "gave_up": _count(gave_up.field("actor"), actors),
            "unwritten": _count(gave_up.field("actor")[gave_up.field("a") == 0], actors)}


def _read(parts: dict[str, Part], groups: int, tps: int) -> State:
    """Of each group: hand-overs, repeats among them; of each of its partitions: next to read and committed (-1: none),
    and the offset from which its lag counts: what it committed, or where a reset policy put it [K99].
    """
    delivered = parts["delivered"]
    again = delivered.field("group")[delivered.field("a") > 1]
    pairs = [[_place(parts, group, tp) for tp in range(tps)] for group in range(groups)]
    return {"delivered": _count(delivered.field("group"), groups), "repeated": _count(again, groups),
            "position": [[position for position, _ in row] for row in pairs],
            "committed": [[committed for _, committed in row] for row in pairs],
            "counted": [[_counted(parts, group, tp) for tp in range(tps)] for group in range(groups)]}


def _counted(parts: dict[str, Part], group: int, tp: int) -> int:
    """The later one of the last commit and the last skip."""
    last = [part.rows((part.field("group") == group) & (part.field("tp") == tp))
            for part in (parts["skipped"], parts["committed"])]
    known = [(int(part.time[-1]), rank, int(part.field("offset")[-1])) for rank, part in enumerate(last) if len(part)]
    return max(known)[2] if known else 0


def _place(parts: dict[str, Part], group: int, tp: int) -> tuple[int, int]:
    """A group reads on after what it was handed last, or where it began: at its commit, or where a reset put it."""
    mine = {name: parts[name].rows((parts[name].field("group") == group) & (parts[name].field("tp") == tp))
            for name in ("delivered", "committed", "control")}
    begins = mine["control"].rows(np.isin(mine["control"].field("kind"), [KIND_CODE["assigned"], KIND_CODE["reset"]]))
    handed, commits = mine["delivered"], mine["committed"]
    committed = int(commits.field("offset")[-1]) if len(commits) else -1
    if len(begins) and (not len(handed) or begins.time[-1] > handed.time[-1]):
        if begins.field("kind")[-1] == KIND_CODE["reset"]:
            return int(begins.field("a")[-1]), committed
        before = int(np.searchsorted(commits.time, begins.time[-1], side="left"))
        return (int(commits.field("offset")[before - 1]) if before else -1), committed
    return (int(handed.field("offset")[-1]) + 1 if len(handed) else -1), committed


def _log(parts: dict[str, Part], tp: int) -> State:
    """Where a log begins and ends, what consumers may read, how many records it lost, its newest, one list each (what
    is no record has message -1), and where each replica ends that was out of step.
    """
    written, cut, marks, starts = (_of(parts[name], tp) for name in ("appended", "cut", "watermark", "log_start"))
    markers, gone = (_of(parts[name], tp) for name in ("marker", "removed"))
    end, start = _end(written, markers, cut), _last(starts)
    low = max(end - NEWEST, start)
    near = _near(written, low, end)
    rows = {int(offset): row for row, offset in enumerate(near.field("offset"))}  # the last one stands there
    places = {offset: int(near.time[row]) for offset, row in rows.items()}
    standing = [[offset, -1, -1, committed, 0] for offset, committed, time in _places(_near(markers, low, end))
                if places.get(offset, time) <= time]  # a marker may stand where a record was cut off, or the reverse
    others = {marker[0]: marker for marker in standing}
    taken = {offset for offset, _, time in _places(gone) if places.get(offset, time + 1) <= time}
    handed = _of(parts["delivered"], tp)
    handed = handed.rows(handed.field("offset") >= low)
    newest = {offset: _record(near, row, handed) for offset, row in rows.items() if offset not in taken} | others
    stable = _of(parts["stable"], tp)
    return {"start": start, "end": end, "high": _last(marks), "lost": int(cut.field("a").sum()),
            "stable": _last(stable) if len(stable) else -1,
            "newest": [newest[offset] for offset in sorted(newest)],
            "ends": _ends(_of(parts["replica"], tp), written, markers, cut)}


def _ends(noted: Part, written: Part, markers: Part, cut: Part) -> list[list[int]]:
    """[broker, up to where it has this log, how many records it has that are gone here] of each replica out of step."""
    last = dict(zip(noted.field("actor").tolist(), _places(noted), strict=True))
    found = []
    for actor, (offset, _, time) in sorted(last.items()):
        then = _end(*(part.upto(time) for part in (written, markers, cut)))
        shared = min([offset, then, *cut.field("offset")[cut.time > time].tolist()])
        found.append([actor, shared, offset - shared])
    return found


def _near(part: Part, low: int, end: int) -> Part:
    return part.rows((part.field("offset") >= low) & (part.field("offset") < end))


def _places(part: Part) -> list[tuple[int, int, int]]:
    return list(zip(part.field("offset").tolist(), part.field("a").tolist(), part.time.tolist(), strict=True))


def _last(part: Part) -> int:
    return int(part.field("offset")[-1]) if len(part) else 0


def _record(near: Part, row: int, handed: Part) -> list[int]:
    """[offset, message, key, how-manieth copy, how often handed over to one group]."""
    offset, message = int(near.field("offset")[row]), int(near.field("message")[row])
    its = (handed.field("offset") == offset) & (handed.field("message") == message) & (handed.time >= near.time[row])
    return [offset, message, int(near.field("key")[row]), int(near.field("a")[row]),
            int(handed.field("a")[its].max(initial=0))]


def _end(written: Part, markers: Part, cut: Part) -> int:
    """What was written last, or cut off later than that."""
    known = [(int(part.time[-1]), rank, _last(part) + (rank > 0)) for rank, part in
             enumerate((cut, written, markers)) if len(part)]
    return max(known)[2] if known else 0


def _in_hand(parts: dict[str, Part], actors: int) -> list[int]:
    """How many records each member has been handed in this life and is not done with."""
    control = parts["control"]
    deaths = control.rows(np.isin(control.field("kind"), [KIND_CODE[kind] for kind in DEADLY]))
    died = np.full(actors + 1, np.iinfo(np.int64).min)
    died[deaths.field("actor")] = deaths.time  # the last one stays
    handed, done = (_count(part.field("actor")[part.time > died[part.field("actor")]], actors)
                    for part in (parts["delivered"], parts["handled"]))
    return [more - less for more, less in zip(handed, done, strict=True)]


def _work(tape: Tape, control: Part, actors: int) -> list[list[int]]:
    """Of each process: statements, ended transactions, calls made, calls answered, requests served, commands to Redis,
    transactions rolled back.
    """
    counters = np.zeros((actors + 1, ROLLED_BACK + 1), np.int64)
    ended = control.rows(control.field("kind") == KIND_CODE["transaction"])
    undone = [tape.texts[text].startswith(UNDONE) for text in ended.field("text").tolist()]
    np.add.at(counters[:, ROLLED_BACK], ended.field("actor")[np.array(undone, bool)], 1)
    for kind, place in WORK.items():
        np.add.at(counters[:, place], control.field("actor")[control.field("kind") == KIND_CODE[kind]], 1)
    return [[int(number) for number in row] for row in counters[:actors]]


def _screens(tape: Tape, control: Part, actors: int) -> list[str]:
    """What stands on each process's screen."""
    shown = control.rows(control.field("kind") == KIND_CODE["shown"])
    text = dict(zip(shown.field("actor").tolist(), shown.field("text").tolist(), strict=True))  # the last one stays
    return [tape.texts[text[actor]] if actor in text else "" for actor in range(actors)]


def _twos(effects: Part, names: int) -> list[list[int]]:
    """Of each kind of effect: how often it was done, and how many of these were done again."""
    name, again = effects.field("group"), effects.field("a") > 1
    return [list(pair) for pair in zip(_count(name, names), _count(name[again], names), strict=True)]


def _of(part: Part, tp: int) -> Part:
    return part.rows(part.field("tp") == tp)


def _count(codes: np.ndarray, size: int) -> list[int]:
    return [int(number) for number in np.bincount(codes[codes >= 0], minlength=size)]
