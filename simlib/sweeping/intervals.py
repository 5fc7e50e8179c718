"""Confidence intervals of means, by Student's t: few runs say little, and the interval says so."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

CONFIDENCE = 0.95


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """(mean, low, high) of numbers drawn independently; what is not a number does not count.

    The bounds of a single number are not known (nan).
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan, math.nan
    mean = float(known.mean())
    if len(known) == 1:
        return mean, math.nan, math.nan
    half = student_t(len(known) - 1) * float(known.std(ddof=1)) / math.sqrt(len(known))
    return mean, mean - half, mean + half


@cache
def student_t(freedom: int) -> float:
    """The t with CONFIDENCE of its distribution between -t and t, by bisection."""
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _between(middle, freedom) < CONFIDENCE else (low, middle)
    return (low + high) / 2


def _between(t: float, freedom: int) -> float:
    """P(-t < T < t) for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = total = math.cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + (math.sin(angle) * total if freedom > 1 else 0.0))
