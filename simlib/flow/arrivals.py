"""The records of a declared load, all at once: when each is created, its key, its partition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simlib.kafka.load import AHEAD
from simlib.kafka.partitioner import crc32_partition, keyed_partition
from simlib.scenario.draws import Stream
from simlib.scenario.loads import arrival_times, key_codes, key_names
from simlib.scenario.settings import ProducerSettings
from simlib.scenario.topology import Producer
from simlib.units import nanoseconds

FEW = 8
"""Up to so many partitions, looking for the records of each costs less than sorting them all."""

Share = tuple[int, int, np.ndarray, np.ndarray, np.ndarray]
"""(laid out, partition, created, message numbers, places in `key_names`), in order of creation; times in ns.

`laid out` is when the readable engine would first come to it: it numbers lanes in that order.
"""


def shares(producer: Producer, settings: ProducerSettings, partitions: int, seed: int, until: float, latency: int
           ) -> Iterator[Share]:
    """What a producer creates before `until` seconds, partition by partition; those that get nothing are left out."""
    created = arrival_times(producer, Stream(seed, producer.name, "arrival"), until)
    keys = key_codes(producer, Stream(seed, producer.name, "key"), 0, len(created))
    where = _partitions(producer, settings, Stream(seed, producer.name, "partition"), keys, partitions)
    for partition, mine in enumerate(_places(where, partitions)):
        if len(mine):
            yield _laid_out(created, mine[0], producer.start, latency), partition, created[mine], mine, keys[mine]


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


def _partitions(producer: Producer, settings: ProducerSettings, stream: Stream, keys: np.ndarray, count: int
                ) -> np.ndarray:
    """Of each record: by its key (K39), or at random for a null key (K44a)."""
    names = key_names(producer.keys)
    if not names:
        return np.asarray(stream.block(0, len(keys)) * count).astype(np.int64)
    table = [_partition(name.encode("utf-8") if isinstance(name, str) else name, settings, stream, count)
             for name in names]
    return np.array(table, np.int64)[keys]


def _partition(key: bytes, settings: ProducerSettings, stream: Stream, count: int) -> int:
    if settings.partitioner == "consistent_random":
        return crc32_partition(key, count, stream.uniform(0))
    return keyed_partition(key, count)
