"""Lesson 16 A: which recordings say something else than the simulator, and who decided it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from simlib import recorded, run, side_by_side
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.clocks import clock_decides
from simlib.course.exercises.refusals import no

ID = "16-differs"
REASONS = ("clock", "draw", "client")


@cache
def table_of(name: str) -> Any:
    """The two sides of a recording."""
    real = recorded(name)
    return side_by_side(run(real.scenario, progress=False), real)


@cache
def says_no() -> dict[str, str]:
    """The recordings with a count that is not the same, and who decided it."""
    return {name: _decided_by(name) for name in recorded().index if (table_of(name).same == "no").any()}


def _decided_by(name: str) -> str:
    """What moves with the clock is the clock's; where others were dealt the partitions, a draw; else the client."""
    real = recorded(name)
    if clock_decides(real.scenario):
        return "clock"
    return "draw" if dealt(real) != dealt(run(real.scenario, progress=False)) else "client"


def dealt(trace: Any) -> dict[Any, str]:
    """Who was the first to be assigned each partition."""
    rows = trace.control[trace.control.kind == "assigned"].drop_duplicates(["group", "topic", "partition"])
    return {(row.topic, row.partition): row.process for row in rows.itertuples()}


def judge_differs(because: Any) -> Verdict:
    """Every recording with a `no`, none without, and the right reason for each."""
    if not isinstance(because, Mapping) or not all(isinstance(name, str) for name in because):
        return no(ID, 'Names and reasons, please: because = {"05-calm": "clock", ...}.')
    names, truth = recorded().index, says_no()
    for name, reason in because.items():
        if name not in names:
            return no(ID, f"There is no recording {name!r}. There are {', '.join(names)}.")
        if reason not in REASONS:
            return no(ID, f"{name}: {reason!r}? The reason is 'clock', 'draw' or 'client'.")
        if name not in truth:
            text = f"{name}: every count says yes. Its times differ, but no two runs share those."
            return no(ID, text, table_of(name))
    if missing := [name for name in truth if name not in because]:
        return no(ID, f"You have {len(because)}; there is at least one more with a count that says no: look at every "
                      "recording that recorded() lists.", _refusals(missing[0]))
    return _reasons(because, truth)


def _reasons(because: Mapping[str, str], truth: Mapping[str, str]) -> Verdict:
    for name, reason in because.items():
        if reason != truth[name]:
            return no(ID, _wrong_reason(name, truth[name]), _refusals(name))
    clocks = ", ".join(name for name, reason in truth.items() if reason == "clock")
    return Verdict(True, f"{ID}: yes. {len(truth)} of {len(recorded())} differ. With other clocks the simulator itself "
                         f"says other numbers for {clocks}; it has no say in draws and in clients.")


def _wrong_reason(name: str, truth: str) -> str:
    if truth == "clock":
        what, values = next(iter(clock_decides(recorded(name).scenario).items()))
        listed = ", ".join(map(str, values))
        return (f"{name}: no client is needed for that. Let programs start a moment later, or the network be slower, "
                f"and the simulator itself says, for '{what}': {listed}.")
    if truth == "draw":
        return (f"{name}: no clock moves it, and no client did anything of its own. Look who was the first to be "
                "assigned which partition, on both sides: trace.control[trace.control.kind == 'assigned'].")
    return (f"{name}: with other clocks and other networks the simulator says the same each time. It is not time. Look "
            "at what was refused on each side: recorded(name).effects.")


def _refusals(name: str) -> Any:
    table = table_of(name)
    return table[table.same == "no"]


def _because(**reasons: str) -> str:
    rows = ", ".join(f'"{name[1:3]}-{name[4:].replace("_", "-")}": "{reason}"' for name, reason in reasons.items())
    return f"because = {{{rows}}}"


ALL = {"_05_auto": "clock", "_05_auto_2": "clock", "_05_leader": "clock", "_05_zombie": "draw",
       "_16_no_key": "client"}

DIFFERS = Exercise(
    id=ID,
    starter="because = {...: ...}",
    call=f'check("{ID}", because=because)',
    hints=(
        "A loop over recorded().index, side_by_side for each, and only the rows whose `same` is no.",
        "There are five. For the reason look at what differs: seconds' worth of orders, who did it, who was refused? "
        'for name in recorded().index: real = recorded(name); t = side_by_side(run(real.scenario), real); '
        'print(name, t[t.same == "no"])',
    ),
    solution=_because(**ALL),
    remark="A clock decided how far auto-commit had come, and which orders fell between two signals. Which twin was "
    "dealt which partition goes by member ids, and a real one ends in a random number. And after one refused record "
    "kafka-python's idempotent producer refuses all that follow; the simulator goes on, as Java's client does (K68a).",
    judge=judge_differs,
    wrong=(
        Wrong("times are differences, too", _because(_05_calm="clock", **ALL), "every count says yes"),
        Wrong("one is enough", _because(_05_auto="clock"), "at least one more"),
        Wrong("it is always the client", _because(**{**ALL, "_05_auto": "client"}), "no client is needed for that"),
        Wrong("it is always time", _because(**{**ALL, "_16_no_key": "clock"}), "It is not time"),
        Wrong("nobody could know", _because(**{**ALL, "_05_zombie": "clock"}), "the first to be assigned"),
        Wrong("the simulator is wrong", _because(**{**ALL, "_05_leader": "simulator"}), "'draw' or 'client'"),
        Wrong("a name of one's own", _because(_05_night="clock"), "There is no recording"),
        Wrong("only names", 'because = ["05-auto"]', "Names and reasons"),
    ),
)
