"""Lesson 16 B: an accident that shows the same in virtual time and on a real Kafka."""

from typing import Any

from simlib import Crash, Scenario, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.clocks import other_clocks
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import turns
from simlib.real.demands import hindrances
from simlib.recordings.scenarios import SHOP
from simlib.scenario.faults import Fault

ID = "16-both"


def twice(trace: Any) -> list[str]:
    """The orders that were charged more than once."""
    return [str(key) for key in trace.effects.key[trace.effects.occurrence > 1]]


def judge_both(fault: Any) -> Verdict:
    """Possible on real brokers, harmful in virtual time, and harmful with every clock."""
    if not isinstance(fault, Fault):
        return no(ID, f'Give one fault, such as Crash("billing-0", at=12, restart_after=5). You gave {fault!r}.')
    scenario = replace(SHOP, "faults", [fault])
    if problems := _hindrances(scenario):
        return no(ID, f"A real Kafka cannot do that. {problems[0]}")
    trace = run(scenario, progress=False)
    if not twice(trace):
        return no(ID, _nothing_happens(trace, fault), turns(trace))
    return _with_other_clocks(scenario, twice(trace)[0])


def _hindrances(scenario: Scenario) -> list[str]:
    return [problem[0].upper() + problem[1:] for problem in hindrances(scenario)]


def _nothing_happens(trace: Any, fault: Any) -> str:
    missing = len(trace.records) - trace.effects.key.nunique()
    if trace.summary().faults_not_fired:
        return "It never finds its moment: nothing happens at all."
    if missing:
        return f"It does harm, but the other one: {missing} of 200 orders are never charged, and none twice."
    if isinstance(fault, Crash) and fault.at is not None:
        return (f"Your kill at {fault.at:g} s falls between two orders, or before a charge: each is charged once. "
                "You could try one moment after the other. Would a real machine keep to it?")
    return "Each order is charged once. Which two steps must the accident fall between?"


def _with_other_clocks(scenario: Scenario, order: str) -> Verdict:
    others = other_clocks(scenario)
    for name, other in others.items():
        if not twice(trace := run(other, progress=False)):
            return no(ID, f"In virtual time you hit: order {order} is charged twice. But {name}, and each order is "
                          "charged once. You aimed at an instant, and no real machine keeps to it. Aim at a step.",
                      turns(trace))
    return Verdict(True, f"{ID}: yes. Order {order} is charged twice, with {len(others)} other clocks and networks as "
                         "well. It will be on a real Kafka.")


def _fault(text: str) -> str:
    return f"fault = {text}"


LUCKY = 10.2592
"""Of virtual time: a fifth of a millisecond after a charge, before its commit."""

BOTH = Exercise(
    id=ID,
    starter="fault = ...",
    call=f'check("{ID}", fault=fault)',
    hints=(
        "At what time does a real billing charge its hundredth order? You do not know. What do you know about it?",
        'Crash takes a step instead of a time: Crash("billing-0", after="...", nth=..., restart_after=1)',
    ),
    solution=_fault('Crash("billing-0", after="charge", nth=100, restart_after=1)'),
    remark="A step is the same step on both sides, whatever the clock says. For the same reason explore aims at steps, "
    "and so should your own tests.",
    judge=judge_both,
    wrong=(
        Wrong("some time", _fault('Crash("billing-0", at=12, restart_after=5)'), "falls between two orders"),
        Wrong("the right moment, by trial", _fault(f'Crash("billing-0", at={LUCKY}, restart_after=5)'),
              "You aimed at an instant"),
        Wrong("after the commit", _fault('Crash("billing-0", after="commit", nth=100, restart_after=1)'),
              "Which two steps"),
        Wrong("power", _fault('PowerLoss("broker-0", at=12, restart_after=5)'), "A real Kafka cannot do that"),
        Wrong("too late", _fault('Crash("billing-0", after="charge", nth=1_000, restart_after=1)'), "never finds"),
        Wrong("words", _fault('"kill billing"'), "Give one fault"),
    ),
)
