"""Heartbeats: every heartbeat_interval_ms the coordinator hears from a member, and the member from the coordinator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.kafka.groups.messages import Heartbeat, HeartbeatResponse
from simlib.units import millis
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.consumer.membership import Membership

NOT_HERE = frozenset({"NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS"})
"""This broker does not keep the group, or not yet: look for who does."""


class Heartbeats:
    """They go on by themselves while the application works; only the poll limit watches the application (K88)."""

    def __init__(self, membership: Membership) -> None:
        self.membership = membership
        self.consumer = membership.consumer
        self._interval = millis(self.consumer.settings.heartbeat_interval_ms)
        self._alarm = Alarm(self.consumer.process, self._beat)

    def start(self) -> None:
        self._alarm.set(self.consumer.process.clock.now + self._interval)

    def stop(self) -> None:
        self._alarm.set(None)

    def _beat(self) -> None:
        consumer, membership = self.consumer, self.membership
        coordinator = membership.coordinator()
        if coordinator is None:
            self._look_for_coordinator()
        else:
            generation = membership.generation
            request = Heartbeat(consumer.group, generation, membership.member_id, consumer.settings.group_instance_id)
            consumer.network.request(consumer.process, coordinator, "heartbeat", request,
                                     lambda answer: self._heard(generation, answer),
                                     lambda reason: self._unheard(coordinator), consumer.request_timeout)
        self.start()

    def _heard(self, generation: int, answer: HeartbeatResponse) -> None:
        error = answer.error
        if error is None or generation != self.membership.generation:  # or it is about an earlier generation
            return
        if error == "REBALANCE_IN_PROGRESS":
            self.membership.rejoin()
        elif error in NOT_HERE:
            self._look_for_coordinator()
        else:
            self.membership.fenced(error)

    def _unheard(self, coordinator: Any) -> None:
        self.consumer.metadata.broken(coordinator)
        self._look_for_coordinator()

    def _look_for_coordinator(self) -> None:
        self.consumer.metadata.refresh(_nothing_more)


def _nothing_more() -> None:
    """The next heartbeat asks who the coordinator is."""
