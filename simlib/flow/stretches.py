"""What a group was handed of one partition, stretch by stretch, for as long as it is not counted yet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simlib.flow.deliveries import COLUMNS, Deliveries, Given, in_order
from simlib.flow.service import Service
from simlib.trace.runs import unroll, within

EVER = np.iinfo(np.int64).max


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

    def __len__(self) -> int:
        return len(self.table)

    def part(self, first: int, end: int) -> Stretches:
        """Some of the rows."""
        return Stretches(self.table[first:end],
                         {row - first: given for row, given in self.given.items() if first <= row < end})

    def in_a_row(self, first: int, later: Stretches) -> int:
        """How many rows from the beginning on are like this: each begins where and after the one before it ended, the
        first at `first`, all of them done; and nothing that comes then, or `later`, is of these records or earlier."""
        goes_on = self._goes_on(first)
        many = int(np.argmin(np.r_[goes_on, False]))
        rest = self.part(many, len(self))
        lowest, earliest = (min(int(part[name].min(initial=EVER)) for part in (rest, later))
                            for name in ("offset", "began"))
        ends = (self["offset"] + self["count"])[:many]
        return int(min(np.searchsorted(ends, lowest, side="right"),
                       np.searchsorted(self["written"][:many], earliest, side="right")))

    def calms_down(self, after: int, later: Stretches) -> int:
        """The first row, after another one, from which on they come one after the other again, and are new; how many
        rows there are, if that never happens. What was still in hand in the end is left out."""
        tail = len(self)
        while tail - 1 > after and tail - 1 in self.given:
            tail -= 1
        last = max(after, int(np.flatnonzero(~self._goes_on(-1)[:tail])[-1]))
        highest = int((self["offset"] + self["count"])[after:last + 1].max())
        again = last + 1 + int(np.searchsorted(self["offset"][last + 1:tail], highest))
        rest = self.part(again, len(self))
        new = len(rest) > 0 and bool((rest["offset"] >= rest["offset"][0]).all())
        return again if new and rest.in_a_row(int(rest["offset"][0]), later) else len(self)

    def _goes_on(self, first: int) -> np.ndarray:
        """Does each row begin where and after the one before it ended, and is it done?"""
        ends = np.r_[first, (self["offset"] + self["count"])[:-1]][:len(self)]
        found = (self["offset"] == ends) & np.r_[True, np.diff(self["began"]) >= 0][:len(self)]
        found[list(self.given)] = False
        return found

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
