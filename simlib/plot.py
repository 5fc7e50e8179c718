"""Pictures of many runs: `plot.sweep(table)`. A single run has its own, `trace.plot`."""

from simlib.views.sweeps import sweep

__all__ = ["sweep"]
