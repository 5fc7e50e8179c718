"""The same model as a loop over records, to be compiled by numba: the ceiling of what an engine can reach here.

It knows what the flow engine knows of a calm run whose partitions have a leader each: linger and batch size, one batch
in flight, two followers that fetch, acks=all, a consumer that fetches ahead and works record by record. It has no
groups, no heartbeats, no commits, no consumer that dies, no trace. A test runs it without numba beside the flow engine.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

PARTITIONS, KEYS, SECOND = 3, 3_000, 1_000_000_000
LINGER, LATENCY = 5_000_000, 500_000
BATCH, POLL = 163, 500
"""Records of 100 bytes in a batch of 16 kB; records a poll hands over at most."""


def produce(records: int, rate: float, partition_of: Any, numbers: Any, keys: Any, created: Any, ends: Any) -> None:
    """Evenly, each with a key drawn by a counter (splitmix64): when each is created, partition by partition."""
    for number in range(records):
        word = np.uint64(number + 1) * np.uint64(0x9E3779B97F4A7C15)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key = int((word ^ (word >> np.uint64(31))) >> np.uint64(40)) % len(partition_of)
        partition = partition_of[key]
        place = ends[partition]
        numbers[partition, place], keys[partition, place] = number, key
        created[partition, place] = round(number * (SECOND / rate))
        ends[partition] = place + 1


def write(created: Any, linger: int, latency: int, most: int, appended: Any, acked: Any) -> None:
    """When each record of a partition is written, and when its producer hears of it."""
    first, answered, count = 0, created[0], len(created)
    while first < count:
        ready = created[first] + linger
        if first + most < count:
            ready = min(ready, created[first + most])
        left = max(ready, answered)
        answered = left + 4 * latency
        last = first
        while last < count and last < first + most and created[last] <= left:
            appended[last], acked[last] = left + latency, answered
            last += 1
        first = last


def read(acked: Any, latency: int, most: int, service: int, begins: int, handed: Any, done: Any) -> None:
    """When each record is handed over, and when it is done; the first fetch leaves at `begins`."""
    asked, free, position, count = begins, begins, 0, len(acked)
    while position < count:
        here, landed, end = asked + latency, asked + 2 * latency, position
        while end < count and acked[end] - latency < here:
            end += 1
        if end == position:
            landed = acked[position]
            while end < count and acked[end] == landed:
                end += 1
        free = max(free, landed)
        while position < end:
            asked, upto = free, min(position + most, end)
            while position < upto:
                handed[position] = free
                free += service
                done[position] = free
                position += 1


def measure(rate: float, records: int, service_time: float) -> dict[str, float]:
    """CPU seconds once it is compiled."""
    from numba import njit

    produced, written, was_read = njit(produce), njit(write), njit(read)

    def everything(many: int) -> int:
        partition_of = np.arange(KEYS) % PARTITIONS
        numbers, created = (np.empty((PARTITIONS, many), np.int64) for _ in range(2))
        keys, ends = np.empty((PARTITIONS, many), np.int32), np.zeros(PARTITIONS, np.int64)
        produced(many, rate, partition_of, numbers, keys, created, ends)
        for partition, end in enumerate(ends.tolist()):
            appended, acked, handed, done = (np.empty(end, np.int64) for _ in range(4))
            written(created[partition, :end], LINGER, LATENCY, BATCH, appended, acked)
            was_read(acked, LATENCY, POLL, round(service_time * SECOND), 0, handed, done)
        return int(ends.sum())

    everything(10_000)
    begin = time.process_time()
    done = everything(records)
    return {"cpu": time.process_time() - begin, "records": done}
