"""The runs of a sweep, one after the other or shared among processes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from simlib.running import run
from simlib.sharing import portions, workers, worth_it
from simlib.supervision import Job, shown_progress
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
    seconds_each: float = 0.0
    total: int = 0

    def run(self) -> None:
        """Run them until all are done, or somebody interrupts. Two are run here before any is shared: the second, with
        everything imported, shows what a run costs."""
        trials = [(place, seed) for seed in self.grid.seeds for place in range(len(self.grid.settings))]
        self.total = len(trials)
        try:
            self._here(trials[:2])
            rest = [] if self.interrupted else trials[2:]
            (self._shared if worth_it(len(rest), self.seconds_each, self.n_jobs) else self._here)(rest)
        except KeyboardInterrupt:
            self.interrupted = True
        if self.interrupted:
            print(f"sweep: interrupted after {len(self.done)} of {self.total} runs; the table has what is done")

    def _here(self, trials: Sequence[Trial]) -> None:
        """In this process, in a thread that is left alone by Ctrl-C: a run that is nearly over would swallow it."""
        def body(job: Job) -> None:
            for trial in trials:
                begun = time.perf_counter()
                self._keep(trial, measure_one(self.grid, trial, self.measure))
                self.seconds_each = time.perf_counter() - begun
                job.done = len(self.done)
                if job.interrupted:
                    return

        job = Job(body, self._bar(), step_limit=math.inf)
        job.run(self.progress)
        self.interrupted = self.interrupted or job.interrupted

    def _shared(self, trials: Sequence[Trial]) -> None:
        from joblib import delayed

        batches = portions(trials, self.seconds_each)
        answers = workers(self.n_jobs)(delayed(measure_all)(self.grid, batch, self.measure) for batch in batches)
        with shown_progress(self.progress, **self._bar()) as shown, closing(answers):  # nobody works on for nothing
            for batch, answered in zip(batches, answers, strict=True):
                for trial, numbers in zip(batch, answered, strict=True):
                    self._keep(trial, numbers)
                shown.update(len(batch))

    def _keep(self, trial: Trial, numbers: Numbers | None) -> None:
        if numbers is None:
            raise KeyboardInterrupt  # it reached the run itself, which ended with what there was
        self.done[trial] = numbers

    def _bar(self) -> dict[str, Any]:
        return {"total": self.total, "initial": len(self.done), "unit": " runs", "desc": "sweep"}


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
