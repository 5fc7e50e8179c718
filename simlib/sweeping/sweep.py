"""`sweep(scenario, settings)`: every combination of settings with the same seeds, and a table of what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simlib.scenario.scenario import Scenario
from simlib.sweeping.grid import checked_grid
from simlib.sweeping.measures import Measure
from simlib.sweeping.table import tidy
from simlib.sweeping.trials import Trials

if TYPE_CHECKING:
    import pandas as pd


def sweep(scenario: Scenario, settings: Any, *, seeds: int | Sequence[int] = 20, measure: Measure | None = None,
          n_jobs: int | None = None, progress: bool = True) -> pd.DataFrame:
    """Run a scenario under every combination of settings; a table of what was measured, one row a setting and measure.

    `settings` maps paths (those of `replace`) to lists of values. Each setting gets the same `seeds` (a number of
    them, from the scenario's on, or a list), so that all settings meet the same arrivals and draws. `measure(trace)`
    gives a number or a mapping of names to numbers; without it there are produced, lost, delivered, duplicates,
    backlog and p50, p95, p99 (s from creation to done).

    Columns: the paths, `measure`, `mean`, `low`, `high` (its 95 % confidence interval), `runs`; and `change`,
    `change_low`, `change_high`: the difference to the first setting, seed by seed, with its interval.
    `n_jobs` processes share the work (None: as many as pay; joblib's backend). Ctrl-C, the ■ of a notebook, ends the
    sweep and keeps what is done. Raises SweepError, with all that is wrong at once, before anything runs; RunFailed.
    """
    trials = Trials(checked_grid(scenario, settings, seeds), measure, n_jobs, progress)
    trials.run()
    return tidy(trials.grid, trials.done, trials.interrupted)
