"""Lesson 16: the same accidents with other clocks. What is another number then was decided by a clock."""

from typing import Any

from simlib import Scenario, replace, run, side_by_side

MOVES = (-0.15, 0.1, 0.4)
"""Seconds. No two real runs agree to a tenth of one on when a program is ready, or when a signal reaches it."""

DELAYS = (0.0001, 0.002, 0.01)
"""Seconds on the way from one machine to another; the lessons have 0.0005."""


def other_clocks(scenario: Scenario) -> dict[str, Scenario]:
    """The same scenario, with other moments and with faster and slower networks, each with a name."""
    later = {f"everything comes {abs(seconds):g} s {'later' if seconds > 0 else 'earlier'}": moved(scenario, seconds)
             for seconds in MOVES}
    slower = {f"the network takes {1000 * delay:g} ms": replace(scenario, "latency", delay) for delay in DELAYS}
    return {**later, **slower}


def moved(scenario: Scenario, seconds: float) -> Scenario:
    """Programs start later, and faults that come at a time; each fault a little more than the one before it."""
    faults = [fault if (at := getattr(fault, "at", None)) is None
              else replace(fault, "at", max(0.0, at + seconds * place))
              for place, fault in enumerate(scenario.faults, start=1)]
    services = [replace(service, "start", max(0.0, service.start + seconds)) for service in scenario.services]
    return replace(scenario, {"faults": faults, "services": services})


def counts(trace: Any) -> dict[str, Any]:
    """What `side_by_side` counts, of one run."""
    table = side_by_side(trace, trace)
    return dict(table.simulated[table.same != "measured"])


def clock_decides(scenario: Scenario) -> dict[str, list[Any]]:
    """The counts that are not the same with every clock, and what they come to: {"done again": [37, 42]}."""
    runs = [counts(run(each, progress=False)) for each in (scenario, *other_clocks(scenario).values())]
    seen = {what: [each.get(what, 0) for each in runs] for what in {what: None for each in runs for what in each}}
    return {what: sorted(set(values), key=str) for what, values in seen.items() if len(set(map(str, values))) > 1}
