"""Runs that keep sums of their records: what they take of time, and the process of memory."""

from __future__ import annotations

import sys
import time
from importlib import import_module

from benchmarks.workloads import FOLDED
from simlib import replace, run


def folded(name: str) -> dict[str, float]:
    """Records that were handed over, CPU seconds with the summary, and the most memory the process ever had."""
    make, fold = FOLDED[name]
    scenario = make()
    run(replace(scenario, "duration", min(1.0, scenario.duration / 2)), fold=fold, progress=False)
    begin = time.process_time()
    records = run(scenario, fold=fold, progress=False).summary().delivered
    spent = time.process_time() - begin
    return {"records": records, "seconds": spent, "rate": records / spent, "real time": scenario.duration / spent,
            **_memory()}


def _memory() -> dict[str, float]:
    """Windows does not tell in this way."""
    if sys.platform == "win32":
        return {}
    resource = import_module("resource")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"megabytes": most / (2**20 if sys.platform == "darwin" else 2**10)}
