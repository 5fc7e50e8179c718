"""A consumer's place in a classic group: who it is, when it has to join again, how it loses its place.

A rebalance begins and ends inside a poll: an application that is busy with a record keeps its partitions until it polls
again - unless the group loses patience and goes on without it (K86, K88).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simlib.kafka.consumer.heartbeats import Heartbeats
from simlib.kafka.consumer.place import Place
from simlib.kafka.consumer.rebalance import Rebalance
from simlib.kafka.groups.messages import NO_GENERATION, NO_MEMBER_ID, LeaveGroup

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient


class Membership(Place):
    """Joins, syncs, and assigns when it leads the group."""

    def __init__(self, consumer: ConsumerClient) -> None:
        super().__init__(consumer)
        self.cooperative = set(consumer.settings.partition_assignment_strategy) == {"cooperative-sticky"}
        self.rebalance: Rebalance | None = None
        self.has_to_join = True
        self.assignment: tuple[int, ...] = ()
        self.joined_as = (NO_GENERATION, NO_MEMBER_ID)
        """Generation and member id of the last assignment."""
        self.counted: dict[str, int] = {}
        self.heartbeats = Heartbeats(self)
        consumer.metadata.on_change.append(self._partitions_changed)

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

    def commit_refused(self, error: str) -> None:
        """A commit says what the next heartbeat would have said."""
        if error == "REBALANCE_IN_PROGRESS":
            self.rejoin()
        else:
            self.fenced(error)

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
