"""How often was it done? Laws about irreversible acts, each named by its effect and key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simlib.laws.verdict import Law, Verdict, broken, count, first_said, holds, not_judged, stuck
from simlib.trace import Trace
from simlib.trace.effects import effect_occurrence


def at_most_once(effect: str) -> Law:
    """The law that no act of this name is done twice for one key."""
    law = f"at_most_once({effect!r})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        if not acts(trace, effect) and not (calm and acts(calm, effect)):
            return _nothing_to_protect(law, effect)
        return first_said(_twice(law, trace, effect), holds(law, _each_once(trace, effect)))

    return judge


def at_least_once(effect: str, expected: Iterable[Any] | None = None) -> Law:
    """The law that every act of the calm run (or of `expected`, a list of keys) is done."""
    law, expected = f"at_least_once({effect!r})", _given(expected)

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        wanted = _wanted(effect, expected, calm)
        return first_said(_missing(law, trace, effect, wanted),
                          holds(law, f"all of {count(len(wanted or ()), 'act')} done"))

    return judge


def exactly_once(effect: str, expected: Iterable[Any] | None = None) -> Law:
    """The law that every act of the calm run (or of `expected`, a list of keys) is done once and none twice."""
    law, expected = f"exactly_once({effect!r})", _given(expected)

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        wanted = _wanted(effect, expected, calm)
        return first_said(_twice(law, trace, effect), _missing(law, trace, effect, wanted),
                          holds(law, _each_once(trace, effect)))

    return judge


def acts(trace: Trace, effect: str) -> dict[str, Any]:
    """The keys an effect was done for, by how they read, in order of time."""
    return {repr(key): key for key in trace.data.column("effects", "key")[_rows(trace, effect)]}


def _twice(law: str, trace: Trace, effect: str) -> Verdict | None:
    rows = _rows(trace, effect)
    again = rows[effect_occurrence(trace.data)[rows] > 1]
    if not len(again):
        return None
    keys = trace.data.column("effects", "key")
    first = [row for row in rows if repr(keys[row]) == repr(keys[again[0]])]
    message = f"duplicate: {effect} was done again {count(len(again), 'time')}; {keys[again[0]]!r} is shown"
    return broken(law, message, lambda: trace.effects.iloc[first], "duplicate")


def _missing(law: str, trace: Trace, effect: str, wanted: dict[str, Any] | None) -> Verdict | None:
    if wanted is None:
        return not_judged(law, f"which {effect} should happen is not known: give expected=[keys], "
                               "or the calm run as second argument")
    if not wanted:
        return _nothing_to_protect(law, effect)
    done = acts(trace, effect)
    missing = [key for text, key in wanted.items() if text not in done]
    if trace.ended == "stuck":
        return stuck(law, trace)
    if missing and trace.ended == "quiet":
        return broken(law, f"lost: {effect} was never done for {count(len(missing), 'key')}, first {missing[0]!r}",
                      lambda: _never_done(effect, missing), "lost")
    if missing:
        return not_judged(law, f"{effect} was not done for {count(len(missing), 'key')} when the run ended "
                               f"({trace.ended}); only a run that ended quiet can be judged")
    return None


def _never_done(effect: str, missing: list[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame({"name": effect, "key": missing, "occurrence": 0})


def _wanted(effect: str, expected: dict[str, Any] | None, calm: Trace | None) -> dict[str, Any] | None:
    if expected is not None:
        return expected
    return None if calm is None else acts(calm, effect)


def _given(expected: Iterable[Any] | None) -> dict[str, Any] | None:
    return None if expected is None else {repr(key): key for key in expected}


def _nothing_to_protect(law: str, effect: str) -> Verdict:
    return not_judged(law, f"nothing to protect: there is no {effect} even without a fault")


def _each_once(trace: Trace, effect: str) -> str:
    return f"{count(len(acts(trace, effect)), 'act')} of {effect}, each done once"


def _rows(trace: Trace, effect: str) -> np.ndarray:
    names = trace.data.code_table("effects")
    code = names.index(effect) if effect in names else -1
    return np.flatnonzero(trace.data.column("effects", "name") == code)
