"""`sweep`: one scenario under many settings, each with the same seeds, as a table with confidence intervals."""

from simlib.sweeping.grid import SweepError
from simlib.sweeping.sweep import sweep

__all__ = ["SweepError", "sweep"]
