"""What the laws say of one run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from simlib.laws.verdict import Verdict, broken, holds, stuck
from simlib.trace.trace import Trace

Rule = Callable[..., Any]
"""A law: `rule(trace)` or `rule(trace, calm)`, giving a Verdict, or True and False."""


class LawRaised(RuntimeError):
    """A law failed to judge: the error it raised is the cause."""


def as_rules(law: Rule | Sequence[Rule]) -> tuple[Rule, ...]:
    """One law or several. Raises TypeError for what is none."""
    rules = tuple(law) if isinstance(law, (list, tuple)) else (law,)
    for rule in rules:
        if not callable(rule):
            raise TypeError(f"explore: {rule!r} is no law; give laws.exactly_once('charge'), a function of a trace, "
                            "or a list of these")
    if not rules:
        raise TypeError("explore: give at least one law")
    return rules


def judge(rules: Sequence[Rule], trace: Trace, calm: Trace | None, schedule: str) -> Verdict:
    """The worst of what the laws say: broken, else not judged, else holds. Raises LawRaised."""
    verdicts = [_verdict(rule, trace, calm, schedule) for rule in rules]
    if trace.ended == "stuck":
        return next((one for one in verdicts if one.broken), stuck(verdicts[0].law, trace))
    for wanted in ("broken", "not judged"):
        for verdict in verdicts:
            if verdict.word == wanted:
                return verdict
    return verdicts[0]


def _verdict(rule: Rule, trace: Trace, calm: Trace | None, schedule: str) -> Verdict:
    try:
        said = rule(trace, calm) if takes_calm(rule) else rule(trace)
    except Exception as error:  # whatever the user's law raises
        raise LawRaised(f"the law {name_of(rule)} raised {type(error).__name__}: {error} (schedule {schedule})"
                        ) from error
    if isinstance(said, Verdict):
        return said
    if said is True or said is False or type(said).__name__ == "bool_":
        name = name_of(rule)
        return holds(name, "it says True") if said else broken(name, "it says False")
    raise LawRaised(f"the law {name_of(rule)} returned {said!r}; a law returns True, False or a Verdict")


@cache
def takes_calm(rule: Rule) -> bool:
    """Does the law want the calm run as well?"""
    try:
        parameters = inspect.signature(rule).parameters.values()
    except (TypeError, ValueError):
        return False
    by_place = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(by_place) >= 2 or any(one.kind is one.VAR_POSITIONAL for one in parameters)


def name_of(rule: Rule) -> str:
    """What to call a law."""
    return str(getattr(rule, "__name__", type(rule).__name__))
