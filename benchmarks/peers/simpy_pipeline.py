"""The same pipeline in plain SimPy, one event for each record and step, written the quick way (a deque and a wake-up).

It has no replication, no acknowledgements, no requests, no heartbeats; it notes when each record was produced and
worked, and commits every five seconds.
"""

import random
import time
from collections import deque
from typing import Any

import simpy

PARTITIONS = 3
KEYS = 3_000
COMMIT_EVERY = 5.0


class Partition:
    """A log and the consumer that reads it."""

    def __init__(self, env: simpy.Environment, service_time: float) -> None:
        self.env, self.service_time = env, service_time
        self.log: deque[tuple[int, float]] = deque()
        self.wake = env.event()
        self.worked: list[tuple[int, float, float]] = []
        self.committed = 0

    def append(self, number: int) -> None:
        self.log.append((number, self.env.now))
        if not self.wake.triggered:
            self.wake.succeed()

    def consume(self) -> Any:
        while True:
            while self.log:
                number, produced = self.log.popleft()
                yield self.env.timeout(self.service_time)
                self.worked.append((number, produced, self.env.now))
            self.wake = self.env.event()
            yield self.wake

    def commit(self) -> Any:
        while True:
            yield self.env.timeout(COMMIT_EVERY)
            self.committed = len(self.worked)


def produce(env: simpy.Environment, partitions: list[Partition], rate: float, records: int) -> Any:
    """A record every 1/rate seconds, its partition by its key."""
    draw = random.Random(7).randrange
    for number in range(records):
        partitions[draw(KEYS) % PARTITIONS].append(number)
        yield env.timeout(1 / rate)


def measure(rate: float, records: int, service_time: float) -> dict[str, float]:
    """Run it; gives CPU seconds and how many records were worked."""
    begin = time.process_time()
    env = simpy.Environment()
    partitions = [Partition(env, service_time) for _ in range(PARTITIONS)]
    for partition in partitions:
        env.process(partition.consume())
        env.process(partition.commit())
    env.process(produce(env, partitions, rate, records))
    env.run(until=records / rate + 1)
    return {"cpu": time.process_time() - begin, "records": sum(len(partition.worked) for partition in partitions)}
