"""A leader's proposals of other in-sync replicas to the controller (AlterPartition, KIP-497)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simlib.units import SECOND, millis

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led


class InSync:
    """The in-sync replicas of the partitions that one broker leads."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def watch(self) -> None:
        """Look after every half replica.lag.time.max.ms."""
        if not self.broker.cluster.is_safe:
            self.broker.after(millis(self.broker.settings.replica_lag_time_max_ms / 2), self._look)

    def _look(self) -> None:
        """Who has fallen behind (K44)?"""
        for led in self.broker.leads.values():
            isr = led.leader.shrunk(self.broker.clock.now)
            if isr is not None:
                for fallen in sorted(set(led.leader.isr) - set(isr)):
                    self.broker.note_end(led, fallen, led.leader.followers[fallen].end)
                self._propose(led, isr)
        self.watch()

    def let_join(self, led: Led, follower: int) -> None:
        """A follower outside has fetched: has it caught up (K48)?"""
        isr = led.leader.expanded(follower)
        if isr is not None:
            self._propose(led, isr)

    def let_all_join(self, led: Led) -> None:
        """Kafka asks at each fetch; the fetches of idle partitions stay parked here, so ask when something changed."""
        if len(led.leader.isr) <= len(led.leader.followers):
            for follower, session in led.sessions.items():
                if not session.silent:
                    self.let_join(led, follower)

    def _propose(self, led: Led, isr: tuple[int, ...]) -> None:
        led.leader.propose(isr)
        self._send(led, isr)

    def _send(self, led: Led, isr: tuple[int, ...]) -> None:
        leader = led.leader
        if self.broker.leads.get(led.tp) is led and leader.pending_isr == isr:
            self.broker.controller.ask("alter_isr", (self.broker.number, led.tp, leader.epoch, leader.version, isr),
                                       lambda error: self._answered(led, isr, error),
                                       lambda reason: self.broker.after(SECOND, self._send, led, isr))

    def _answered(self, led: Led, isr: tuple[int, ...], error: str) -> None:
        """Only this error says that the proposal was surely not applied; else a decision is on its way."""
        if error == "INELIGIBLE_REPLICA" and led.leader.pending_isr == isr:
            led.leader.withdraw()
