"""`sliders`: a scenario's own fields as sliders, and under them what the changed run shows."""

import sys
from collections.abc import Callable, Mapping
from typing import Any


def sliders(scenario: Any, *paths: str, show: Callable[[Any], Any] = lambda trace: trace.plot.lag()) -> Any:
    """One control for each path of the scenario, and what `show(trace)` gives for the values chosen.

    A path is that of `replace`: "faults.0.restart_after". `show` returns a picture, a table, a number or a text, or a
    tuple of them. Raises PathError for a path that leads nowhere, ValueError for a field that no control can change.
    """
    from simlib.views.panel import Panel

    return Panel(scenario, paths, show, _name_of(scenario, sys._getframe(1).f_globals))


def _name_of(scenario: Any, names: Mapping[str, Any]) -> str:
    """What the learner calls this scenario, so that the code shown can be typed as it stands."""
    own = [name for name, thing in names.items() if thing is scenario and not name.startswith("_")]
    return own[0] if own else "scenario"
