"""The scenarios that are measured: all with replication 3, acks=all, heartbeats, commits and the whole trace."""

from __future__ import annotations

from simlib import ConsumerGroup, Crash, Exponential, InOrder, Producer, Scenario, Topic, replace
from simlib.scenario.folds import BATCHES

UTILISATION = 0.8
"""How busy the three consumers are in the steady workloads, as in the pipelines they are compared with."""


def section_3() -> Scenario:
    """The README's scenario: sixty orders a second, and one of three consumers dies."""
    return Scenario(
        topics=[Topic("orders", partitions=3, replication_factor=3)],
        producers=[Producer("shop", topic="orders", rate=60, keys=30, acks="all")],
        groups=[ConsumerGroup("billing", topic="orders", consumers=3, service_time=0.02,
                              auto_commit_interval_ms=5_000)],
        faults=[Crash("billing-1", at=30, restart_after=30)],
        duration=90,
        seed=7,
    )


def steady(rate: float, records: int, linger_ms: float) -> Scenario:
    """`records` records at `rate` a second over three partitions, three consumers, nothing fails."""
    return Scenario(
        topics=[Topic("orders", partitions=3, replication_factor=3)],
        producers=[Producer("shop", topic="orders", rate=rate, keys=3_000, linger_ms=linger_ms, acks="all")],
        groups=[ConsumerGroup("billing", topic="orders", consumers=3, service_time=service_time(rate))],
        duration=records / rate,
        seed=7,
    )


def dying(rate: float, records: int) -> Scenario:
    """The same load, and one of the consumers dies; its partition has another owner when its session is over."""
    calm = replace(steady(rate, records, 5), "groups.billing.session_timeout_ms", 6_000)
    return replace(calm, "faults", [Crash("billing-1", at=calm.duration / 4)])


def million_a_second(seconds: float) -> Scenario:
    """Kafka's headline figure: a million records of 100 bytes a second over three brokers; 30 partitions, 30 consumers.
    """
    rate, partitions = 1_000_000, 30
    return Scenario(
        topics=[Topic("orders", partitions=partitions, replication_factor=3)],
        producers=[Producer("shop", topic="orders", rate=rate, keys=3_000, linger_ms=5, acks="all")],
        groups=[ConsumerGroup("billing", topic="orders", consumers=partitions,
                              service_time=UTILISATION * partitions / rate)],
        duration=seconds,
        seed=7,
    )


def day(seconds: float = 86_400) -> Scenario:
    """A day of a thousand million events: three partitions, batches that linger for 100 ms, consumers 77 % busy."""
    return Scenario(
        topics=[Topic("orders", partitions=3, replication_factor=3)],
        producers=[Producer("shop", topic="orders", rate=1e9 / 86_400, keys=3_000, linger_ms=100, batch_size=100_000,
                            acks="all")],
        groups=[ConsumerGroup("billing", topic="orders", consumers=3, service_time=0.0002)],
        duration=seconds,
        seed=7,
    )


def peak(seconds: float) -> Scenario:
    """A shop platform's 66 million records a second: a hundred brokers, partitions and consumers, the latter 60 % busy
    on average; keys in turn, so that some partitions get half as much again as others."""
    rate, partitions = 66_000_000, 100
    return Scenario(
        topics=[Topic("orders", partitions=partitions, replication_factor=3)],
        producers=[Producer("shop", topic="orders", rate=rate, keys=3_000, key_distribution=InOrder(), linger_ms=5,
                            batch_size=1_000_000, acks="all")],
        groups=[ConsumerGroup("billing", topic="orders", consumers=partitions, max_poll_records=10_000,
                              service_time=0.6 * partitions / rate)],
        brokers=100, duration=seconds, seed=7,
    )


def queue(customers: int, service: float = 1e-3) -> Scenario:
    """M/M/1: one partition, one consumer, links that take next to nothing; each record is a batch of its own."""
    return Scenario(
        topics=[Topic("customers")],
        producers=[Producer("door", topic="customers", rate=UTILISATION / service, arrivals="poisson", keys=1)],
        groups=[ConsumerGroup("counter", topic="customers", service_time=Exponential(service))],
        brokers=1, latency=service / 1_000, duration=customers * service / UTILISATION, seed=7,
    )


def service_time(rate: float) -> float:
    """Seconds a record takes, so that three consumers are as busy as UTILISATION says."""
    return UTILISATION * 3 / rate


WORKLOADS = {
    "section 3": section_3,
    "1,000/s, linger 5": lambda: steady(1_000, 20_000, 5),
    "1,000/s, linger 0": lambda: steady(1_000, 20_000, 0),
    "100,000/s": lambda: steady(100_000, 1_000_000, 5),
    "100,000/s, linger 0": lambda: steady(100_000, 1_000_000, 0),
    "10,000/s, 1e4": lambda: steady(10_000, 10_000, 5),
    "10,000/s, 1e5": lambda: steady(10_000, 100_000, 5),
    "10,000/s, 1e6": lambda: steady(10_000, 1_000_000, 5),
}

PER_PARTITION = 30_000
"""Records a second in each of three partitions, at which a large run is measured."""

IN_COLUMNS = {
    "flow, 300/s a partition": lambda: dying(900, 50_000),
    "flow, 3,000/s a partition": lambda: dying(9_000, 300_000),
    "flow, 30,000/s a partition": lambda: dying(90_000, 1_000_000),
    "flow, section 3": section_3,
    "flow, 1e5": lambda: steady(3 * PER_PARTITION, 100_000, 5),
    "flow, 1e6": lambda: steady(3 * PER_PARTITION, 1_000_000, 5),
    "flow, 1e7": lambda: steady(3 * PER_PARTITION, 10_000_000, 5),
    "flow, 1e5 at 1,000/s": lambda: steady(1_000, 100_000, 5),
    "flow, a million a second": lambda: million_a_second(5),
}
"""For the flow engine: its lines of issue 6; the first three with the consumer that dies."""

FOLDED = {
    "folded, 1e5": (lambda: steady(3 * PER_PARTITION, 100_000, 5), True),
    "folded, 1e8": (lambda: steady(3 * PER_PARTITION, 100_000_000, 5), True),
    "folded, a day": (day, True),
    "cohorts, 66 million a second": (lambda: peak(10), BATCHES),
    "cohorts, the same with small polls": (lambda: replace(peak(10), "groups.billing.max_poll_records", 500), BATCHES),
}
"""For runs that keep sums: the scenario, and what `fold=` is asked for. The day takes minutes."""
