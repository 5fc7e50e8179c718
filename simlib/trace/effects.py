"""What the services did to the outside world, and which of it they did again."""

from __future__ import annotations

import numpy as np

from simlib.trace.runs import combined, occurrence
from simlib.trace.trace_data import TraceData


def effect_occurrence(data: TraceData) -> np.ndarray:
    """For each effect, the how-manieth time the same act (name and key) was done: 1, 2, ..."""
    return occurrence(combined(data.column("effects", "name"), key_codes(data.column("effects", "key"))))


def key_codes(keys: np.ndarray) -> np.ndarray:
    """One integer for each distinct key; keys are equal when they read the same (1 and "1" differ)."""
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(repr(key), len(codes)) for key in keys], np.int64)


def service_of(process: str) -> str:
    """The service that a process is an instance of: `billing-0` belongs to `billing`."""
    name, dash, number = process.rpartition("-")
    return name if dash and number.isdigit() else process
