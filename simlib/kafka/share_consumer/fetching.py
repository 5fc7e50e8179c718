"""Taking records from the leaders: one fetch in flight to each, and none while there are records to hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simlib.kafka.shares.messages import ShareFetch, ShareRow
from simlib.units import millis

if TYPE_CHECKING:
    from simlib.kafka.share_consumer.client import ShareConsumerClient
    from simlib.world.exchange import Exchange


class ShareFetching:
    """The fetches of one share consumer."""

    def __init__(self, consumer: ShareConsumerClient) -> None:
        self.consumer = consumer
        self.in_flight: dict[int, Exchange] = {}
        self.met: dict[int, None] = {}
        """Brokers that may hold records for us."""
        self._wait = millis(consumer.settings.fetch_max_wait_ms)
        self._broken: dict[int, None] = {}
        self._unsure: dict[int, None] = {}
        self._hurried: dict[int, None] = {}
        self._is_looking = False

    def fetch(self) -> None:
        """Send every fetch that can be sent now."""
        consumer = self.consumer
        wanted: dict[int, list[int]] = {}
        for tp in consumer.assignment:
            leader = None if tp in self._unsure else consumer.metadata.leader(tp)
            if leader is None:
                self._look_for_leader(tp)
            else:
                wanted.setdefault(leader.number, []).append(tp)
        for number, tps in wanted.items():
            if number not in self.in_flight:
                self._send(number, tuple(tps))
            elif self.in_flight[number].payload.tps != tuple(tps):
                self._hurry(number)

    def _send(self, number: int, tps: tuple[int, ...]) -> None:
        consumer = self.consumer
        request = ShareFetch(consumer.group, consumer.membership.member_id, tps, consumer.settings.max_poll_records,
                             number in self._broken)
        self._broken.pop(number, None)
        self.met[number] = None
        self.in_flight[number] = consumer.network.request(
            consumer.process, consumer.cluster.brokers[number], "share_fetch", request,
            lambda rows: self._received(number, rows), lambda reason: self._lost(number))

    def hurry_all(self) -> None:
        """Nobody polls any more: what is parked elsewhere ends when fetch_max_wait_ms is over."""
        for number in self.in_flight:
            self._hurry(number)

    def _hurry(self, number: int) -> None:
        if number not in self._hurried:
            self._hurried[number] = None
            exchange = self.in_flight[number]
            broker = self.consumer.cluster.brokers[number]
            broker.at(exchange.sent + self.consumer.network.latency + self._wait, broker.shares.answer_empty, exchange)

    def _landed(self, number: int) -> None:
        self.in_flight.pop(number, None)
        self._hurried.pop(number, None)

    def _received(self, number: int, rows: list[ShareRow]) -> None:
        consumer = self.consumer
        consumer.metadata.fine(consumer.cluster.brokers[number])
        self._landed(number)
        for row in rows:
            if row.error:
                self._look_for_leader(row.tp)
        consumer.received(number, rows)
        consumer.deliver()

    def _lost(self, number: int) -> None:
        """The connection broke: with the next one the broker gives back what it thinks we have."""
        consumer = self.consumer
        consumer.metadata.broken(consumer.cluster.brokers[number])
        exchange = self.in_flight[number]
        self._landed(number)
        self._broken[number] = None
        for tp in exchange.payload.tps:
            self._look_for_leader(tp)

    def _look_for_leader(self, tp: int) -> None:
        self._unsure[tp] = None
        if not self._is_looking:
            self._is_looking = True
            self.consumer.metadata.retry(self._leaders_may_be_known)

    def _leaders_may_be_known(self) -> None:
        self._is_looking = False
        self._unsure.clear()
        self.consumer.deliver()
