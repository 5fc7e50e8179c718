"""One share group as its coordinator sees it: data and questions about it, no rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from simlib.kafka.groups.group import AnyGroup, State
from simlib.kafka.groups.records import ShareGroupStored, StoredSharer
from simlib.kafka.topic_partition import TopicPartition

_STORED = ("member_id", "client_name", "session_timeout_ms", "topics", "assignment")


@dataclass(slots=True)
class Sharer:
    """A member, and the partitions it is to take records from. `told`: the group's epoch it has heard of."""

    member_id: str
    client_name: str
    session_timeout_ms: int
    topics: tuple[str, ...]
    assignment: tuple[TopicPartition, ...] = ()
    told: int = -1

    lives_by_commits = False
    """Only heartbeats are signs of life."""


@dataclass(slots=True)
class ShareGroup(AnyGroup):
    """A group. Its `generation` is the group's epoch; it was assigned for so many `partitions` of each topic."""

    members: dict[str, Sharer] = field(default_factory=dict)
    partitions: dict[str, int] = field(default_factory=dict)

    def present_state(self) -> State:
        return State.STABLE if self.members else State.EMPTY

    def fencing_error(self, member_id: str, instance_id: str | None, generation: int) -> str:
        """Nobody commits offsets here."""
        return "UNKNOWN_MEMBER_ID"

    def stored(self, now: int) -> ShareGroupStored:
        members = tuple(StoredSharer(*(getattr(member, name) for name in _STORED)) for member in self.members.values())
        return ShareGroupStored(self.name, now, self.generation, tuple(self.partitions.items()), members)

    def restore(self, record: ShareGroupStored) -> None:
        """Become what `record` says; who has heard what is not known any more."""
        self.members = {one.member_id: Sharer(*(getattr(one, name) for name in _STORED)) for one in record.members}
        self.generation, self.partitions = record.epoch, dict(record.partitions)
        self.empty_since, self.state = record.time, self.present_state()
