"""One group of KIP-848 as its coordinator sees it: data and questions about it, no rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simlib.kafka.groups.group import AnyGroup, State
from simlib.kafka.groups.messages import AWAY_EPOCH, NO_GENERATION
from simlib.kafka.groups.records import ConsumerGroupStored, StoredConsumer
from simlib.kafka.topic_partition import TopicPartition

_STORED = ("member_id", "client_name", "instance_id", "session_timeout_ms", "rebalance_timeout_ms", "topics",
           "assignor", "epoch", "previous_epoch", "waits_for_partitions")


@dataclass(slots=True)
class Consumer:
    """A member. It is on its way from what it has (`assigned`, `giving_up`) to what it shall have (`target`).

    `assigned` and `giving_up`: of each partition, the member's epoch when it got it.
    """

    member_id: str
    client_name: str
    instance_id: str | None
    session_timeout_ms: int
    rebalance_timeout_ms: int
    topics: tuple[str, ...]
    assignor: str | None
    epoch: int = 0
    previous_epoch: int = NO_GENERATION
    waits_for_partitions: bool = False
    assigned: dict[TopicPartition, int] = field(default_factory=dict)
    giving_up: dict[TopicPartition, int] = field(default_factory=dict)
    target: tuple[TopicPartition, ...] = ()

    lives_by_commits = False
    """Unlike in a classic group, only heartbeats are signs of life."""

    @property
    def is_away(self) -> bool:
        """A static member that said it would be back."""
        return self.epoch == AWAY_EPOCH

    def position(self) -> tuple[Any, ...]:
        """How far it is: two that are equal are at the same place."""
        return (self.epoch, self.previous_epoch, self.waits_for_partitions, tuple(self.assigned), tuple(self.giving_up))


@dataclass(slots=True)
class ConsumerGroup(AnyGroup):
    """A group. Its `generation` is the group's epoch: it goes up whenever the partitions have to be assigned anew.

    `target_epoch`: the one for which that has been done, by `assignor`, with so many `partitions` of each topic;
    `settled_epoch`: the last one in which everybody was where it should be.
    """

    members: dict[str, Consumer] = field(default_factory=dict)
    target_epoch: int = 0
    settled_epoch: int = 0
    assignor: str = ""
    partitions: dict[str, int] = field(default_factory=dict)

    def add(self, member: Consumer) -> None:
        self.members[member.member_id] = member
        if member.instance_id is not None:
            self.static_ids[member.instance_id] = member.member_id

    def remove(self, member: Consumer) -> None:
        del self.members[member.member_id]
        if member.instance_id is not None and self.static_ids.get(member.instance_id) == member.member_id:
            del self.static_ids[member.instance_id]

    def static_member(self, instance_id: str) -> Consumer | None:
        """Who has this instance id."""
        member_id = self.static_ids.get(instance_id)
        return None if member_id is None else self.members[member_id]

    def is_held(self, partition: TopicPartition) -> bool:
        """Somebody has it, or has not said yet that it gave it up."""
        return any(partition in member.assigned or partition in member.giving_up for member in self.members.values())

    def is_reconciled(self, member: Consumer) -> bool:
        """It has all it shall have, and nothing else."""
        return member.epoch == self.target_epoch and not member.giving_up and not member.waits_for_partitions

    def present_state(self) -> State:
        if not self.members:
            return State.EMPTY
        if self.generation > self.target_epoch:
            return State.ASSIGNING
        return State.STABLE if all(map(self.is_reconciled, self.members.values())) else State.RECONCILING

    def fencing_error(self, member_id: str, instance_id: str | None, generation: int) -> str | None:
        """Why this member may not commit: it is none, or its epoch is not the one it has here (K94a)."""
        member = self.members.get(member_id)
        if member is None:
            return "UNKNOWN_MEMBER_ID"
        return None if generation == member.epoch else "STALE_MEMBER_EPOCH"

    def stored(self, now: int) -> ConsumerGroupStored:
        members = tuple(
            StoredConsumer(**{name: getattr(member, name) for name in _STORED}, target=member.target,
                           assigned=tuple(member.assigned.items()), giving_up=tuple(member.giving_up.items()))
            for member in self.members.values()
        )
        return ConsumerGroupStored(self.name, now, self.generation, self.target_epoch, self.assignor,
                                   tuple(self.partitions.items()), members)

    def restore(self, record: ConsumerGroupStored) -> None:
        """Become what `record` says."""
        self.members, self.static_ids = {}, {}
        for one in record.members:
            self.add(Consumer(**{name: getattr(one, name) for name in _STORED}, target=one.target,
                              assigned=dict(one.assigned), giving_up=dict(one.giving_up)))
        self.generation, self.target_epoch, self.assignor = record.epoch, record.target_epoch, record.assignor
        self.partitions, self.empty_since = dict(record.partitions), record.time
        self.state = self.present_state()
        self.settled_epoch = self.generation if self.state is State.STABLE else self.generation - 1
