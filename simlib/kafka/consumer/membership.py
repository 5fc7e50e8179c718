"""A consumer's place in its group (classic protocol): who it is, when it has to join again, how it loses its place.

A rebalance begins and ends inside a poll: an application that is busy with a record keeps its partitions until it polls
again - unless the group loses patience and goes on without it (K86, K88).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.kafka.consumer.heartbeats import Heartbeats
from simlib.kafka.consumer.rebalance import Rebalance
from simlib.kafka.groups.messages import NO_GENERATION, NO_MEMBER_ID, LeaveGroup
from simlib.units import millis
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient

OFFSETS = 0
"""The internal topic's partition; its leader is the coordinator."""


class Membership:
    """Member id and generation, and what has to be done about them."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer
        settings = consumer.settings
        self.member_id = NO_MEMBER_ID
        self.generation = NO_GENERATION
        self.cooperative = set(settings.partition_assignment_strategy) == {"cooperative-sticky"}
        self.rebalance: Rebalance | None = None
        self.has_to_join = True
        self.assignment: tuple[int, ...] = ()
        self.joined_as = (NO_GENERATION, NO_MEMBER_ID)
        """Generation and member id of the last assignment."""
        self.counted: dict[str, int] = {}
        self.heartbeats = Heartbeats(self)
        self._lost = False
        self._patience = millis(settings.max_poll_interval_ms)
        self._poll_limit = Alarm(consumer.process, self._polled_too_late)
        consumer.metadata.on_change.append(self._partitions_changed)

    def coordinator(self) -> Any:
        """The broker that keeps this group; None if it is not known or left alone for now."""
        return self.consumer.metadata.leader(OFFSETS)

    def identity(self) -> tuple[int, str]:
        """Generation and member id, for offsets that are committed in a transaction (KIP-447).

        Java's client gives those of its last assignment, until it has another. kafka-python's gives what it has now:
        as soon as it hears that the group has thrown it out, it names nobody, and is not fenced any more.
        """
        return self.joined_as if self.consumer.cluster.client == "java" else (self.generation, self.member_id)

    # -- what polls do

    def polled(self) -> None:
        """The application polls: the time for everything that had to wait for it."""
        self._poll_limit.set(None)
        if self._lost or self.has_to_join or self.rebalance is not None:
            self._catch_up()

    def awaits_poll(self) -> bool:
        """Is there something that only the next poll will do?"""
        if self._lost:
            return True
        return self.has_to_join if self.rebalance is None else self.rebalance.awaits_poll()

    def working(self) -> None:
        """The application has records in hand and must poll again within max_poll_interval_ms (K88)."""
        self._poll_limit.set(self.consumer.process.clock.env._now + self._patience)

    def may_deliver(self) -> bool:
        """Eager members have nothing to deliver during a rebalance; cooperative ones go on reading (K91, K92)."""
        return self.rebalance is None or (self.cooperative and not self.rebalance.commits)

    def rejoin(self) -> None:
        """Join again: now if the application is waiting in a poll, else in its next one."""
        self.has_to_join = True
        if self.consumer.waiting is not None:
            self._catch_up()

    def _catch_up(self) -> None:
        if self._lost:
            self._lost = False
            self.consumer.revoke(list(self.consumer.cursors), lost=True)
        if self.rebalance is not None:
            self.rebalance.polled()
        elif self.has_to_join:
            self.rebalance = Rebalance(self)
            self.rebalance.begin()

    # -- losing the place

    def fenced(self, error: str) -> None:
        """The group went on without this member: its partitions belong to others already (K97)."""
        self.heartbeats.stop()
        if error == "FENCED_INSTANCE_ID":
            self.consumer.on_error("FencedInstanceIdError")
            return
        if error == "UNKNOWN_MEMBER_ID":
            self.member_id = NO_MEMBER_ID
        self.generation = NO_GENERATION
        self._abandon_rebalance()
        self._lost = True
        self.rejoin()

    def _abandon_rebalance(self) -> None:
        if self.rebalance is not None:
            self.rebalance.abandoned = True
            self.rebalance = None

    def _polled_too_late(self) -> None:
        """max_poll_interval_ms is over without a poll: the member leaves (K88); a static one is just silent (K89)."""
        consumer = self.consumer
        consumer.recorder.event("evicted", consumer.process, group=consumer.group_code, detail="max_poll_interval_ms")
        self._say_goodbye(_nothing_more)
        self.fenced("UNKNOWN_MEMBER_ID")

    # -- leaving

    def leave(self, then: Callable[[], None]) -> None:
        """Close: commit what was handed over (auto-commit only), then tell the group."""
        self._abandon_rebalance()
        self.consumer.commits.auto_commit(lambda error: self._leave(then))

    def _leave(self, then: Callable[[], None]) -> None:
        self.heartbeats.stop()
        self._poll_limit.set(None)
        self.consumer.revoke(list(self.consumer.cursors), self._lost)
        self._say_goodbye(then)

    def _say_goodbye(self, then: Callable[[], None]) -> None:
        """LeaveGroup, from dynamic members only (K87): static ones mean to come back (K98)."""
        consumer = self.consumer
        coordinator = self.coordinator()
        if coordinator is None or not self.member_id or consumer.settings.group_instance_id is not None:
            then()
            return
        request = LeaveGroup(consumer.group, self.member_id, consumer.settings.group_instance_id)
        consumer.network.request(consumer.process, coordinator, "leave", request, lambda answer: then(),
                                 lambda reason: then(), consumer.request_timeout)

    # -- topics grow

    def _partitions_changed(self) -> None:
        """Only the leader, who assigned, notices that there are more partitions than it counted (K81)."""
        now = {topic: self.consumer.metadata.partitions.get(topic, 0) for topic in self.counted}
        if now != self.counted:
            self.rejoin()


def _nothing_more() -> None:
    """Nobody waits for the goodbye to arrive."""
