"""When something changed, row by row: what is asked of it is how many changes there were before a moment."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np

Moment = tuple[int, int, int]
"""(time, order within the instant, how-manieth change of its leader): compares with (time, order) of the clock."""


def whole_numbers() -> array[int]:
    """An empty column."""
    return array("q")


def add(column: array[int], values: np.ndarray) -> None:
    """More of a column, all at once."""
    column.frombytes(np.ascontiguousarray(values, np.int64).view(np.uint8).data)


class Moments:
    """A column for each part of a `Moment`; every row is later than the one before it."""

    def __init__(self, column: Callable[[], Any] = whole_numbers) -> None:
        self.times, self.orders, self.changes = column(), column(), column()

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, place: int) -> Moment:
        return self.times[place], self.orders[place], self.changes[place]

    def append(self, moment: Moment) -> None:
        time, order, change = moment
        self.times.append(time)
        self.orders.append(order)
        self.changes.append(change)

    def level(self, order: int) -> None:
        """Rows of which only the time is there are the first changes of their instants, in this order."""
        missing = len(self.times) - len(self.orders)
        self.orders += array("q", [order]) * missing
        self.changes += array("q", [0]) * missing

    def before(self, moment: tuple[int, ...], low: int = 0) -> int:
        """How many rows are earlier than a moment; at least `low` of them are."""
        times, time = self.times, moment[0]
        place, end = bisect_left(times, time, low), len(times)
        while place < end and times[place] == time and self[place] < moment:
            place += 1
        return place
