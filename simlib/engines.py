"""Which engine runs a scenario: every request an event, or the records of declared load as columns."""

from __future__ import annotations

from simlib.scenario.errors import ConfigError, EngineError, did_you_mean, listed
from simlib.scenario.scenario import Scenario

ENGINES = ("events", "flow")


def checked_engine(engine: str | None, scenario: Scenario, on: str | None, schedule: str | None, wire: bool,
                   fold: bool = False) -> str:
    """The engine asked for; without a wish "flow" wherever it can run the scenario, for it is the faster one.

    Raises ConfigError for an engine there is not, EngineError for what the flow engine cannot do.
    """
    from simlib.flow.refusals import reasons_against

    if engine not in (None, *ENGINES):
        raise ConfigError(f"engine={engine!r}: there is {listed(ENGINES)}{did_you_mean(engine, ENGINES)}")
    if engine == "events" and fold:
        raise EngineError(["fold=True: only engine=\"flow\" folds; leave engine= out"])
    if engine == "events":
        return "events"
    given = {"on": on, "schedule": schedule, "wire": wire or None}
    asked = [f"{name}=: it has no requests and no steps" for name, value in given.items() if value is not None]
    problems = asked or reasons_against(scenario)
    if problems and (engine == "flow" or fold):
        raise EngineError(problems)
    return "events" if problems else "flow"
