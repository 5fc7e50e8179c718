"""A broker: gives time and a network to the state machines of the partitions it holds.

A produce request is appended and answered when its `acks` are met; fetches are parked until there is something to
send. Partition 0 of the run's table is the internal topic in which consumer groups keep their state.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from simlib.kafka.cluster import Cluster, Image
from simlib.kafka.coordination import Coordination
from simlib.kafka.log import Entry, Log
from simlib.kafka.partition_leader import PartitionLeader, PartitionState
from simlib.kafka.replica_fetcher import ReplicaFetchers
from simlib.units import SECOND, millis
from simlib.world.network import Exchange, Network
from simlib.world.process import Process

OFFSETS = 0
"""The partition in which groups keep their state."""

NOT_LEADER = "NOT_LEADER_OR_FOLLOWER"
FETCH_MAX_BYTES = 50 * 1024 * 1024


class Replica:
    """What a broker keeps on disk of one partition."""

    __slots__ = ("high_watermark", "log", "tp")

    def __init__(self, tp: int) -> None:
        self.tp = tp
        self.log = Log()
        self.high_watermark = 0


class Led:
    """A partition this broker leads: the state machine, and the requests that wait for it."""

    __slots__ = ("consumers", "leader", "replica", "sessions", "tp", "waiting")

    def __init__(self, replica: Replica, leader: PartitionLeader) -> None:
        self.replica = replica
        self.tp = replica.tp
        self.leader = leader
        self.waiting: deque[tuple[int, Any, int]] = deque()
        self.consumers: dict[Exchange, None] = {}
        self.sessions: dict[int, Session] = {}


class Session:
    """One follower's standing fetch at this leader (KIP-227): offsets by partition, and what is new since."""

    __slots__ = ("news", "offsets", "parked", "sent_high_watermark")

    def __init__(self) -> None:
        self.offsets: dict[int, int] = {}
        self.sent_high_watermark: dict[int, int] = {}
        self.news: dict[int, None] = {}
        self.parked: Exchange | None = None


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
        self.forget()

    def forget(self) -> None:
        """What is only in memory."""
        self.image = Image(-1, {}, frozenset())
        self.leads: dict[int, Led] = {}
        self.sessions: dict[int, Session] = {}
        self.registered = False
        self._attempts = 0

    # -- life

    def on_start(self, now: int) -> None:
        self.forget()
        self.fetchers.forget()
        self.coordination.forget()
        self.register()
        self.after(millis(self.settings.replica_lag_time_max_ms / 2), self.check_in_sync)

    def on_kill(self, now: int) -> None:
        self.leads.clear()

    def register(self) -> None:
        self.network.request(self, self.cluster.active_controller(), "broker_register", self.number, self._registered,
                             lambda reason: self.after(millis(self.settings.broker_heartbeat_interval_ms), self.register),
                             self.give_up_after)

    def _registered(self, answer: tuple[str, Image | None]) -> None:
        error, image = answer
        if error:  # the session of the former life has not expired yet
            self._attempts += 1
            pause = min(100 * 2 ** self._attempts, self.settings.broker_session_timeout_ms)
            self.after(millis(pause), self.register)
            return
        self.registered = True
        assert image is not None
        self.apply(image)
        self.heartbeat()

    def heartbeat(self) -> None:
        interval = millis(self.settings.broker_heartbeat_interval_ms)
        self.network.request(self, self.cluster.active_controller(), "broker_heartbeat",
                             (self.number, self.incarnation, self.image.version), self._heard, lambda reason: None,
                             self.give_up_after)
        self.after(interval, self.heartbeat)

    def _heard(self, answer: Image | str | None) -> None:
        if isinstance(answer, Image):
            self.apply(answer)

    def shut_down(self, stopped: Any) -> None:
        """Controlled shutdown (K50): leaders move first; after `stopped` the process ends."""
        self.network.request(self, self.cluster.active_controller(), "controlled_shutdown", self.number,
                             lambda answer: stopped(), lambda reason: stopped(), self.give_up_after)

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
        if image.version <= self.image.version:
            return
        old, self.image = self.image, image
        for tp, state in image.partitions.items():
            if state is not old.partitions.get(tp) and self.number in state.replicas:
                self._become(tp, state)
        for led in self.leads.values():
            led.leader.eligible = image.alive
        self.fetchers.follow(image)

    def _become(self, tp: int, state: PartitionState) -> None:
        replica = self.replicas.setdefault(tp, Replica(tp))
        led = self.leads.get(tp)
        if state.leader == self.number:
            if led is not None and led.leader.epoch == state.epoch:
                led.leader.accept(state)
                self._advance(led)
            else:
                self._lead(replica, state)
        elif led is not None:
            self._stop_leading(led)

    def _lead(self, replica: Replica, state: PartitionState) -> None:
        if replica.tp in self.leads:
            self._stop_leading(self.leads[replica.tp])
        min_isr = self.cluster.topic_settings(replica.tp).min_insync_replicas
        leader = PartitionLeader(replica.log, self.number, state, replica.high_watermark, min_isr,
                                 millis(self.settings.replica_lag_time_max_ms), self.clock.now)
        led = self.leads[replica.tp] = Led(replica, leader)
        if replica.tp == OFFSETS:
            self.coordination.take_over(led)
        if leader.high_watermark > replica.high_watermark:
            self._high_watermark_moved(led)

    def _stop_leading(self, led: Led) -> None:
        """Requests that wait here are told to look for the new leader."""
        del self.leads[led.tp]
        if led.tp == OFFSETS:
            self.coordination.give_up()
        for _, waiting, _ in led.waiting:
            waiting.reply((NOT_LEADER, -1))
        for exchange in list(led.consumers):
            self._answer_consumer(exchange)
        for number, session in led.sessions.items():
            session.offsets.pop(led.tp, None)
            session.news[led.tp] = None
            self._answer_follower(number, session)

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        handler = HANDLERS.get(exchange.kind)
        if handler is None:
            self.coordination.handle(exchange)
        else:
            handler(self, exchange)

    def on_metadata(self, exchange: Exchange) -> None:
        exchange.reply(self.image)

    def on_produce(self, exchange: Exchange) -> None:
        tp, batch, acks = exchange.payload
        led = self.leads.get(tp)
        if led is None:
            exchange.reply((NOT_LEADER, -1))
        elif batch.size > self.cluster.topic_settings(tp).max_message_bytes:
            exchange.reply(("MESSAGE_TOO_LARGE", -1))
        else:
            self.write(led, batch, acks, exchange)

    def write(self, led: Led, batch: Any, acks: int, answer: Any) -> None:
        """Append `batch`; `answer.reply((error, offset))` follows when as many replicas have it as `acks` wants."""
        error, base, entry = led.leader.append(self.clock.now, batch, acks == -1)
        if entry is None and error != "DUPLICATE":
            answer.reply((error, base))
            return
        if entry is not None:
            self._note_append(led, entry)
        if acks == -1 and base + batch.count > led.leader.high_watermark:
            led.waiting.append((base + batch.count, answer, base))
        elif acks != 0:
            answer.reply(("", base))
        if entry is not None:
            if led.leader.high_watermark > led.replica.high_watermark:
                self._high_watermark_moved(led)
            self._feed_followers(led)

    def _note_append(self, led: Led, entry: Entry) -> None:
        batch = entry.batch
        if batch.lane is not None:
            self.recorder.append((entry.time, batch.lane.code, batch.start, batch.count, entry.base, entry.epoch,
                                  self.code))
            self.recorder.mark(entry.time)

    # -- replication, as the leader

    def on_replica_fetch(self, exchange: Exchange) -> None:
        """A follower's fetch: it has everything below the offsets it asks for."""
        follower, everything, wanted = exchange.payload
        session = self.sessions.get(follower)
        if session is None or everything:
            session = self._new_session(follower)
        answers: list[tuple[int, str, Any, int]] = []
        for tp, offset, last_epoch, epoch in wanted:
            problem = self._follower_asks(session, follower, tp, offset, last_epoch, epoch)
            if problem:
                answers.append(problem)
        session.parked = exchange
        if answers or session.news:
            self._answer_follower(follower, session, answers)

    def _new_session(self, follower: int) -> Session:
        for led in self.leads.values():
            led.sessions.pop(follower, None)
        session = self.sessions[follower] = Session()
        return session

    def _follower_asks(self, session: Session, follower: int, tp: int, offset: int | None, last_epoch: int,
                       epoch: int) -> tuple[int, str, Any, int] | None:
        led = self.leads.get(tp)
        if offset is None:
            session.offsets.pop(tp, None)
            return None
        if led is None or led.leader.epoch != epoch:
            return tp, NOT_LEADER if led is None or led.leader.epoch < epoch else "FENCED_LEADER_EPOCH", (), 0
        if last_epoch >= 0:
            found, end = led.leader.log.end_of_epoch(last_epoch)
            if found != last_epoch or end < offset:
                return tp, "DIVERGING", (found, end), 0
        session.offsets[tp] = offset
        led.sessions[follower] = session
        leader = led.leader
        leader.followers[follower].fetching = True
        if leader.fetched(self.clock.now, follower, offset):
            self._high_watermark_moved(led)
        self._let_join(led, follower)
        if offset < leader.log.end or session.sent_high_watermark.get(tp, -1) < leader.high_watermark:
            session.news[tp] = None
        return None

    def _feed_followers(self, led: Led) -> None:
        for number, session in led.sessions.items():
            session.news[led.tp] = None
            if session.parked is not None:
                self._answer_follower(number, session)

    def _answer_follower(self, number: int, session: Session, answers: list[Any] | None = None) -> None:
        exchange = session.parked
        if exchange is None:
            return
        rows = answers or []
        for tp in session.news:
            led = self.leads.get(tp)
            if led is None:
                rows.append((tp, NOT_LEADER, (), 0))
            elif tp in session.offsets:
                leader = led.leader
                entries = leader.log.read(session.offsets[tp], leader.log.end, FETCH_MAX_BYTES)
                session.sent_high_watermark[tp] = leader.high_watermark
                rows.append((tp, "", entries, leader.high_watermark))
        session.news.clear()
        session.parked = None
        exchange.reply(rows)

    def _advance(self, led: Led) -> None:
        if led.leader.advance(self.clock.now):
            self._high_watermark_moved(led)

    def _high_watermark_moved(self, led: Led) -> None:
        """More is committed: producers get their acks, consumers their records, followers the news."""
        leader = led.leader
        high_watermark = led.replica.high_watermark = leader.high_watermark
        if led.tp != OFFSETS:
            self.recorder.watermark((self.clock.now, led.tp, high_watermark))
        waiting = led.waiting
        while waiting and waiting[0][0] <= high_watermark:
            _, answer, base = waiting.popleft()
            answer.reply((leader.outcome(), base))
        for exchange in list(led.consumers):
            self._answer_consumer(exchange)
        for number, session in led.sessions.items():
            if session.sent_high_watermark.get(led.tp, -1) < high_watermark and session.parked is not None:
                session.news[led.tp] = None
                self._answer_follower(number, session)

    # -- in-sync replicas

    def check_in_sync(self) -> None:
        """Every half replica.lag.time.max.ms: who has fallen behind (K44)?"""
        for led in self.leads.values():
            isr = led.leader.shrunk(self.clock.now)
            if isr is not None:
                self._propose(led, isr)
        self.after(millis(self.settings.replica_lag_time_max_ms / 2), self.check_in_sync)

    def _let_join(self, led: Led, follower: int) -> None:
        if follower not in led.leader.isr:
            isr = led.leader.expanded(follower)
            if isr is not None:
                self._propose(led, isr)

    def _propose(self, led: Led, isr: tuple[int, ...]) -> None:
        leader = led.leader
        leader.propose(isr)

        def answered(error: str) -> None:
            if error and leader.pending_isr == isr:
                leader.withdraw()

        self.network.request(self, self.cluster.active_controller(), "alter_isr",
                             (self.number, led.tp, leader.epoch, leader.version, isr), answered,
                             lambda reason: self.after(SECOND, answered, reason), self.give_up_after)

    def client_gone(self, exchange: Exchange) -> None:
        if exchange.kind == "replica_fetch":
            self._follower_gone(exchange.payload[0])
        elif exchange.kind == "fetch":
            self._forget_consumer(exchange)

    def peer_silent(self, peer: Process, silent: bool) -> None:
        if not isinstance(peer, Broker) or peer.number not in self.sessions:
            return
        if silent:
            self._follower_gone(peer.number, forget=False)
        else:
            session = self.sessions[peer.number]
            for tp in session.offsets:
                if tp in self.leads:
                    self.leads[tp].leader.followers[peer.number].fetching = True

    def _follower_gone(self, follower: int, forget: bool = True) -> None:
        for led in self.leads.values():
            if follower in led.sessions:
                led.leader.stopped_fetching(follower, self.clock.now)
                if forget:
                    del led.sessions[follower]
        if forget:
            self.sessions.pop(follower, None)

    # -- consumers

    def on_fetch(self, exchange: Exchange) -> None:
        wanted, _, min_bytes, max_wait = exchange.payload
        rows, size = self._collect(exchange)
        if size >= min_bytes or any(error for _, error, _, _ in rows):
            exchange.reply(rows)
            return
        for tp, _, _ in wanted:
            self.leads[tp].consumers[exchange] = None
        if min_bytes > 1:
            self.after(max_wait, self.answer_empty, exchange)

    def _collect(self, exchange: Exchange) -> tuple[list[tuple[int, str, Any, int]], int]:
        """Per partition: (tp, error, entries, high watermark), and the bytes of it all."""
        wanted, max_bytes, _, _ = exchange.payload
        rows: list[tuple[int, str, Any, int]] = []
        size = 0
        for tp, offset, epoch in wanted:
            led = self.leads.get(tp)
            if led is None or led.leader.epoch < epoch:
                rows.append((tp, NOT_LEADER, (), 0))
            elif offset > led.leader.log.end:
                rows.append((tp, "OFFSET_OUT_OF_RANGE", (), 0))
            else:
                entries = led.leader.log.read(offset, led.leader.high_watermark, max_bytes)
                if entries:
                    rows.append((tp, "", entries, led.leader.high_watermark))
                    size += sum([entry.batch.size for entry in entries])
        return rows, size

    def _answer_consumer(self, exchange: Exchange) -> None:
        rows, size = self._collect(exchange)
        if size >= exchange.payload[2] or any(error for _, error, _, _ in rows):
            self._forget_consumer(exchange)
            exchange.reply(rows)

    def answer_empty(self, exchange: Exchange) -> None:
        """fetch.max.wait.ms is over: answer with what there is."""
        if not exchange.done:
            self._forget_consumer(exchange)
            exchange.reply(self._collect(exchange)[0])

    def _forget_consumer(self, exchange: Exchange) -> None:
        for tp, _, _ in exchange.payload[0]:
            if tp in self.leads:
                self.leads[tp].consumers.pop(exchange, None)

    def on_list_offsets(self, exchange: Exchange) -> None:
        """Log start or high watermark of partitions: what auto.offset.reset jumps to (K81, K82)."""
        policy, tps = exchange.payload
        answer = {}
        for tp in tps:
            led = self.leads.get(tp)
            answer[tp] = None if led is None else 0 if policy == "earliest" else led.leader.high_watermark
        exchange.reply(answer)


HANDLERS = {"produce": Broker.on_produce, "fetch": Broker.on_fetch, "replica_fetch": Broker.on_replica_fetch,
            "metadata": Broker.on_metadata, "find_coordinator": Broker.on_metadata,
            "list_offsets": Broker.on_list_offsets}
