"""A run that keeps sums of its records: every now and then what is settled is counted, and may be forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.flow.deliveries import Deliveries
from simlib.flow.service import Service
from simlib.flow.sliding_log import SlidingLog
from simlib.flow.stretches import EVER, Stretches, taken_out
from simlib.flow.tally import Handed, Tally
from simlib.trace.recorder import EVENT_COLUMNS, Recorder

Key = tuple[int, int]
"""Group and partition (codes)."""


class Folding:
    """The sums so far."""

    def __init__(self, recorder: Recorder, logs: dict[int, SlidingLog], deliveries: Deliveries,
                 services: dict[int, Service], keys: list[Key]) -> None:
        """`keys`: who reads what."""
        self.events = EventsSoFar(recorder)
        self.logs = logs
        self.deliveries = deliveries
        self.services = services
        self.tallies = {key: Tally(*key) for key in keys}

    def fold(self, settled: dict[Key, int]) -> dict[Key, int]:
        """Count all deliveries of offsets below those given; a stretch of records that goes beyond waits as a whole.

        Gives below which offsets nothing is left to be counted.
        """
        counted = dict(settled)
        for key, rows in taken_out(self.deliveries).items():
            counted[key] = boundary = rows.boundary(settled[key])
            now = rows["offset"] < boundary
            if now.any():
                self._count(self.tallies[key], rows.chosen(now), rows.chosen(~now), boundary)
            rest = rows.chosen(~now)
            self.deliveries.put_back(rest.table, rest.given)
        return counted

    def _count(self, tally: Tally, rows: Stretches, later: Stretches, settled: int) -> None:
        """What comes one after the other, then what does not, then again what does."""
        calm = rows.in_a_row(tally.settled, later)
        if calm:
            self.count_in_a_row(tally, rows.part(0, calm))
        if calm < len(rows):
            again = rows.calms_down(calm, later)
            after = rows.part(again, len(rows))
            earliest = min(int(part["began"].min(initial=EVER)) for part in (after, later))
            self._count_others(tally, rows.part(calm, again), int(after["offset"][0]) if len(after) else settled,
                               earliest)
            if len(after):
                self._count(tally, after, later, settled)

    def count_in_a_row(self, tally: Tally, rows: Stretches) -> None:
        """The next records, handed over one after the other."""
        first, end = int(rows["offset"][0]), int(rows["offset"][-1] + rows["count"][-1])
        handed, done = rows.times(self.services[tally.group], tally.tp)
        created = self.logs[tally.tp].origin(first, end, "created")
        tally.add(handed - created, done - created)

    def _count_others(self, tally: Tally, rows: Stretches, settled: int, later: int) -> None:
        """Record by record; `later`: when the next ones were handed over first."""
        log = self.logs[tally.tp]
        handed, done = rows.times(self.services[tally.group], tally.tp)
        each = Handed(self.events, rows, handed, done, log.of_records(rows.offsets(), "created"))
        before = len(tally.listed)
        tally.add_others(each, settled, later)
        for part in tally.listed[before:]:
            for name, column in (("actor", "rank"), ("number", "numbers"), ("key", "keys")):
                part[name] = log.of_records(part["offset"], column)


class EventsSoFar:
    """The control events, as the trace will have them."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def column(self, _: str, name: str) -> np.ndarray:
        values: list[Any] = [row[EVENT_COLUMNS.index(name)] for row in self._recorder.events]
        return np.array(values, dtype=object if name == "kind" else np.int64)
