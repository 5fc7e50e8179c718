"""`controller-0`: gives time and a network to `ControllerState`.

With several controllers one is active; when it dies, the next live one takes over after the quorum has noticed
(K58). The metadata log they share is one object here: Raft itself is not modelled.
"""

from __future__ import annotations

from typing import Any

from simlib.kafka.cluster import Cluster, Image
from simlib.kafka.controller import ControllerState
from simlib.kafka.partition_leader import PartitionState
from simlib.units import SECOND, millis, nanoseconds
from simlib.world.network import Exchange, Network
from simlib.world.process import Alarm, Process

QUORUM_NOTICES_AFTER = 3 * SECOND
"""controller.quorum.fetch.timeout.ms (2 s) plus controller.quorum.election.timeout.ms (1 s)."""

UNCLEAN_SCAN = 300 * SECOND
"""unclean.leader.election.interval.ms (K54)."""


class Metadata:
    """What survives a controller: the folded metadata log, and its version."""

    def __init__(self) -> None:
        self.state = ControllerState()
        self.image = Image(0, {}, frozenset())
        self.incarnations: dict[int, int] = {}

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

    # -- life

    def on_start(self, now: int) -> None:
        if not any(one.active for one in self.cluster.controllers):
            self._take_over()

    def on_kill(self, now: int) -> None:
        was_active, self.active = self.active, False
        others = [one for one in self.cluster.controllers if one.alive]
        if was_active and 2 * len(others) > len(self.cluster.controllers):
            others[0].after(QUORUM_NOTICES_AFTER, others[0].on_start, now)

    def _take_over(self) -> None:
        """Become active: every broker gets a full session before it can be fenced."""
        self.active = True
        settings = self.cluster.settings
        self._sessions = {broker.number: Alarm(self, lambda n=broker.number: self._expired(n))  # type: ignore[misc]
                          for broker in self.cluster.brokers}
        for number in sorted(self.metadata.state.alive):
            self._extend(number)
        if settings.auto_leader_rebalance_enable:
            self.after(nanoseconds(settings.leader_imbalance_check_interval_seconds), self._give_back_leadership)
        self.after(UNCLEAN_SCAN, self._scan_for_unclean)

    def _extend(self, broker: int) -> None:
        self._sessions[broker].set(self.clock.now + millis(self.cluster.settings.broker_session_timeout_ms))

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        if not self.active:
            return  # a standby does not answer; the asker tries again
        answer: Any = getattr(self, "on_" + exchange.kind)(exchange.payload, exchange.source.incarnation)
        exchange.reply(answer)

    def on_broker_register(self, broker: int, incarnation: int) -> tuple[str, Image | None]:
        """A broker that restarts faster than its old session expires has to wait for that session."""
        if broker in self.metadata.state.alive and self.metadata.incarnations.get(broker) != incarnation:
            return "DUPLICATE_BROKER_REGISTRATION", None
        self.metadata.incarnations[broker] = incarnation
        self.metadata.state.shutting_down.discard(broker)
        return "", self.metadata.image

    def on_broker_heartbeat(self, payload: tuple[int, int, int], incarnation: int) -> Image | None:
        broker, _, version = payload
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

    # -- decisions that nobody asked for

    def _expired(self, broker: int) -> None:
        """broker.session.timeout.ms without a heartbeat: fenced (K49)."""
        changed = self.metadata.state.fence(broker)
        self.recorder.event("fenced", self.cluster.brokers[broker])
        self.publish(changed)

    def _give_back_leadership(self) -> None:
        settings = self.cluster.settings
        changed = self.metadata.state.rebalance_leaders(settings.leader_imbalance_per_broker_percentage)
        if changed:
            self.publish(changed)
        self.after(nanoseconds(settings.leader_imbalance_check_interval_seconds), self._give_back_leadership)

    def _scan_for_unclean(self) -> None:
        changed = self.metadata.state.elect_unclean()
        if changed:
            self.publish(changed)
        self.after(UNCLEAN_SCAN, self._scan_for_unclean)

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
                self.recorder.event("elected", brokers[new.leader], tp=tp, a=new.epoch)
        if old is not None and old.isr != new.isr:
            self.recorder.event("isr", tp=tp, a=len(new.isr), detail=" ".join(brokers[n].name for n in new.isr))
