"""A producer client: one sender for each partition it writes to, one producer id for its life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka.client import Metadata
from simlib.kafka.cluster import Cluster
from simlib.kafka.lane import Batch, Lane
from simlib.kafka.producer.sender import Sender
from simlib.kafka.producer.transactions import Transactions
from simlib.trace.recorder import LOST_WITH_PRODUCER, Recorder
from simlib.units import millis
from simlib.world.network import Network
from simlib.world.process import Process

OnResult = Callable[[Lane, Batch, int, str, int], None]


class ProducerClient:
    """Lives in a process and dies with it: what it had not sent is lost, what was on the wire arrives (K19)."""

    def __init__(self, process: Process, name: str, client: str, settings: Any, cluster: Cluster, network: Network,
                 lanes: Lanes, value_bytes: int | None = None, on_result: OnResult | None = None,
                 number: int = 0) -> None:
        self.process = process
        self.name = name
        self.client = client
        self.settings = settings
        self.cluster = cluster
        self.network = network
        self.recorder: Recorder = network.recorder
        self.lanes = lanes
        self.value_bytes = value_bytes
        self.on_result = on_result
        self.number = number
        """Which producer of its process this is."""
        self.acks = {"all": -1, -1: -1}.get(settings.acks, settings.acks)
        self.request_timeout = millis(settings.request_timeout_ms)
        self.pid = lanes.new_producer_id()
        self.metadata = Metadata(process, cluster, network, settings)
        self.senders: dict[int, Sender] = {}
        self.ready = False
        self.transactions = None if settings.transactional_id is None else Transactions(self)

    def start(self, then: Callable[[], None]) -> None:
        """Learn who leads what; `then()` afterwards."""
        self.metadata.refresh(then)

    def sender(self, tp: int) -> Sender:
        if tp not in self.senders:
            lane = self.lanes.get(self.name, tp, self.value_bytes, self.number)
            self.senders[tp] = Sender(self, lane) if self.transactions is None else self.transactions.sender(lane)
        return self.senders[tp]

    def retry_backoff(self, attempts: int) -> int:
        """retry_backoff_ms, doubling up to retry_backoff_max_ms where the client has that setting (KIP-580)."""
        pause = self.settings.retry_backoff_ms
        most = self.settings.retry_backoff_max_ms
        return millis(pause if most is None else min(pause * 2 ** (attempts - 1), most))

    def buffered(self) -> int:
        """Bytes of records that were created and are not answered yet (buffer_memory)."""
        now = self.process.clock.now
        size = 0
        for sender in self.senders.values():
            size += sum(batch.size for batch in (*sender.in_flight, *sender.retries))
            lane, i = sender.lane, sender.next
            while i < len(lane.created) and lane.created[i] <= now:
                size += lane.size(i, 1)
                i += 1
        return size

    def died(self) -> None:
        """The process was killed: note which records die with it, unanswered."""
        now = self.process.clock.now
        for sender in self.senders.values():
            for batch in sorted([*sender.in_flight, *sender.retries], key=lambda one: one.start):
                self._note_lost(sender.lane, batch.start, batch.count, now)
            if sender.next < len(sender.lane.number):
                self._note_lost(sender.lane, sender.next, len(sender.lane.number) - sender.next, now)

    def _note_lost(self, lane: Lane, start: int, count: int, now: int) -> None:
        self.recorder.ack((now, lane.code, start, count, LOST_WITH_PRODUCER, -1, -1))


class Lanes:
    """All lanes of a run; a lane outlives the incarnations of its producer."""

    def __init__(self, cluster: Cluster, recorder: Recorder) -> None:
        self.cluster = cluster
        self.recorder = recorder
        self._lanes: dict[tuple[str, int, int], Lane] = {}
        self._numbers: dict[str, int] = {}
        self._producer_ids = 0

    def new_producer_id(self) -> int:
        self._producer_ids += 1
        return self._producer_ids

    def get(self, producer: str, tp: int, value_bytes: int | None, number: int = 0) -> Lane:
        """The lane to a partition; several producers of one process (`number`) have one each."""
        if (producer, number, tp) not in self._lanes:
            topic, partition = self.cluster.tps[tp]
            lane = Lane(len(self._lanes), producer, tp, topic, partition, value_bytes)
            self._lanes[producer, number, tp] = lane
            actor = self.cluster.process(producer).code
            self.recorder.names["lanes"].append((actor, self.recorder.code("topics", topic), partition))
            self.recorder.lanes.append(lane)
        return self._lanes[producer, number, tp]

    def next_number(self, producer: str) -> int:
        """The number of the next message of this producer, counted over all its lives."""
        number = self._numbers.get(producer, 0)
        self._numbers[producer] = number + 1
        return number
