"""Asking the leaders for records: one fetch in flight to each broker, for every partition with an empty buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from simlib.units import millis

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient
    from simlib.world.exchange import Exchange


class Asking(Protocol):
    """How a consumer asks for records."""

    def fetch(self) -> None:
        """Send every fetch that can be sent now."""


class Fetching:
    """The fetches of one consumer."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer
        settings = consumer.settings
        self.in_flight: dict[int, Exchange] = {}
        self._asked_again: set[int] = set()
        self._limits = (settings.max_partition_fetch_bytes, settings.fetch_min_bytes,
                        millis(settings.fetch_max_wait_ms), consumer.reads_committed)
        self._looking_for_leader = False

    def fetch(self) -> None:
        """Send every fetch that can be sent now."""
        consumer = self.consumer
        wanted: dict[int, list[tuple[int, int, int]]] = {}
        for tp, cursor in consumer.cursors.items():
            if cursor.wants_fetch():
                leader = consumer.metadata.leader(tp)
                if leader is None:
                    self._look_for_leader()
                else:
                    epoch = consumer.metadata.image.partitions[tp].epoch  # type: ignore[union-attr]
                    wanted.setdefault(leader.number, []).append((tp, cursor.fetched, epoch))
        for number, rows in wanted.items():
            if number in self.in_flight:
                self._wait_for_the_parked_one(number)
            else:
                self._send(number, rows)

    def _send(self, number: int, rows: list[tuple[int, int, int]]) -> None:
        consumer = self.consumer
        broker = consumer.cluster.brokers[number]
        for tp, _, _ in rows:
            consumer.cursors[tp].fetching = True
        self.in_flight[number] = consumer.network.request(
            consumer.process, broker, "fetch", (rows, *self._limits),
            lambda answer: self._received(number, rows, answer), lambda reason: self._broken(number, rows))

    def _wait_for_the_parked_one(self, number: int) -> None:
        """The fetch in flight may be parked at the broker: that answers when fetch_max_wait_ms is over, not before."""
        if number not in self._asked_again:
            self._asked_again.add(number)
            exchange = self.in_flight[number]
            broker = self.consumer.cluster.brokers[number]
            broker.at(exchange.sent + self.consumer.network.latency + self._limits[2], broker.answer_empty, exchange)

    def _landed(self, number: int, rows: list[tuple[int, int, int]]) -> None:
        self.in_flight.pop(number, None)
        self._asked_again.discard(number)
        for tp, offset, _ in rows:
            cursor = self.consumer.cursors.get(tp)
            if cursor is not None and cursor.fetched == offset:
                cursor.fetching = False

    def _received(self, number: int, rows: list[tuple[int, int, int]], answer: list[Any]) -> None:
        consumer = self.consumer
        consumer.metadata.fine(consumer.cluster.brokers[number])
        self._landed(number, rows)
        asked = {tp: offset for tp, offset, _ in rows}
        for tp, error, entries, _ in answer:
            cursor = consumer.cursors.get(tp)
            if cursor is None or cursor.fetched != asked[tp]:
                continue  # given up or moved meanwhile
            if error:
                self._refused(tp, error)
            else:
                cursor.received(entries)
                consumer.drain_order[tp] = None
        if not consumer.deliver():  # else that has asked for more already
            self.fetch()

    def _refused(self, tp: int, error: str) -> None:
        consumer = self.consumer
        if error == "OFFSET_OUT_OF_RANGE":
            consumer.starting.out_of_range(tp)
        else:
            consumer.cursors[tp].fetching = True  # not again before the leader is known
            self._look_for_leader()

    def _broken(self, number: int, rows: list[tuple[int, int, int]]) -> None:
        consumer = self.consumer
        consumer.metadata.broken(consumer.cluster.brokers[number])
        self._landed(number, rows)
        for tp, _, _ in rows:
            if tp in consumer.cursors:
                consumer.cursors[tp].fetching = True
        self._look_for_leader()

    def _look_for_leader(self) -> None:
        if not self._looking_for_leader:
            self._looking_for_leader = True
            self.consumer.metadata.retry(self._leader_may_be_known)

    def _leader_may_be_known(self) -> None:
        self._looking_for_leader = False
        in_flight = {tp for exchange in self.in_flight.values() for tp, _, _ in exchange.payload[0]}
        for tp, cursor in self.consumer.cursors.items():
            if tp not in in_flight:
                cursor.fetching = False
        self.fetch()
