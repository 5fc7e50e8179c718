"""Everything that is wrong with a scenario, found before it runs, all of it at once."""

from __future__ import annotations

from simlib.scenario.check_calls import call_problems
from simlib.scenario.check_databases import database_problems
from simlib.scenario.check_faults import fault_problems
from simlib.scenario.check_inputs import input_problems
from simlib.scenario.check_shape import mended, shape_problems
from simlib.scenario.check_topology import topology_problems
from simlib.scenario.errors import ScenarioError
from simlib.scenario.scenario import Scenario


def check(scenario: Scenario) -> None:
    """Raises ScenarioError with everything that is wrong; returns quietly if nothing is."""
    if found := problems(scenario):
        raise ScenarioError(found)


def problems(scenario: Scenario) -> list[str]:
    """Everything that is wrong with a scenario, one line each; empty if it can run."""
    if not isinstance(scenario, Scenario):
        return [f"a Scenario is needed, not {type(scenario).__name__}"]
    found = list(shape_problems(scenario))
    sound = mended(scenario)
    for rules in (topology_problems, database_problems, call_problems, input_problems, fault_problems):
        found += rules(sound)
    return list(dict.fromkeys(found))
