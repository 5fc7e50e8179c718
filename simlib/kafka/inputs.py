"""The producer named `inputs`: sends the rows of `Scenario.inputs`, each at its time; without one at 0, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simlib.kafka.cluster import Cluster
from simlib.kafka.partitioner import StickyPartitioner, keyed_partition, random_partition
from simlib.kafka.producer.client import Lanes, ProducerClient
from simlib.scenario.draws import Stream
from simlib.scenario.settings import ProducerSettings
from simlib.services.producer import encode_key, encode_value
from simlib.units import millis, nanoseconds
from simlib.world.network import Network
from simlib.world.process import Process


class InputsProducer(Process):
    """Lays all rows into their lanes at once; the senders wait for each row's time."""

    def __init__(self, inputs: Mapping[str, Any], client: str, settings: ProducerSettings, cluster: Cluster,
                 network: Network, lanes: Lanes, seed: int, *identity: Any) -> None:
        super().__init__(*identity)
        self.rows = sorted(_rows(inputs), key=lambda row: row[0])
        self.client_name = client
        self.settings = settings
        self.cluster = cluster
        self.network = network
        self.lanes = lanes
        self.draws = Stream(seed, self.name, "partition")
        self.sticky: dict[str, StickyPartitioner] = {}

    def on_start(self, now: int) -> None:
        self.client = ProducerClient(self, self.name, self.client_name, self.settings, self.cluster, self.network,
                                     self.lanes)
        self.busy(1)
        self.client.start(lambda: self._lay_out(now))

    def on_kill(self, now: int) -> None:
        for sender in self.client.senders.values():
            sender.lane.forget_after(now, sender.next)
        self.client.died()

    def on_end(self, now: int) -> None:
        for sender in self.client.senders.values():
            sender.lane.forget_after(now, sender.next)
        vars(self.client).clear()

    def shut_down(self, stopped: Any) -> None:
        for sender in self.client.senders.values():
            sender.lane.forget_after(self.clock.now, sender.next)
        stopped()

    def _lay_out(self, began: int) -> None:
        """Rows that were due while the process was down are never sent."""
        now = self.clock.now
        for number, (at, topic, row) in enumerate(self.rows):
            if at >= began:
                self._add(number, at, topic, row)
        for sender in self.client.senders.values():
            sender.pump()
        last = self.rows[-1][0] if self.rows else now
        self.at(max(last, now) + millis(self.settings.linger_ms), self.busy, -1)

    def _add(self, number: int, at: int, topic: str, row: Mapping[str, Any]) -> None:
        text, raw_key = encode_value(row["value"]), encode_key(row.get("key"))
        size = len(text.encode("utf-8")) + len(raw_key or b"")
        tp = self.cluster.tp(topic, self._partition(number, topic, raw_key, row.get("partition"), size))
        code = -1 if row.get("key") is None else self.client.recorder.code("keys", row["key"])
        headers = row.get("headers")
        headers = list(headers.items()) if isinstance(headers, Mapping) else headers
        self.client.sender(tp).lane.add(at, number, code, text, size, headers)

    def _partition(self, number: int, topic: str, key: bytes | None, partition: int | None, size: int) -> int:
        count = len(self.cluster.partitions_of[topic])
        if partition is not None:
            return partition
        if key is not None:
            return keyed_partition(key, count)
        if self.settings.partitioner != "sticky":
            return random_partition(range(count), self.draws.uniform(number))
        sticky = self.sticky.setdefault(topic, StickyPartitioner(self.settings.batch_size))
        chosen = sticky.partition
        if chosen is None:
            chosen = sticky.choose(range(count), self.draws.uniform(number))
        sticky.produced(size)
        return chosen


def _rows(inputs: Mapping[str, Any]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    for topic, rows in inputs.items():
        for row in rows:
            yield nanoseconds(row.get("at", 0)), topic, row
