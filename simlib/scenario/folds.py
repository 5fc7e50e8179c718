"""What `run(scenario, fold=)` may be asked for."""

from __future__ import annotations

BATCHES = "batches"
"""Sums, and no look at single records."""

FOLDS = (False, True, BATCHES)
"""Every record; sums; sums without a look at single records."""
