"""The records of a declared load: when each is created, its key, its partition."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from simlib.kafka.load import AHEAD
from simlib.kafka.partitioner import crc32_partition, keyed_partition
from simlib.scenario.draws import Stream
from simlib.scenario.loads import arrival_blocks, arrivals_before, key_codes, key_names
from simlib.scenario.settings import ProducerSettings
from simlib.scenario.topology import Producer
from simlib.units import nanoseconds

EVER = 1 << 62
"""Later than any record."""

FEW = 8
"""Up to so many partitions, looking for the records of each costs less than sorting them all."""

Share = tuple[int, int, np.ndarray, np.ndarray, np.ndarray]
"""(laid out, partition, created, message numbers, places in `key_names`), in order of creation; times in ns.

`laid out` is when the readable engine would first come to it: it numbers lanes in that order.
"""


def shares(producer: Producer, settings: ProducerSettings, partitions: int, seed: int, until: float, latency: int
           ) -> Iterator[Share]:
    """What a producer creates before `until` seconds, partition by partition; those that get nothing are left out."""
    load = Arrivals(producer, settings, partitions, seed, until)
    created, first, keys, places = load.before(EVER)
    for partition, mine in enumerate(places):
        if len(mine):
            yield (_laid_out(created, mine[0], producer.start, latency), partition, created[mine], mine + first,
                   keys[mine])


class Arrivals:
    """The records of one producer, in order of creation."""

    def __init__(self, producer: Producer, settings: ProducerSettings, partitions: int, seed: int, until: float
                 ) -> None:
        self.producer, self.settings, self.partitions = producer, settings, partitions
        self._blocks = arrival_blocks(producer, Stream(seed, producer.name, "arrival"), until)
        self._keys, self._where = Stream(seed, producer.name, "key"), Stream(seed, producer.name, "partition")
        self._table: np.ndarray | None = None
        self._rest = np.empty(0, np.int64)
        self._number = 0

    def before(self, horizon: int) -> tuple[np.ndarray, int, np.ndarray, list[np.ndarray]]:
        """Those created before a time (ns) and not given yet: created, the number of the first, places in `key_names`,
        and which of them go to each partition."""
        created, self._rest = arrivals_before(horizon, self._rest, self._blocks)
        first, count = self._number, len(created)
        self._number += count
        keys = key_codes(self.producer, self._keys, first, count)
        return created, first, keys, _places(self._partitions(keys, first), self.partitions)

    def partition_of_keys(self) -> np.ndarray:
        """Where each of the producer's keys goes; empty if it has none."""
        names = key_names(self.producer.keys)
        if self.settings.partitioner != "consistent_random":
            return _keyed(names, self.partitions)
        return np.array([crc32_partition(_raw(name), self.partitions, self._where.uniform(0)) for name in names],
                        np.int64)

    def _partitions(self, keys: np.ndarray, first: int) -> np.ndarray:
        """Of each record: by its key (K39), or at random for a null key (K44a)."""
        if self._table is None:
            self._table = self.partition_of_keys()
        if not len(self._table):
            return np.asarray(self._where.block(first, len(keys)) * self.partitions).astype(np.int32)
        return self._table[keys]


def _laid_out(created: np.ndarray, record: int, start: float, latency: int) -> int:
    """When `simlib.kafka.load` lays this record out: with all of the next two seconds, or just before it is due."""
    now = nanoseconds(start) - 2 * latency
    while (beyond := int(np.searchsorted(created, max(now, 0) + AHEAD))) <= record:
        now = int(created[beyond]) - 1
    return now


def _places(where: np.ndarray, partitions: int) -> list[np.ndarray]:
    """The records of each partition, in order."""
    if partitions <= FEW:
        return [np.flatnonzero(where == partition) for partition in range(partitions)]
    order = np.argsort(where.astype(np.min_scalar_type(partitions)), kind="stable")  # a radix sort
    return np.split(order, np.cumsum(np.bincount(where, minlength=partitions))[:-1])


@lru_cache(maxsize=8)
def _keyed(names: tuple[str | bytes, ...], partitions: int) -> np.ndarray:
    """The same keys are used run after run: who drags a slider does not wait for them to be hashed again."""
    return np.array([keyed_partition(_raw(name), partitions) for name in names], np.min_scalar_type(partitions))


def _raw(name: str | bytes) -> bytes:
    return name.encode("utf-8") if isinstance(name, str) else name
