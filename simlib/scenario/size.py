"""How large a run of declared load will be, before it starts: records, batches, bytes."""

from __future__ import annotations

from simlib.scenario.distributions import Distribution, as_distribution
from simlib.scenario.loads import Bursts, Replay, key_names, mean_rate
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import resolve_producer
from simlib.scenario.topology import Producer

A_RECORD, A_DELIVERY, A_BATCH = 100, 300, 900
"""Bytes at the most, from the run to its summary, measured with NumPy's and Python's own objects among them."""


def expected_records(producer: Producer, duration: float) -> float:
    """How many records a producer creates in a run, on average."""
    seconds = max(0.0, min(duration, producer.stop or duration) - producer.start)
    if isinstance(producer.arrivals, Replay):
        number = float(sum(time < seconds for time in producer.arrivals.times))
    elif isinstance(producer.arrivals, Bursts):
        number = producer.arrivals.size * (1 + seconds // producer.arrivals.every) if seconds else 0.0
    elif isinstance(producer.arrivals, Distribution):
        number = seconds / producer.arrivals.mean if producer.arrivals.mean else float("inf")
    else:
        number = seconds * mean_rate(producer)
    return number if producer.records is None else min(number, producer.records)


def expected_bytes(scenario: Scenario) -> float:
    """What a run and its summary take in memory at the most, roughly: within a factor of two."""
    return sum(_bytes_of(producer, scenario) for producer in scenario.producers)


def _bytes_of(producer: Producer, scenario: Scenario) -> float:
    records = expected_records(producer, scenario.duration)
    readers = sum(producer.topic in group.topics for group in scenario.groups)
    return records * (A_RECORD + readers * A_DELIVERY) + min(records, expected_batches(producer, scenario)) * A_BATCH


def expected_batches(producer: Producer, scenario: Scenario) -> float:
    """How many a producer sends: to each partition one every linger_ms or, if that is longer, every round trip."""
    settings = resolve_producer(scenario.client, producer.overrides())
    pause = max(settings.linger_ms / 1_000, 4 * as_distribution(scenario.latency).mean)
    partitions = scenario.topic(producer.topic).partitions
    lanes = min(partitions, len(key_names(producer.keys)) or partitions)
    by_size = expected_records(producer, scenario.duration) * producer.value_bytes / max(1, settings.batch_size)
    return lanes * scenario.duration / pause + by_size if pause else float("inf")
