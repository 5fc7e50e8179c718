"""How long the records of a poll take, without looking at each: sums of named draws, made ahead."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from simlib.flow.moments import add
from simlib.kafka.cluster import Cluster
from simlib.kafka.work import WorkTimes
from simlib.scenario.distributions import as_distribution
from simlib.scenario.draws import Stream
from simlib.scenario.topology import ConsumerGroup
from simlib.units import SECOND

AHEAD = 4_096

NEARLY_ALWAYS = 30
"""Means of a drawn service time; about one of so many memoryless draws is shorter than that part of the mean."""


@dataclass(slots=True)
class Stretch:
    """Consecutive records of a partition that a poll handed over."""

    tp: int
    offset: int
    count: int


class Service:
    """The service times of one group: those of `WorkTimes`, and for first deliveries their running sums."""

    def __init__(self, group: ConsumerGroup, cluster: Cluster, seed: int) -> None:
        self.work = WorkTimes(group, cluster, seed)
        self.group = group.name
        self.cluster = cluster
        self.seed = seed
        self.constant = self.work.constant
        self._distribution = as_distribution(group.service_time)
        self._streams: dict[int, Stream] = {}
        self._sums: dict[int, array[int]] = {}

    def length(self, stretch: Stretch) -> int:
        """Of the first delivery of all of it, in nanoseconds; of any delivery, if every record takes the same time."""
        if self.constant is not None:
            return self.constant * stretch.count
        sums = self.sums_up_to(stretch.tp, stretch.offset + stretch.count)
        return sums[stretch.offset + stretch.count] - sums[stretch.offset]

    def sums_between(self, tp: int, first: int, end: int) -> np.ndarray:
        """Running sums from before the record at `first` to after the one before `end`, of first deliveries."""
        if self.constant is not None:
            return self.constant * np.arange(first, end + 1)
        return np.frombuffer(self.sums_up_to(tp, end)[first:end + 1], np.int64)

    def outlasts(self, time: int) -> bool:
        """Does a record nearly always take at least so long?"""
        if self.constant is not None:
            return self.constant >= time
        return self._distribution.mean * SECOND >= NEARLY_ALWAYS * time

    def done(self, began: int, stretches: list[Stretch]) -> list[int]:
        """When each record is finished, if the first is begun at `began`."""
        return list(accumulate([self.length(Stretch(one.tp, one.offset + i, 1)) for one in stretches
                                for i in range(one.count)], initial=began))[1:]

    def done_again(self, began: int, stretches: list[Stretch]) -> list[int]:
        """The same where the group has seen some of the records before: each delivery has a draw of its own."""
        return list(accumulate(self.work.of(stretches), initial=began))[1:]

    def is_first(self, stretch: Stretch) -> bool:
        """Has the group seen none of these records before?"""
        return stretch.offset >= self.cluster.read_up_to.get((self.group, stretch.tp), 0)

    def delivered(self, stretch: Stretch, count: int) -> None:
        """The first `count` records were handed over."""
        self.work.delivered(stretch, count)

    def sums(self, tp: int) -> np.ndarray:
        """Running sums of the service times of first deliveries, by offset, as far as they were needed."""
        return np.array(self._sums.get(tp, [0]), np.int64)

    def sums_up_to(self, tp: int, offset: int) -> array[int]:
        """The same, and more of them if an offset is not reached yet; the column goes on growing."""
        sums = self._sums.get(tp) or self._sums.setdefault(tp, self.new_sums())
        while len(sums) <= offset:
            first = len(sums) - 1
            draws = self._distribution.draws(self._stream(tp), first, AHEAD)
            times = np.rint(draws * SECOND).astype(np.int64)
            self.add_sums(sums, sums[-1] + np.cumsum(times))
        return sums

    def new_sums(self) -> array[int]:
        """Before the first record of a partition."""
        return array("q", [0])

    def add_sums(self, sums: array[int], more: np.ndarray) -> None:
        """The next ones."""
        add(sums, more)

    def _stream(self, tp: int) -> Stream:
        if tp not in self._streams:
            topic, partition = self.cluster.tps[tp]
            self._streams[tp] = Stream(self.seed, self.group, "service", topic, partition, 1)
        return self._streams[tp]
