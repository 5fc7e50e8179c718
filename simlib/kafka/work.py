"""How long a group works on its records, and which of them it has had before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from simlib.kafka.cluster import Cluster
from simlib.scenario.distributions import Constant, as_distribution
from simlib.scenario.draws import Sampler, Stream
from simlib.scenario.topology import Readers
from simlib.units import nanoseconds


class Records(Protocol):
    """Consecutive records of a partition."""

    @property
    def tp(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def count(self) -> int: ...


class WorkTimes:
    """Service times of one group: draw number `offset` of (group, partition, attempt), so that nothing shifts them."""

    def __init__(self, group: Readers, cluster: Cluster, seed: int) -> None:
        self.group = group.name
        self.cluster = cluster
        self.seed = seed
        self._again: dict[int, dict[int, int]] = {}
        self.set(group.service_time)

    def set(self, service_time: Any) -> None:
        """Work takes this long from now on."""
        self.distribution = as_distribution(service_time)
        constant = isinstance(self.distribution, Constant)
        self.constant = nanoseconds(self.distribution.mean) if constant else None
        self._samplers: dict[tuple[int, int], Sampler] = {}

    def attempt(self, tp: int, offset: int) -> int:
        """1 for the first delivery of a record to this group, 2 for the second, ..."""
        if offset >= self.cluster.read_up_to.get((self.group, tp), 0):
            return 1
        return 2 + self._again.get(tp, {}).get(offset, 0)

    def begins(self, runs: Sequence[Records]) -> bool:
        """True if some of these records are new to the group."""
        read = self.cluster.read_up_to
        for run in runs:
            if run.offset + run.count > read.get((self.group, run.tp), 0):
                return True
        return False

    def delivered(self, run: Records, count: int) -> None:
        key = (self.group, run.tp)
        read = self.cluster.read_up_to.get(key, 0)
        if run.offset < read:
            again = self._again.setdefault(run.tp, {})
            for offset in range(run.offset, min(read, run.offset + count)):
                again[offset] = again.get(offset, 0) + 1
        if run.offset + count > read:
            self.cluster.read_up_to[key] = run.offset + count

    def single(self, run: Records) -> int:
        """The service time of the first record of a run, in nanoseconds."""
        if self.constant is not None:
            return self.constant
        return nanoseconds(self._sampler(run.tp, self.attempt(run.tp, run.offset)).at(run.offset))

    def of(self, runs: Sequence[Records]) -> list[int]:
        """The service times of all records of these runs."""
        if self.constant is not None:
            return [self.constant] * sum([run.count for run in runs])
        return [time for run in runs for time in self._drawn(run)]

    def _drawn(self, run: Records) -> list[int]:
        read = self.cluster.read_up_to.get((self.group, run.tp), 0)
        if run.offset >= read:
            draws = self._sampler(run.tp, 1).block(run.offset, run.count)
            return [nanoseconds(draw) for draw in draws.tolist()]
        return [nanoseconds(self._sampler(run.tp, self.attempt(run.tp, offset)).at(offset))
                for offset in range(run.offset, run.offset + run.count)]

    def _sampler(self, tp: int, attempt: int) -> Sampler:
        if (tp, attempt) not in self._samplers:
            topic, partition = self.cluster.tps[tp]
            stream = Stream(self.seed, self.group, "service", topic, partition, attempt)
            self._samplers[tp, attempt] = Sampler(self.distribution, stream)
        return self._samplers[tp, attempt]
