"""A share consumer's place in its group: heartbeats, by which it also hears which partitions to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.kafka.consumer.consumer_heartbeats import ConsumerHeartbeats
from simlib.kafka.consumer.place import Place
from simlib.kafka.groups.messages import (
    LEAVING_EPOCH,
    NO_GENERATION,
    ConsumerGroupHeartbeatResponse,
    ShareGroupHeartbeat,
)

if TYPE_CHECKING:
    from simlib.kafka.share_consumer.client import ShareConsumerClient

FENCED = frozenset({"FENCED_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID"})


class ShareHeartbeats(ConsumerHeartbeats):
    """ShareGroupHeartbeat: sent as those of KIP-848 are, but it has nothing to tell of partitions."""

    kind = "share_group_heartbeat"

    def _request(self, epoch: int, holds: tuple[int, ...] | None) -> ShareGroupHeartbeat:
        consumer = self.consumer
        return ShareGroupHeartbeat(consumer.group, self.membership.member_id, epoch, consumer.process.name,
                                   consumer.topics)


class ShareMembership(Place):
    """Its `generation` is the group's epoch. `life` counts how often it has lost or left its place."""

    consumer: Any

    def __init__(self, consumer: ShareConsumerClient) -> None:
        super().__init__(consumer)
        self.member_id = consumer.cluster.new_member_id(consumer.process.name)
        self.life = 0
        self.heartbeats = ShareHeartbeats(self)

    def polled(self) -> None:
        """The application polls."""
        self._poll_limit.set(None)
        if not self.heartbeats.alive:
            self.heartbeats.begin()

    def heard(self, answer: ConsumerGroupHeartbeatResponse) -> None:
        """The coordinator says which partitions to look at."""
        self.generation = answer.epoch
        if answer.assignment is not None:
            self.consumer.assigned(tuple(self.consumer.cluster.tp(*tp) for tp in answer.assignment))

    def refused(self, error: str) -> None:
        """A heartbeat was refused for good."""
        if error in FENCED:
            self.fenced(error)
        else:
            self.heartbeats.stop()
            self.consumer.on_error(error)

    def fenced(self, error: str) -> None:
        """The group went on without this member: it joins again. Its records are its own until their locks end."""
        self.heartbeats.stop()
        self.generation = NO_GENERATION
        self.life += 1
        self.consumer.assigned(())
        if self.consumer.waiting is not None:
            self.heartbeats.begin()

    def leave(self, then: Callable[[], None]) -> None:
        """Close: tell the group."""
        self.life += 1
        self.heartbeats.stop()
        self._poll_limit.set(None)
        self.consumer.assigned(())
        self._say_goodbye(then)

    def _say_goodbye(self, then: Callable[[], None]) -> None:
        self.heartbeats.say_goodbye(LEAVING_EPOCH, then)
