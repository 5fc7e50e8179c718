"""Arithmetic on columns: ranges unrolled to rows, and "how often before" without a loop over records."""

from __future__ import annotations

import numpy as np

CLOSE = 8
"""So many times as many different codes as rows may be counted one by one: it costs less than sorting the rows."""


def within(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... count - 1 for each range in turn: `[2, 3]` gives `[0, 1, 0, 1, 2]`."""
    starts = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - np.repeat(starts, counts)


def unroll(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The members of ranges: first `[7, 3]` with counts `[2, 3]` gives `[7, 8, 3, 4, 5]`."""
    result = np.repeat(first - (np.cumsum(counts) - counts), counts)
    result += np.arange(len(result))
    return result


def first_of_lanes(lane: np.ndarray, lanes: int) -> np.ndarray:
    """Where each lane starts in a column that is sorted by lane."""
    return np.searchsorted(lane, np.arange(lanes))


def occurrence(codes: np.ndarray) -> np.ndarray:
    """For each row, the how-manieth row it is with its code: 1, 2, ..."""
    if are_distinct(codes):
        return np.ones(len(codes), np.int64)
    order = np.argsort(codes, kind="stable")
    starts = _group_starts(codes[order])
    result = np.empty(len(codes), np.int64)
    result[order] = np.arange(len(codes)) - starts + 1
    return result


def are_distinct(codes: np.ndarray) -> bool:
    """Is no code there twice? Only looked at where they lie close enough to be counted; else False."""
    if codes.min(initial=0) < 0 or codes.max(initial=0) > CLOSE * len(codes):
        return False
    return int(np.bincount(codes).max(initial=0)) <= 1


def rises(column: np.ndarray) -> bool:
    """Is every number greater than the one before it?"""
    return bool((column[1:] > column[:-1]).all())


def distinct_pairs(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """The different rows of two columns of numbers from 0 on, in order."""
    codes = np.unique(same_codes((first, second))[0])
    width = 1 + int(second.max(initial=0))
    return [(code // width, code % width) for code in codes.tolist()]


def previous(codes: np.ndarray) -> np.ndarray:
    """For each row, the index of the row before it with the same code; -1 where it is the first."""
    order = np.argsort(codes, kind="stable")
    result = np.full(len(codes), -1, np.int64)
    same = codes[order][1:] == codes[order][:-1]
    result[order[1:][same]] = order[:-1][same]
    return result


def combined(*columns: np.ndarray) -> np.ndarray:
    """One integer for each distinct row of several columns of small integers (-1 allowed)."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        column = np.asarray(column, np.int64) + 1
        code = code * (int(column.max(initial=0)) + 1) + column
    return code


def same_codes(*pairs: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """One integer for each (a, b) with b >= 0, comparable between the given pairs of columns."""
    width = 1 + max(int(second.max(initial=0)) for _, second in pairs)
    return [first * width + second for first, second in pairs]


def latest_before(codes: np.ndarray, times: np.ndarray, of: np.ndarray, at: np.ndarray) -> np.ndarray:
    """For each (code, time), the index in (`of`, `at`) of the latest entry with this code, not later; -1 if none."""
    asks = np.arange(len(of) + len(codes)) >= len(of)
    order = np.lexsort((asks, np.r_[at, times], np.r_[of, codes]))
    latest = np.maximum.accumulate(np.where(asks[order], -1, np.arange(len(order))))
    found = np.empty(len(order), np.int64)
    found[order] = np.where(latest < 0, -1, order[latest])
    found = found[len(of):]
    return np.where((found >= 0) & (np.r_[of, -1][found] == codes), found, -1)


def _group_starts(ordered: np.ndarray) -> np.ndarray:
    """For each row of a sorted column, the index where its group starts."""
    index = np.arange(len(ordered))
    is_start = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    return np.maximum.accumulate(np.where(is_start, index, 0)) if len(ordered) else index
