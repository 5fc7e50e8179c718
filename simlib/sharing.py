"""Work shared among processes by joblib: whether it pays, in which portions, and who does it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

WORTH = 6.0
"""Seconds of work from which starting other processes pays."""

BATCH = 0.5
"""Seconds of work handed to a process at once: a task of its own for each run would cost more than the run."""


def worth_it(tasks: int, seconds_each: float, n_jobs: int | None) -> bool:
    """Share this work among processes? Always where the user said so, else if it is long enough."""
    if n_jobs is not None:
        return n_jobs != 1 and tasks > 0
    if _configured():
        return tasks > 0
    return tasks * seconds_each > WORTH and (os.cpu_count() or 1) > 1


def workers(n_jobs: int | None) -> Any:
    """joblib's Parallel: answers come one by one, in order. Without a number, joblib's own settings or every core."""
    from joblib import Parallel

    return Parallel(n_jobs=n_jobs if n_jobs is not None or _configured() else -1, return_as="generator")


def portions(tasks: Sequence[T], seconds_each: float) -> list[Sequence[T]]:
    """Tasks in batches worth sending; at least four of them, so that nobody is idle for long at the end."""
    size = max(1, min(int(BATCH / max(seconds_each, 1e-6)), -(-len(tasks) // 4)))
    return [tasks[start:start + size] for start in range(0, len(tasks), size)]


def _configured() -> bool:
    """Has the user chosen a backend (`with joblib.parallel_config(...)`)? Asked only where joblib is loaded already."""
    if "joblib" not in sys.modules:
        return False
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    return type(backend).__name__ != "LokyBackend" or n_jobs not in (None, 1)
