"""What judges ask of the end of a run: does the table say what the orders add up to, is anybody forgotten?"""

from collections.abc import Callable, Mapping
from typing import Any

from simlib.laws import Law
from simlib.laws import Verdict as Judgement
from simlib.laws.verdict import broken, holds, stuck

Expected = Callable[[Any], Mapping[str, Any]]
"""What a table should say, by name, given the inputs."""


def ends_with(service: str, sql: str, expected: Expected) -> Law:
    """The law that a query of two columns, name and value, gives in the end what these inputs add up to."""
    law = f"ends_with({service!r})"

    def judge(trace: Any, calm: Any = None) -> Judgement:
        if trace.ended == "stuck":
            return stuck(law, trace)
        wrong = differences(trace, service, sql, expected)
        return broken(law, f"{'; '.join(wrong)}.") if wrong else holds(law, "every row is as it should be")

    return judge


def nothing_forgotten(anomaly: Callable[[Any], str]) -> Law:
    """The law that `anomaly(trace)`, half a sentence about what went wrong, is empty."""

    def judge(trace: Any, calm: Any = None) -> Judgement:
        if wrong := anomaly(trace):
            return broken("nothing_forgotten", wrong)
        if trace.ended == "stuck":
            return stuck("nothing_forgotten", trace)
        return holds("nothing_forgotten", "all is done")

    return judge


def differences(trace: Any, service: str, sql: str, expected: Expected) -> list[str]:
    """Where the table differs, one half sentence each: "00143 has 3 and should have 2".

    What is expected comes from the trace's own inputs: `explore` leaves records out to tell a story shortly.
    """
    found = {row[0]: row[1] for row in trace.databases[service].execute(sql)}
    wanted = expected(trace.scenario.inputs["orders"])
    names = [*wanted, *(name for name in found if name not in wanted)]
    return [f"{name} has {_said(found.get(name))} and should have {_said(wanted.get(name))}"
            for name in names if (found.get(name) or None) != (wanted.get(name) or None)]


def more(wrong: str) -> bool:
    """Whether there is more than there should be."""
    has, should = wrong.split(" has ")[1].split(" and should have ")
    return should == "nothing" or (has != "nothing" and float(has) > float(should))


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) and value else str(value or "nothing")
