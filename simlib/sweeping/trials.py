"""The runs of a sweep, one after the other or shared among processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from simlib.running import run
from simlib.sharing import portions, workers, worth_it
from simlib.supervision import PROGRESS_AFTER, shown_progress
from simlib.sweeping.grid import Grid
from simlib.sweeping.measures import Measure, measured

Trial = tuple[int, int]
"""The place of a setting in the grid, and a seed: one run."""

Numbers = dict[str, float]


class RunFailed(RuntimeError):
    """A run of a sweep, or what measures it, raised an error; says under which setting."""


@dataclass
class Trials:
    """All runs of a sweep. Seeds outside, settings inside: whoever stops early has all settings, with fewer seeds."""

    grid: Grid
    measure: Measure | None
    n_jobs: int | None
    progress: bool
    done: dict[Trial, Numbers] = field(default_factory=dict)
    interrupted: bool = False

    def run(self) -> None:
        """Run them until all are done, or somebody interrupts."""
        trials = [(place, seed) for seed in self.grid.seeds for place in range(len(self.grid.settings))]
        with shown_progress(self.progress, total=len(trials), unit=" runs", desc="sweep",
                            delay=PROGRESS_AFTER) as shown:
            try:
                for trial, numbers in zip(trials, self._answers(trials), strict=True):
                    if numbers is None:
                        raise KeyboardInterrupt  # it reached the run itself, which ended and kept what there was
                    self.done[trial] = numbers
                    shown.update(1)
            except KeyboardInterrupt:
                self.interrupted = True
        if self.interrupted:
            print(f"sweep: interrupted after {len(self.done)} of {len(trials)} runs; the table has what is done")

    def _answers(self, trials: Sequence[Trial]) -> Iterator[Numbers | None]:
        """What each run gave, in order. Two are made here; the second (all is imported) shows what a run costs."""
        each, rest = 0.0, trials[2:]
        for trial in trials[:2]:
            begun = time.perf_counter()
            yield measure_one(self.grid, trial, self.measure)
            each = time.perf_counter() - begun
        if not worth_it(len(rest), each, self.n_jobs):
            yield from (measure_one(self.grid, trial, self.measure) for trial in rest)
            return
        from joblib import delayed

        batches = portions(rest, each)
        answers = workers(self.n_jobs)(delayed(measure_all)(self.grid, batch, self.measure) for batch in batches)
        try:
            for answered in answers:
                yield from answered
        finally:
            answers.close()  # interrupted: nobody works on for nothing


def measure_all(grid: Grid, trials: Sequence[Trial], measure: Measure | None) -> list[Numbers | None]:
    """A few runs, in another process."""
    return [measure_one(grid, trial, measure) for trial in trials]


def measure_one(grid: Grid, trial: Trial, measure: Measure | None) -> Numbers | None:
    """What one run gave; None if it was interrupted. Raises RunFailed."""
    place, seed = trial
    setting = grid.settings[place]
    try:
        trace = run(grid.scenario_of(setting, seed), progress=False)
        return None if trace.ended == "interrupted" else measured(trace, measure)
    except Exception as error:
        raise RunFailed(f"{grid.in_words(setting)}, seed {seed}: {type(error).__name__}: {error}") from error
