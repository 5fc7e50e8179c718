"""What a group was handed of one partition, stretch by stretch, for as long as it is not counted yet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simlib.flow.deliveries import COLUMNS, Deliveries, Given, in_order
from simlib.flow.service import Service
from simlib.trace.runs import unroll, within


@dataclass
class Stretches:
    """Rows as `Deliveries` keeps them, in the order in which members were done with them."""

    table: np.ndarray
    given: dict[int, Given] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        column: np.ndarray = self.table[:, COLUMNS.index(name)]
        return column

    def chosen(self, mask: np.ndarray) -> Stretches:
        places = np.cumsum(mask) - 1
        return Stretches(self.table[mask], {int(places[row]): given for row, given in self.given.items() if mask[row]})

    def boundary(self, offset: int) -> int:
        """The highest offset, not above this one, that lies within no stretch."""
        first, end = self["offset"], self["offset"] + self["count"]
        while (across := (first < offset) & (end > offset)).any():
            offset = int(first[across].min())
        return offset

    def is_in_a_row(self, first: int) -> bool:
        """Does each stretch begin where and after the one before it ended, the first at `first`, all of them done?"""
        begins = first + np.cumsum(self["count"]) - self["count"]
        return not self.given and bool((self["offset"] == begins).all() and (np.diff(self["began"]) >= 0).all())

    def offsets(self) -> np.ndarray:
        return unroll(self["offset"], self["count"])

    def spread(self, name: str) -> np.ndarray:
        return np.repeat(self[name], self["count"])

    def times(self, service: Service, tp: int) -> tuple[np.ndarray, np.ndarray]:
        """When each record was handed over, and done."""
        counts = self["count"]
        if service.constant is not None:
            handed = self.spread("began") + within(counts) * service.constant
            done = handed + service.constant
        else:
            sums, offsets = service.sums(tp), self.offsets()
            begun = self.spread("began") - np.repeat(sums[self["offset"]], counts)
            handed, done = begun + sums[offsets], begun + sums[offsets + 1]
        starts = np.cumsum(counts) - counts
        for row, (when, until) in self.given.items():
            here = slice(starts[row], starts[row] + counts[row])
            handed[here], done[here] = when, until
        return handed, done


def taken_out(deliveries: Deliveries) -> dict[tuple[int, int], Stretches]:
    """All that is there, by group and partition; nothing is left."""
    table, given = deliveries.empty()
    order = in_order(table)
    table, place = table[order], np.argsort(order)
    rows = Stretches(table, {int(place[row]): each for row, each in given.items()})
    pairs = sorted(set(zip(rows["group"].tolist(), rows["tp"].tolist(), strict=True)))
    return {(group, tp): rows.chosen((rows["group"] == group) & (rows["tp"] == tp)) for group, tp in pairs}
