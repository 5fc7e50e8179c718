"""Which engine runs a scenario: every request an event, or the records of declared load as columns."""

from __future__ import annotations

from simlib.scenario.errors import CohortError, ConfigError, EngineError, did_you_mean, listed
from simlib.scenario.folds import BATCHES, FOLDS
from simlib.scenario.scenario import Scenario

ENGINES = ("events", "flow")


def checked_engine(engine: str | None, scenario: Scenario, on: str | None, schedule: str | None, wire: bool,
                   fold: bool | str = False) -> str:
    """The engine asked for; without a wish "flow" wherever it can run the scenario, for it is the faster one.

    Raises ConfigError for an engine or a way of folding there is not, EngineError for what the flow engine cannot do,
    CohortError for what cannot be reckoned a batch at a time.
    """
    from simlib.flow.refusals import reasons_against

    if fold not in FOLDS:
        raise ConfigError(f"fold={fold!r}: there is {listed(FOLDS)}{did_you_mean(fold, FOLDS[-1:])}")
    if engine not in (None, *ENGINES):
        raise ConfigError(f"engine={engine!r}: there is {listed(ENGINES)}{did_you_mean(engine, ENGINES)}")
    if engine == "events" and fold:
        raise EngineError([f"fold={fold!r}: only engine=\"flow\" folds; leave engine= out"])
    if engine == "events":
        return "events"
    given = {"on": on, "schedule": schedule, "wire": wire or None}
    asked = [f"{name}=: it has no requests and no steps" for name, value in given.items() if value is not None]
    problems = asked or reasons_against(scenario)
    if problems and (engine == "flow" or fold):
        raise EngineError(problems)
    if fold == BATCHES:
        _refuse_cohorts(scenario)
    return "events" if problems else "flow"


def _refuse_cohorts(scenario: Scenario) -> None:
    from simlib.flow.cohort_refusals import reasons_against_cohorts

    if problems := reasons_against_cohorts(scenario):
        raise CohortError(problems)
