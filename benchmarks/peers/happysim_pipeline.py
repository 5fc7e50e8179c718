"""The closest pipeline happysim has: an EventLog of three partitions, and a ConsumerGroup of three.

As kind to it as possible: no latencies, no replication, no acknowledgements, no heartbeats, no trace; and records older
than ten seconds are dropped every second, because a read looks through the whole log. A poll reads from the committed
offset, so every poll is followed by a commit; a poll does not wait for records, so an empty one sleeps 5 ms.
"""

import random
import time

from happysimulator.components.streaming import ConsumerGroup, EventLog, RoundRobinAssignment, TimeRetention
from happysimulator.core.entity import Entity
from happysimulator.core.event import Event
from happysimulator.core.simulation import Simulation
from happysimulator.core.temporal import Instant

PARTITIONS = 3
KEYS = 3_000
RETENTION = 10.0
IDLE = 0.005


class Shop(Entity):
    """Appends a record every 1/rate seconds."""

    def __init__(self, log: EventLog, rate: float, records: int) -> None:
        super().__init__("shop")
        self.log, self.gap, self.records = log, 1 / rate, records
        self.draw = random.Random(7).randrange

    def handle_event(self, event: Event):
        for number in range(self.records):
            yield from self.log.append(f"key-{self.draw(KEYS)}", number)
            yield self.gap


class Billing(Entity):
    """Polls, works every record, commits."""

    def __init__(self, name: str, group: ConsumerGroup, service_time: float) -> None:
        super().__init__(name)
        self.group, self.service_time = group, service_time
        self.worked = 0

    def handle_event(self, event: Event):
        yield from self.group.join(self.name, self)
        while True:
            records = yield from self.group.poll(self.name, 500)
            if not records:
                yield IDLE
                continue
            for _ in records:
                yield self.service_time
            self.worked += len(records)
            yield from self.group.commit(self.name, {record.partition: record.offset + 1 for record in records})


def measure(rate: float, records: int, service_time: float) -> dict[str, float]:
    """Run it; gives CPU seconds and how many records were worked."""
    log = EventLog("orders", PARTITIONS, retention_policy=TimeRetention(RETENTION), append_latency=0.0,
                   read_latency=0.0, retention_check_interval=1.0)
    group = ConsumerGroup("billing", log, RoundRobinAssignment(), rebalance_delay=0.0, poll_latency=0.0)
    shop = Shop(log, rate, records)
    members = [Billing(f"billing-{i}", group, service_time) for i in range(PARTITIONS)]
    begin = time.process_time()
    simulation = Simulation(entities=[log, group, shop, *members], duration=records / rate + 1)
    simulation.schedule([Event(Instant.Epoch, "start", target=one) for one in [*members, shop]])
    simulation.run()
    return {"cpu": time.process_time() - begin, "records": sum(member.worked for member in members)}
