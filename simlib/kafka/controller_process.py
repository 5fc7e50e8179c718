"""`controller-0`: gives time and a network to `ControllerState`.

With several controllers one is active; when it dies, another takes over (`quorum.py`, K58).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from simlib.kafka.cluster import TRANSACTION_TOPIC, Cluster, Image
from simlib.kafka.controller import ControllerState
from simlib.kafka.controller_link import NOT_CONTROLLER
from simlib.kafka.eligible_leaders import EligibleLeaders
from simlib.kafka.partition_leader import PartitionState
from simlib.kafka.quorum import Quorum
from simlib.units import SECOND, millis, nanoseconds
from simlib.world.exchange import Exchange
from simlib.world.network import Network
from simlib.world.process import Alarm, Process

UNCLEAN_SCAN = 300 * SECOND
"""unclean.leader.election.interval.ms (K54)."""


class Metadata:
    """What survives a controller: the folded metadata log, and its version."""

    def __init__(self) -> None:
        self.state = ControllerState()
        self.image = Image(0, {}, frozenset())
        self.incarnations: dict[int, int] = {}
        self.term = 0
        """How many times a controller has become active."""

    def publish(self, changed: dict[int, PartitionState]) -> None:
        partitions = {**self.image.partitions, **changed}
        self.image = Image(self.image.version + 1, partitions, frozenset(self.state.alive))


class Controller(Process):
    """One member of the controller quorum."""

    def __init__(self, cluster: Cluster, network: Network, metadata: Metadata, *identity: Any) -> None:
        super().__init__(*identity)
        self.cluster = cluster
        self.network = network
        self.recorder = network.recorder
        self.metadata = metadata
        self.active = False
        if cluster.settings.eligible_leader_replicas_version and metadata.state.eligible is None:
            metadata.state.eligible = EligibleLeaders(lambda tp: int(cluster.topic_settings(tp).min_insync_replicas))
        self.quorum = Quorum(self)
        self._sessions: dict[int, Alarm] = {}
        self._balance = Alarm(self, self._give_back_leadership)
        self._scan = Alarm(self, self._scan_for_unclean)

    # -- life

    def on_start(self, now: int) -> None:
        self.quorum.begin()

    def on_kill(self, now: int) -> None:
        self.active = False

    def take_over(self) -> None:
        """Become active: every broker gets a full session before it can be fenced."""
        for former in self.cluster.controllers:
            former.resign()
        self.active = True
        self.metadata.term += 1
        if self.metadata.term > 1:
            self.recorder.event("note", self, detail="is the active controller now")
        self._sessions = {broker.number: Alarm(self, partial(self._expired, broker.number))
                          for broker in self.cluster.brokers}
        for number in sorted(self.metadata.state.alive):
            self._extend(number)
        self._plan_balance()
        self._scan.set(self.clock.now + UNCLEAN_SCAN)

    def resign(self) -> None:
        """Another controller is active, or no majority can be reached."""
        self.active = False
        for alarm in (*self._sessions.values(), self._balance, self._scan):
            alarm.set(None)

    def can_decide(self) -> bool:
        """A decision counts when a majority of the controllers has written it down."""
        return self.active and self.quorum.is_majority(self.quorum.reachable())

    def _plan_balance(self) -> None:
        settings = self.cluster.settings
        if settings.auto_leader_rebalance_enable:
            self._balance.set(self.clock.now + nanoseconds(settings.leader_imbalance_check_interval_seconds))

    def _extend(self, broker: int) -> None:
        if not self.cluster.is_safe:
            self._sessions[broker].set(self.clock.now + millis(self.cluster.settings.broker_session_timeout_ms))

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        if not self.active:
            exchange.reply(NOT_CONTROLLER)
            return
        if not self.can_decide():
            return  # it waits for its majority; the asker gives up in the end and asks again
        answer: Any = getattr(self, "on_" + exchange.kind)(exchange.payload, exchange.source.incarnation)
        exchange.reply(answer)

    def on_broker_register(self, broker: int, incarnation: int) -> tuple[str, Image | None]:
        """A broker that restarts faster than its old session expires has to wait for that session."""
        if broker in self.metadata.state.alive and self.metadata.incarnations.get(broker) != incarnation:
            return "DUPLICATE_BROKER_REGISTRATION", None
        state = self.metadata.state
        is_new_life = self.metadata.incarnations.get(broker, incarnation) != incarnation
        if state.eligible is not None and is_new_life and broker not in state.shutting_down:
            state.eligible.came_back_unclean(broker)
        self.metadata.incarnations[broker] = incarnation
        state.shutting_down.discard(broker)
        return "", self.metadata.image

    def on_broker_heartbeat(self, payload: tuple[int, int], incarnation: int) -> Image | None:
        broker, version = payload
        state = self.metadata.state
        if self.metadata.incarnations.get(broker) != incarnation or broker in state.shutting_down:
            return None
        if broker not in state.alive:
            changed = state.unfence(broker)
            self.recorder.event("unfenced", self.cluster.brokers[broker])
            self.publish(changed)
        self._extend(broker)
        return self.metadata.image if version < self.metadata.image.version else None

    def on_controlled_shutdown(self, broker: int, incarnation: int) -> str:
        self._sessions[broker].set(None)
        changed = self.metadata.state.shut_down(broker)
        self.metadata.state.alive.discard(broker)
        self.publish(changed)
        return ""

    def on_alter_isr(self, payload: tuple[int, int, int, int, tuple[int, ...]], incarnation: int) -> str:
        error, changed = self.metadata.state.alter_isr(*payload)
        if changed:
            self.publish(changed)
        return error

    def on_create_transaction_log(self, payload: None, incarnation: int) -> str:
        """The topic in which transactions are kept is created when the first transactional producer asks for it."""
        cluster = self.cluster
        if cluster.transaction_log is None:
            cluster.transaction_log = tp = cluster.add_partition(TRANSACTION_TOPIC)
            self.recorder.add_tp(TRANSACTION_TOPIC, 0)
            self.publish(self.metadata.state.create(tp, cluster.transaction_replicas, False))
        return ""

    # -- decisions that nobody asked for

    def _expired(self, broker: int) -> None:
        """broker.session.timeout.ms without a heartbeat: fenced (K49)."""
        if not self.can_decide():
            self._sessions[broker].set(self.clock.now + SECOND)
            return
        changed = self.metadata.state.fence(broker)
        self.recorder.event("fenced", self.cluster.brokers[broker])
        self.publish(changed)

    def _give_back_leadership(self) -> None:
        if self.can_decide():
            allowed = self.cluster.settings.leader_imbalance_per_broker_percentage
            self._publish_if_any(self.metadata.state.rebalance_leaders(allowed))
        self._plan_balance()

    def _scan_for_unclean(self) -> None:
        if self.can_decide():
            self._publish_if_any(self.metadata.state.elect_unclean())
        self._scan.set(self.clock.now + UNCLEAN_SCAN)

    def _publish_if_any(self, changed: dict[int, PartitionState]) -> None:
        if changed:
            self.publish(changed)

    def publish(self, changed: dict[int, PartitionState]) -> None:
        """Write decisions to the metadata log; every broker learns them one latency later."""
        for tp in sorted(changed):
            self._note(tp, self.metadata.image.partitions.get(tp), changed[tp])
        self.metadata.publish(changed)
        image = self.metadata.image
        for broker in self.cluster.brokers:
            self.network.tell(self, broker, broker.apply, image)

    def _note(self, tp: int, old: PartitionState | None, new: PartitionState) -> None:
        brokers = self.cluster.brokers
        if old is None or old.leader != new.leader:
            if new.leader < 0:
                self.recorder.event("leaderless", tp=tp)
            else:
                eligible = self.metadata.state.eligible
                clean = old is None or new.leader in old.isr or (eligible is not None
                                                                 and eligible.was_clean(tp, new.epoch))
                self.recorder.event("elected", brokers[new.leader], tp=tp, a=new.epoch,
                                    detail="" if clean else "unclean")
        if old is not None and old.isr != new.isr:
            self.recorder.event("isr", tp=tp, a=len(new.isr), detail=" ".join(brokers[n].name for n in new.isr))
