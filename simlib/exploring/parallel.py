"""Long searches on all cores, through joblib: its own processes, or what `joblib.parallel_config` says (Dask)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simlib.exploring.search import Finding, Runner
from simlib.scenario.schedules import Schedule
from simlib.supervision import Job, shown_progress

if TYPE_CHECKING:
    from simlib.exploring.explore import Search

WORTH = 6.0
"""Seconds of work from which starting other processes pays."""

BATCH = 0.5
"""Seconds of work handed to a process at once: a task of its own for each schedule would cost more than the run."""


def worth_it(schedules: int, seconds_each: float, n_jobs: int | None) -> bool:
    """Share this work among processes? Always where the user said so, else if it is long enough."""
    if n_jobs is not None:
        return n_jobs != 1 and schedules > 0
    if _configured():
        return schedules > 0
    return schedules * seconds_each > WORTH and (os.cpu_count() or 1) > 1


def _configured() -> bool:
    """Has the user chosen a backend (`with joblib.parallel_config(...)`)? Asked only where joblib is loaded already."""
    import sys

    if "joblib" not in sys.modules:
        return False
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    return type(backend).__name__ != "LokyBackend" or n_jobs not in (None, 1)


def in_parallel(search: Search, schedules: list[Schedule], expand: bool
                ) -> Iterator[tuple[Finding, list[Schedule]]]:
    """What became of each, in order, whoever ran it."""
    from joblib import Parallel, delayed

    size = max(1, min(int(BATCH / max(search.seconds_each, 1e-6)), -(-len(schedules) // 4)))
    batches = [schedules[start:start + size] for start in range(0, len(schedules), size)]
    n_jobs = search.n_jobs if search.n_jobs is not None or _configured() else -1
    workers = Parallel(n_jobs=n_jobs, return_as="generator")
    with shown_progress(search.progress, total=len(schedules), unit=" schedules", desc="explore") as shown:
        try:
            for found in workers(delayed(try_batch)(search.runner, batch, expand) for batch in batches):
                yield from found
                shown.update(len(found))
        except KeyboardInterrupt:
            search.interrupted = True


def try_batch(runner: Runner, schedules: Sequence[Schedule], expand: bool) -> list[tuple[Finding, list[Schedule]]]:
    """A few schedules, in another process."""
    found: list[Any] = []

    def body(job: Job) -> None:
        for one in runner.findings(schedules, job, expand):
            found.append(one)

    Job(body, {"total": len(schedules)}).run(progress=False)
    return found
