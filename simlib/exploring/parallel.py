"""Long searches on all cores, through joblib: its own processes, or what `joblib.parallel_config` says (Dask)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simlib.exploring.search import Finding, Runner
from simlib.scenario.schedules import Schedule
from simlib.sharing import portions, workers
from simlib.supervision import Job, shown_progress

if TYPE_CHECKING:
    from simlib.exploring.explore import Search


def in_parallel(search: Search, schedules: list[Schedule], expand: bool
                ) -> Iterator[tuple[Finding, list[Schedule]]]:
    """What became of each, in order, whoever ran it."""
    from joblib import delayed

    batches, run = portions(schedules, search.seconds_each), workers(search.n_jobs)
    with shown_progress(search.progress, total=len(schedules), unit=" schedules", desc="explore") as shown:
        try:
            for found in run(delayed(try_batch)(search.runner, batch, expand) for batch in batches):
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
