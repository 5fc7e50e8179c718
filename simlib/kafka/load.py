"""A declared producer: records come at a rate, whatever the brokers do. Laid out ahead in blocks of columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from simlib.kafka.cluster import Cluster
from simlib.kafka.load_transactions import LoadTransactions
from simlib.kafka.partitioner import StickyPartitioner, crc32_partition, keyed_partition
from simlib.kafka.producer.client import Lanes, ProducerClient
from simlib.kafka.producer.sender import Sender
from simlib.scenario.draws import Stream
from simlib.scenario.loads import arrival_blocks, arrivals_before, key_codes, key_names
from simlib.scenario.settings import ProducerSettings
from simlib.scenario.topology import Producer
from simlib.units import SECOND, millis, nanoseconds
from simlib.world.network import Network
from simlib.world.process import Process

AHEAD = 2 * SECOND
"""How far ahead records are laid out. A change of the number of partitions waits for the end of what is laid out."""


class LoadProducer(Process):
    """The process of one `Producer`."""

    def __init__(self, producer: Producer, client: str, settings: ProducerSettings, cluster: Cluster, network: Network,
                 lanes: Lanes, seed: int, until: float, *identity: Any) -> None:
        super().__init__(*identity)
        self.producer = producer
        self.client_name = client
        self.settings = settings
        self.cluster = cluster
        self.network = network
        self.recorder = network.recorder
        self.lanes = lanes
        self.until = until
        self.arrivals = Stream(seed, producer.name, "arrival")
        self.draws = {role: Stream(seed, producer.name, role) for role in ("key", "partition")}
        self.keys = key_names(producer.keys)
        self.key_bytes = [key.encode("utf-8") if isinstance(key, str) else key for key in self.keys]
        self.key_codes = network.recorder.key_codes(self.keys)
        self.blocks: Iterator[np.ndarray] | None = None
        self.number = 0
        self.plan = 0
        self.producing = False
        self._rest = np.empty(0, np.int64)
        self._table: tuple[int, np.ndarray] = (0, np.empty(0, np.int64))

    # -- life

    def on_start(self, now: int) -> None:
        self.began = now
        self.client = ProducerClient(self, self.name, self.client_name, self.settings, self.cluster, self.network,
                                     self.lanes, self.producer.value_bytes)
        self.transactions = None if self.client.transactions is None else LoadTransactions(
            self, self.client.transactions, nanoseconds(self.producer.transaction_duration))
        self.sticky = StickyPartitioner(self.settings.batch_size)
        if self.blocks is None:
            self.blocks = arrival_blocks(self.producer, self.arrivals, self.until)
        self.producing = False
        self._produce(True)
        self.client.start(self._begin)

    def _begin(self) -> None:
        if self.transactions is not None:
            self.transactions.start()
        self._lay_out(self.plan)

    def give_up(self, error: str) -> None:
        """Another producer took this one's place, or the brokers refuse it: its process ends."""
        self.recorder.event("exception", self, detail=error)
        self.kill()
        self.network.process_killed(self)

    def on_kill(self, now: int) -> None:
        """Records that were laid out for later are never created (nor one due now: a fault comes first)."""
        for sender in self.client.senders.values():
            sender.lane.forget_after(now - 1, sender.next)
        self.client.died()

    def on_end(self, now: int) -> None:
        for sender in self.client.senders.values():
            sender.lane.forget_after(now, sender.next)

    def shut_down(self, stopped: Any) -> None:
        """close(): no new records; what is buffered is sent first."""
        self._rest, self.blocks = np.empty(0, np.int64), iter(())
        self.plan += 1
        self._produce(False)
        now = self.clock.now
        for sender in self.client.senders.values():
            sender.lane.forget_after(now, sender.next)
        self._drain(stopped)

    def _drain(self, stopped: Any) -> None:
        if any(s.in_flight or s.retries or s.next < len(s.lane.number) for s in self.client.senders.values()):
            self.after(millis(1), self._drain, stopped)
        elif self.transactions is not None and not self.transactions.is_over():
            self.after(millis(1), self._drain, stopped)
        else:
            stopped()

    def change(self, producer: Producer) -> None:
        """The declared load changes (rate, keys): from now on, record numbers go on."""
        self.producer = producer
        if self.incarnation < 0:
            return  # it has not begun
        now = self.clock.now
        for sender in self.client.senders.values():
            sender.lane.forget_after(now - 1, sender.next)
        self.number = max([int(s.lane.number[-1]) + 1 for s in self.client.senders.values() if len(s.lane.number)],
                          default=0)
        self._rest = np.empty(0, np.int64)
        self.blocks = arrival_blocks(producer, self.arrivals, self.until, now / SECOND, self.number)
        self.plan += 1
        if self.alive:
            self._produce(True)
            self._lay_out(self.plan)

    # -- laying out records

    def _lay_out(self, plan: int) -> None:
        """Put the records of the next two seconds into their lanes."""
        if plan != self.plan:
            return  # the load has changed since this was planned
        now = self.clock.now
        assert self.blocks is not None
        created, self._rest = arrivals_before(max(now, 0) + AHEAD, self._rest, self.blocks)
        if len(created):
            first = self.number
            self.number += len(created)
            alive = created >= self.began  # records due while the process was down are never created
            self._fill(created[alive], np.arange(first, self.number)[alive])
        if len(self._rest):
            self.at(int(self._rest[0]) - 1, self._lay_out, plan)
        else:
            last = int(created[-1]) if len(created) else now
            self.at(last + millis(self.settings.linger_ms), self._ran_dry, plan)

    def _ran_dry(self, plan: int) -> None:
        """The last record has been created and has lingered: the run need not wait for this producer any more."""
        if plan == self.plan:
            self._produce(False)

    def _produce(self, producing: bool) -> None:
        """While more records are to come, the run is not quiet."""
        self.busy(int(producing) - int(self.producing))
        self.producing = producing

    def _fill(self, created: np.ndarray, number: np.ndarray) -> None:
        tps = self.client.cluster.partitions_of[self.producer.topic]
        count = self.client.metadata.partitions.get(self.producer.topic, len(tps))
        if not len(number):
            return
        keys = key_codes(self.producer, self.draws["key"], int(number[0]), int(number[-1] - number[0]) + 1)
        keys = keys[number - number[0]]
        partition = self._keyed(keys, count) if self.keys else self._unkeyed(created, number, count)
        for p in range(count):
            mine = np.flatnonzero(partition == p)
            if len(mine):
                sender = self.client.sender(tps[p])
                codes = self.key_codes[keys[mine]] if self.keys else keys[mine]
                sender.lane.extend(created[mine], number[mine], codes)
                self._wake(sender)

    def _wake(self, sender: Sender) -> None:
        if sender.next < len(sender.lane.created):
            sender.pump()

    def _keyed(self, keys: np.ndarray, count: int) -> np.ndarray:
        """K39, by a table."""
        if self._table[0] != count:
            self._table = (count, np.array([self._partition(key, count) for key in self.key_bytes]))
        return self._table[1][keys]

    def _partition(self, key: bytes, count: int) -> int:
        if self.settings.partitioner == "consistent_random":
            return crc32_partition(key, count, self.draws["partition"].uniform(0))
        return keyed_partition(key, count)

    def _unkeyed(self, created: np.ndarray, number: np.ndarray, count: int) -> np.ndarray:
        """Null keys: random for kafka-python (K44a), sticky for Java (K42, K43)."""
        uniforms = self.draws["partition"].block(int(number[0]), int(number[-1] - number[0]) + 1)[number - number[0]]
        if self.settings.partitioner != "sticky":
            return np.asarray(uniforms * count).astype(np.int64)
        return self._sticky(uniforms, count)

    def _sticky(self, uniforms: np.ndarray, count: int) -> np.ndarray:
        """Load is looked at when a block is laid out, not record by record (simplified)."""
        available = list(range(count))
        adaptive = self.settings.partitioner_adaptive_partitioning_enable
        queues = [self._queue(p) for p in available] if adaptive else None
        partition = np.empty(len(uniforms), np.int64)
        for i, uniform in enumerate(uniforms.tolist()):
            chosen = self.sticky.partition
            partition[i] = self.sticky.choose(available, uniform, queues) if chosen is None else chosen
            self.sticky.produced(self.producer.value_bytes)
        return partition

    def _queue(self, partition: int) -> int:
        sender = self.client.senders.get(self.cluster.tp(self.producer.topic, partition))
        return 0 if sender is None else len(sender.in_flight) + len(sender.retries)
