"""What the coordinator writes to the internal offsets log, and reads back when it takes over."""

from __future__ import annotations

from dataclasses import dataclass

from simlib.kafka.groups.messages import Protocol
from simlib.kafka.shares.messages import WriteShareState
from simlib.kafka.topic_partition import TopicPartition


@dataclass(frozen=True, slots=True)
class StoredMember:
    member_id: str
    client_name: str
    instance_id: str | None
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[Protocol, ...]
    assignment: tuple[TopicPartition, ...]


@dataclass(frozen=True, slots=True)
class GroupStored:
    """A generation and who has what in it; without members: the group has been empty since `time`."""

    group: str
    time: int
    generation: int
    protocol: str | None
    leader: str | None
    members: tuple[StoredMember, ...]


@dataclass(frozen=True, slots=True)
class StoredConsumer:
    """A member with KIP-848; of each partition it has or gives up, the epoch in which it got it."""

    member_id: str
    client_name: str
    instance_id: str | None
    session_timeout_ms: int
    rebalance_timeout_ms: int
    topics: tuple[str, ...]
    assignor: str | None
    epoch: int
    previous_epoch: int
    waits_for_partitions: bool
    assigned: tuple[tuple[TopicPartition, int], ...]
    giving_up: tuple[tuple[TopicPartition, int], ...]
    target: tuple[TopicPartition, ...]


@dataclass(frozen=True, slots=True)
class ConsumerGroupStored:
    """A group with KIP-848 after a change; without members: it has been empty since `time`."""

    group: str
    time: int
    epoch: int
    target_epoch: int
    assignor: str
    partitions: tuple[tuple[str, int], ...]
    members: tuple[StoredConsumer, ...]


@dataclass(frozen=True, slots=True)
class StoredSharer:
    """A member of a share group, and what it was assigned."""

    member_id: str
    client_name: str
    session_timeout_ms: int
    topics: tuple[str, ...]
    assignment: tuple[TopicPartition, ...]


@dataclass(frozen=True, slots=True)
class ShareGroupStored:
    """A share group after a change; without members: it has been empty since `time`."""

    group: str
    time: int
    epoch: int
    partitions: tuple[tuple[str, int], ...]
    members: tuple[StoredSharer, ...]


@dataclass(frozen=True, slots=True)
class OffsetsCommitted:
    """Committed offsets; `client_name` and `auto` say who did it, for the trace."""

    group: str
    time: int
    offsets: tuple[tuple[TopicPartition, int], ...]
    member_id: str
    client_name: str
    auto: bool


@dataclass(frozen=True, slots=True)
class OffsetsPending:
    """Offsets in an open transaction of the producer `pid`."""

    group: str
    time: int
    offsets: tuple[tuple[TopicPartition, int], ...]
    member_id: str
    client_name: str
    pid: int
    epoch: int


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """The marker of a producer's transaction: its pending offsets count from now on, or are forgotten."""

    pid: int
    committed: bool
    time: int


@dataclass(frozen=True, slots=True)
class OffsetsExpired:
    """All offsets of the group are forgotten (K83)."""

    group: str
    time: int


@dataclass(frozen=True, slots=True)
class MemberIdsReserved:
    """Member numbers below `until` may be in use: whoever takes over numbers from there."""

    group: str
    until: int


Record = (
    GroupStored
    | ConsumerGroupStored
    | ShareGroupStored
    | WriteShareState
    | OffsetsCommitted
    | OffsetsPending
    | TransactionEnded
    | OffsetsExpired
    | MemberIdsReserved
)
