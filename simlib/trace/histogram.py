"""A log-linear histogram: 64 buckets to each doubling, so that a value taken back from it is wrong by 0.8 % at most."""

from __future__ import annotations

import numpy as np

from simlib.trace.runs import unroll

BITS = 6
SHIFT = 52 - BITS
"""A double's exponent and the first BITS bits of its fraction number the buckets."""

ZERO = (1023 << BITS) - 1
"""Bucket 0 is for 0 alone, bucket 1 begins at 1 ns."""

BUCKETS = (64 << BITS) + 1


def counted(nanoseconds: np.ndarray) -> np.ndarray:
    """How many values (int64, not negative) are in each bucket."""
    return np.bincount(_bucket_of(nanoseconds), minlength=BUCKETS)


def counted_evenly(first: np.ndarray, last: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The same of rows of values that lie evenly between their first and their last one (int64, not negative)."""
    low, high = np.minimum(first, last), np.maximum(first, last)
    begin = _bucket_of(low)
    wide = _bucket_of(high) - begin + 1
    row, bucket = np.repeat(np.arange(len(low)), wide), unroll(begin, wide)
    apart = (high - low)[row] / np.maximum(count - 1, 1)[row]
    below = np.ceil((lowest(bucket + 1) - low[row]) / np.where(apart > 0, apart, 1)).astype(np.int64)
    ends = np.cumsum(wide) - 1
    below = np.minimum(below, count[row])
    below[ends] = count
    found = np.diff(below, prepend=0)
    found[ends[:-1] + 1] = below[ends[:-1] + 1]
    return np.bincount(bucket, found, BUCKETS).astype(np.int64)


def _bucket_of(nanoseconds: np.ndarray) -> np.ndarray:
    places = nanoseconds.astype(np.float64).view(np.int64) >> SHIFT
    return np.maximum(places - ZERO, 0)


def lowest(buckets: np.ndarray) -> np.ndarray:
    """Where buckets begin, in ns."""
    begin = ((np.asarray(buckets, np.int64) + ZERO) << SHIFT).view(np.float64)
    return np.where(buckets == 0, 0.0, begin)


def middles(buckets: np.ndarray) -> np.ndarray:
    """The value that stands for each bucket, in ns."""
    return np.where(buckets == 0, 0.0, (lowest(buckets) + lowest(buckets + 1)) / 2)


def percentiles_of(buckets: np.ndarray, counts: np.ndarray, wanted: tuple[int, ...]) -> dict[str, float]:
    """p50 ... in seconds, of values by bucket (in rising order); empty when there is nothing to measure."""
    total = int(counts.sum())
    if not total:
        return {}
    ranks = np.array(wanted) / 100 * (total - 1)
    low, high = (middles(buckets[np.searchsorted(np.cumsum(counts), each, side="right")])
                 for each in (np.floor(ranks), np.ceil(ranks)))
    values = low + (high - low) * (ranks % 1)
    return {f"p{p}": float(value) / 1e9 for p, value in zip(wanted, values, strict=True)}
