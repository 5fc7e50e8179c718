"""A broker: gives time and a network to the state machines of the partitions it holds.

A produce request is appended and answered when its `acks` are met; fetches are parked until there is something to
send. Partition 0 of the run's table is the internal topic in which consumer groups keep their state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka import timestamps
from simlib.kafka.cluster import Cluster, Image
from simlib.kafka.consumer_fetches import ConsumerFetches
from simlib.kafka.controller_link import ControllerLink
from simlib.kafka.coordination import Coordination
from simlib.kafka.follower_sessions import NOT_LEADER, FollowerSessions
from simlib.kafka.housekeeping import Housekeeping
from simlib.kafka.in_sync import InSync
from simlib.kafka.log import Entry
from simlib.kafka.partition_leader import PartitionLeader, PartitionState
from simlib.kafka.replica import Led, Replica
from simlib.kafka.replica_fetcher import ReplicaFetchers
from simlib.kafka.safe_followers import SafeFollowers
from simlib.units import millis
from simlib.world.exchange import Exchange
from simlib.world.network import Network
from simlib.world.process import Process

OFFSETS = 0
"""The partition in which groups keep their state."""


class Broker(Process):
    """`broker-<number>`."""

    def __init__(self, number: int, cluster: Cluster, network: Network, *identity: Any) -> None:
        super().__init__(*identity)
        self.number = number
        self.cluster = cluster
        self.network = network
        self.recorder = network.recorder
        self.settings = cluster.settings
        self.replicas: dict[int, Replica] = {}
        self.fetchers = ReplicaFetchers(self)
        self.coordination = Coordination(self)
        self.controller = ControllerLink(self)
        self.in_sync = InSync(self)
        self.housekeeping = Housekeeping(self)
        self.forget()

    def forget(self) -> None:
        """What is only in memory."""
        self.image = Image(-1, {}, frozenset())
        self.leads: dict[int, Led] = {}
        self.followers = SafeFollowers(self) if self.cluster.is_safe else FollowerSessions(self)
        self.consumers = ConsumerFetches(self)
        self._handlers: dict[str, Callable[[Exchange], None]] = {
            "produce": self.on_produce, "fetch": self.consumers.fetch, "replica_fetch": self.followers.fetch,
            "metadata": self.on_metadata, "find_coordinator": self.on_metadata,
            "list_offsets": self.consumers.list_offsets}

    # -- life

    def on_start(self, now: int) -> None:
        self.forget()
        self.fetchers.forget()
        self.coordination.forget()
        self.controller.begin()
        self.in_sync.watch()
        self.housekeeping.begin()

    def on_kill(self, now: int) -> None:
        self.leads.clear()

    def shut_down(self, stopped: Callable[[], None]) -> None:
        self.controller.shut_down(stopped)

    def lose_unflushed(self, flushed_before: int) -> None:
        """The host lost power: what the operating system had not written to disk is gone (K59)."""
        for replica in self.replicas.values():
            kept = next((entry.base for entry in replica.log.entries if entry.time >= flushed_before), None)
            if kept is not None:
                replica.log.truncate(kept)
                replica.high_watermark = min(replica.high_watermark, kept)
                self.recorder.truncation((self.clock.now, self.code, replica.tp, kept))

    # -- what the controller decided

    def apply(self, image: Image) -> None:
        """Learn a newer picture of the cluster; start leading, following or neither."""
        if image.version <= self.image.version or not self.controller.registered:
            return
        old, self.image = self.image, image
        for tp, state in image.partitions.items():
            if state is not old.partitions.get(tp) and self.number in state.replicas:
                self._become(tp, state)
        for led in self.leads.values():
            led.leader.eligible = image.alive
            self._advance(led)  # a replica that was fenced no longer holds the high watermark back (K47)
            self.in_sync.let_all_join(led)
        self.fetchers.follow(image)

    def _become(self, tp: int, state: PartitionState) -> None:
        replica = self.replicas.setdefault(tp, Replica(tp))
        led = self.leads.get(tp)
        if state.leader == self.number and led is not None and led.leader.epoch == state.epoch:
            led.leader.accept(state)
            self._advance(led)
            return
        if led is not None:
            self._stop_leading(led)
        if state.leader == self.number:
            self._lead(replica, state)

    def _lead(self, replica: Replica, state: PartitionState) -> None:
        min_isr = self.cluster.topic_settings(replica.tp).min_insync_replicas
        leader = PartitionLeader(replica.log, self.number, state, replica.high_watermark, min_isr,
                                 millis(self.settings.replica_lag_time_max_ms), self.clock.now)
        led = self.leads[replica.tp] = Led(replica, leader)
        if replica.tp == OFFSETS:
            self.coordination.take_over(led)
        if leader.high_watermark > replica.high_watermark:
            self.high_watermark_moved(led)

    def _stop_leading(self, led: Led) -> None:
        """Requests that wait here are told to look for the new leader."""
        del self.leads[led.tp]
        if led.tp == OFFSETS:
            self.coordination.give_up()
        for _, waiting, _ in led.waiting:
            waiting.reply((NOT_LEADER, -1))
        self.consumers.look_again(led)
        self.followers.stopped_leading(led)

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        handler = self._handlers.get(exchange.kind)
        if handler is None:
            self.coordination.handle(exchange)
        else:
            handler(exchange)

    def on_metadata(self, exchange: Exchange) -> None:
        exchange.reply(self.image)

    def answer_empty(self, exchange: Exchange) -> None:
        """fetch.max.wait.ms of a consumer's fetch is over."""
        self.consumers.answer_empty(exchange)

    def client_gone(self, exchange: Exchange) -> None:
        if exchange.kind == "replica_fetch":
            self.followers.gone(exchange.payload[0])
        elif exchange.kind == "fetch":
            self.consumers.forget(exchange)

    def peer_silent(self, peer: Process, silent: bool) -> None:
        if isinstance(peer, Broker):
            self.followers.silent(peer.number, silent)

    # -- writing

    def on_produce(self, exchange: Exchange) -> None:
        tp, batch, acks = exchange.payload
        led, settings = self.leads.get(tp), self.cluster.topic_settings(tp)
        if led is None:
            exchange.reply((NOT_LEADER, -1))
        elif batch.size > settings.max_message_bytes:
            exchange.reply(("MESSAGE_TOO_LARGE", -1))
        elif batch.lane.stamps and timestamps.refused(batch, batch.lane, settings, self.clock.now):
            exchange.reply(("INVALID_TIMESTAMP", -1))
        else:
            self.write(led, batch, acks, exchange)

    def write(self, led: Led, batch: Any, acks: int, answer: Any) -> None:
        """Append `batch`; `answer.reply((error, offset))` follows when as many replicas have it as `acks` wants."""
        error, base, entry = led.leader.append(self.clock.now, batch, acks == -1)
        if entry is None and error != "DUPLICATE":
            answer.reply((error, base))
            return
        if entry is not None:
            self._note_append(entry)
        if acks == -1 and base + batch.count > led.leader.high_watermark:
            led.wait_for(base + batch.count, answer, base)
        elif acks != 0:
            answer.reply(("", base))
        if entry is not None:
            if led.leader.high_watermark > led.replica.high_watermark:
                self.high_watermark_moved(led)
            self.followers.appended(led)

    def _note_append(self, entry: Entry) -> None:
        batch = entry.batch
        if batch.lane is not None:
            batch.appended = entry.time
            self.recorder.append((entry.time, batch.lane.code, batch.start, batch.count, entry.base, entry.epoch,
                                  self.code))
            self.recorder.mark(entry.time)

    def _advance(self, led: Led) -> None:
        if led.leader.advance(self.clock.now):
            self.high_watermark_moved(led)

    def high_watermark_moved(self, led: Led) -> None:
        """More is committed: producers get their acks, consumers their records, followers the news."""
        high_watermark = led.leader.high_watermark
        if led.tp != OFFSETS and not self._is_overtaken(led):
            self.recorder.watermark((self.clock.now, led.tp, high_watermark))
        led.replica.high_watermark = high_watermark
        led.answer_up_to(high_watermark)
        if led.consumers:
            self.consumers.look_again(led)
        self.followers.high_watermark_moved(led)

    def _is_overtaken(self, led: Led) -> bool:
        """A leader that has not heard of its successor yet, and whose high watermark the successor has passed."""
        state = self.cluster.controllers[0].metadata.state.partitions[led.tp]
        if state.epoch == led.leader.epoch or state.leader < 0:
            return False
        return self.cluster.brokers[state.leader].replicas[led.tp].high_watermark >= led.leader.high_watermark
