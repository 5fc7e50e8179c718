"""A broker: gives time and a network to the state machines of the partitions it holds.

A produce request is appended and answered when its `acks` are met; fetches are parked until there is something to
send. Partition 0 of the run's table is the internal topic in which consumer groups keep their state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka import timestamps
from simlib.kafka.cluster import OFFSETS, Cluster, Image
from simlib.kafka.consumer_fetches import ConsumerFetches
from simlib.kafka.controller_link import ControllerLink
from simlib.kafka.coordination import Coordination
from simlib.kafka.follower_sessions import FollowerSessions
from simlib.kafka.groups.messages import OffsetCommitResponse
from simlib.kafka.housekeeping import Housekeeping
from simlib.kafka.in_sync import InSync
from simlib.kafka.leading import Leading
from simlib.kafka.log import Entry
from simlib.kafka.log_cleaner import LogCleaner
from simlib.kafka.partition_leader import NOT_LEADER
from simlib.kafka.replica import Led, Replica
from simlib.kafka.replica_fetcher import Following, ReplicaFetchers
from simlib.kafka.safe_followers import SafeFollowers
from simlib.kafka.shares.serving import ShareServing
from simlib.kafka.transaction_log import TransactionLog
from simlib.kafka.transactional_writes import TransactionalWrites
from simlib.world.exchange import Exchange
from simlib.world.network import Network
from simlib.world.process import Process


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
        self.fetchers: Following = ReplicaFetchers(self)
        self.coordination = Coordination(self)
        self.transaction_log = TransactionLog(self)
        self.transactional = TransactionalWrites(self)
        self.controller = ControllerLink(self)
        self.leading = Leading(self)
        self.in_sync = InSync(self)
        self.housekeeping = Housekeeping(self)
        self.cleaner = LogCleaner(self)
        self.shares = ShareServing(self)
        self.handled: Exchange | None = None
        """The last request that came, and when."""
        self.handled_at = 0
        self.forget()

    def forget(self) -> None:
        """What is only in memory."""
        self.image = Image(-1, {}, frozenset())
        self.leads: dict[int, Led] = {}
        self.followers = self.new_followers()
        self.consumers = self.new_consumers()
        self._handlers: dict[str, Callable[[Exchange], None]] = {
            "produce": self.on_produce, "fetch": self.consumers.fetch, "replica_fetch": self.followers.fetch,
            "metadata": self.on_metadata, "find_coordinator": self.on_find_coordinator,
            "list_offsets": self.consumers.list_offsets, "txn_offset_commit": self.on_txn_offset_commit,
            "write_txn_markers": self.transactional.write_marker, "init_producer_id": self.transaction_log.handle,
            "add_partitions_to_txn": self.transaction_log.handle, "add_offsets_to_txn": self.transaction_log.handle,
            "end_txn": self.transaction_log.handle,
            "share_fetch": self.shares.fetch, "share_acknowledge": self.shares.acknowledge,
            "read_share_group_state": self.coordination.handle_share_state,
            "write_share_group_state": self.coordination.handle_share_state}

    def new_followers(self) -> FollowerSessions:
        """Nobody has fetched yet."""
        return SafeFollowers(self) if self.cluster.has_safe_followers else FollowerSessions(self)

    def new_consumers(self) -> ConsumerFetches:
        return ConsumerFetches(self)

    # -- life

    def on_start(self, now: int) -> None:
        if self.incarnation > 0:  # a first life has nothing to forget
            self._forget_all()
        self.controller.begin()
        self.in_sync.watch()
        self.housekeeping.begin(now)

    def _forget_all(self) -> None:
        self.forget()
        self.shares.forget()
        self.fetchers.forget()
        self.coordination.forget()
        self.transaction_log.forget()
        self.transactional.forget()

    def on_kill(self, now: int) -> None:
        for led in self.leads.values():
            self.note_end(led, self.number, led.leader.log.end)
        self.leads.clear()

    def shut_down(self, stopped: Callable[[], None]) -> None:
        self.controller.shut_down(stopped)

    def lose_unflushed(self, flushed_before: int) -> None:
        """The host lost power: what the operating system had not written to disk is gone (K59)."""
        for replica in self.replicas.values():
            log = replica.log
            kept = next((place for place, entry in enumerate(log.entries) if entry.time >= flushed_before), None)
            if kept is not None:
                self.discard(replica, log.entries[kept - 1].end if kept else log.start)

    def discard(self, replica: Replica, to: int) -> None:
        """Everything from offset `to` on leaves this replica."""
        log = replica.log
        if log.transactions is not None:
            self.recorder.taken_back(replica.tp, [entry for entry in log.entries if entry.end > to], log.is_aborted)
        log.truncate(to)
        replica.high_watermark = min(replica.high_watermark, log.end)
        self.recorder.truncation((self.clock.now, self.code, replica.tp, log.end))

    # -- what the controller decided

    def apply(self, image: Image) -> None:
        """Learn a newer picture of the cluster; start leading, following or neither."""
        if image.version <= self.image.version or not self.controller.registered:
            return
        old, self.image = self.image, image
        for tp, state in image.partitions.items():
            if state is not old.partitions.get(tp) and self.number in state.replicas:
                self.leading.become(tp, state)
        for led in self.leads.values():
            led.leader.eligible = image.alive
            self.advance(led)  # a replica that was fenced no longer holds the high watermark back (K47)
            self.in_sync.let_all_join(led)
        self.fetchers.follow(image)

    def settled(self) -> bool:
        """Nothing is going on in the groups and the transactions kept here, and nothing will by itself."""
        return self.shares.settled() and self.coordination.settled() and self.transaction_log.settled()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has, as far as this broker knows."""
        return sum([tp in self.image.partitions for tp in self.cluster.partitions_of.get(topic, ())])

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        self.handled, self.handled_at = exchange, self.clock.now
        handler = self._handlers.get(exchange.kind)
        if handler is None:
            self.coordination.handle(exchange)
        else:
            handler(exchange)

    def on_metadata(self, exchange: Exchange) -> None:
        exchange.reply(self.image)

    def on_find_coordinator(self, exchange: Exchange) -> None:
        """Who keeps transactions? The first who asks makes the transaction log come into being."""
        if self.cluster.transaction_log is None:
            self.controller.ask("create_transaction_log", None, lambda answer: exchange.reply(self.image),
                                lambda reason: exchange.reply(self.image))
        else:
            exchange.reply(self.image)

    def on_txn_offset_commit(self, exchange: Exchange) -> None:
        led = self.leads.get(OFFSETS)
        if led is None:
            exchange.reply(OffsetCommitResponse("NOT_COORDINATOR"))
        else:
            self.transactional.offsets(led, exchange, self.coordination.handle)

    def answer_empty(self, exchange: Exchange) -> None:
        """fetch.max.wait.ms of a consumer's fetch is over."""
        self.consumers.answer_empty(exchange)

    def client_gone(self, exchange: Exchange) -> None:
        if exchange.kind == "replica_fetch":
            self.followers.gone(exchange.payload[0])
        elif exchange.kind == "fetch":
            self.consumers.forget(exchange)
        elif exchange.kind == "share_fetch":
            self.shares.drop(exchange)

    def connection_closed(self, source: Process) -> None:
        self.shares.connection_closed(source)

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
        elif settings.compacts and batch.lane.has_null_key(batch.start, batch.count):
            exchange.reply(("INVALID_RECORD", -1))  # nothing could ever take its place (K68)
        elif batch.is_transactional:
            self.transactional.produce(led, batch, acks, exchange)
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

    def note_end(self, led: Led, replica: int, end: int) -> None:
        """Where a replica stands that is, or may be, out of step: as far as its leader knows."""
        if not led.is_internal:
            self.recorder.replica_end((self.clock.now, led.tp, self.cluster.brokers[replica].code, end))

    def advance(self, led: Led) -> None:
        if led.leader.advance(self.clock.now):
            self.high_watermark_moved(led)

    def high_watermark_moved(self, led: Led) -> None:
        """More is committed: producers get their acks, consumers their records, followers the news."""
        high_watermark = led.leader.high_watermark
        if not led.is_internal and not self._is_overtaken(led):
            self.recorder.watermark((self.clock.now, led.tp, high_watermark))
            if led.leader.log.transactions is not None:
                self.recorder.stable((self.clock.now, led.tp, led.leader.log.last_stable_offset(high_watermark)))
        led.replica.high_watermark = high_watermark
        led.answer_up_to(high_watermark)
        if led.consumers:
            self.consumers.look_again(led)
        if led.shares:
            self.shares.more(led)
        self.followers.high_watermark_moved(led)

    def _is_overtaken(self, led: Led) -> bool:
        """A leader that has not heard of its successor yet, and whose high watermark the successor has passed."""
        state = self.cluster.controllers[0].metadata.state.partitions[led.tp]
        if state.epoch == led.leader.epoch or state.leader < 0:
            return False
        return self.cluster.brokers[state.leader].replicas[led.tp].high_watermark >= led.leader.high_watermark
