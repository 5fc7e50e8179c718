"""What members ask of their coordinator, and what it answers. `error` is Kafka's name for it; None is success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simlib.kafka.assignors.subscription import Subscription
from simlib.kafka.shares.messages import ShareStateResponse
from simlib.kafka.topic_partition import TopicPartition

NO_MEMBER_ID = ""
NO_GENERATION = -1
NO_OFFSET = -1

Protocol = tuple[str, Subscription]


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Ask to be in the next generation. `protocols`: the assignors the member can use, best first."""

    group: str
    member_id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[Protocol, ...]
    client_name: str
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class JoinGroupResponse:
    """The new generation. Only the leader gets `members`; it assigns, unless `skip_assignment` (KIP-814)."""

    error: str | None = None
    generation: int = NO_GENERATION
    protocol: str | None = None
    leader: str = NO_MEMBER_ID
    member_id: str = NO_MEMBER_ID
    members: Mapping[str, Subscription] = field(default_factory=dict)
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True)
class SyncGroup:
    """Ask for one's partitions in `generation`; the leader brings the `assignments` of all."""

    group: str
    generation: int
    member_id: str
    instance_id: str | None = None
    assignments: Mapping[str, Sequence[TopicPartition]] | None = None


@dataclass(frozen=True, slots=True)
class SyncGroupResponse:
    error: str | None = None
    assignment: tuple[TopicPartition, ...] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    group: str
    generation: int
    member_id: str
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class HeartbeatResponse:
    error: str | None = None


ALL_IS_WELL = HeartbeatResponse()
"""A member that hears this goes on as before."""


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    group: str
    member_id: str
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class LeaveGroupResponse:
    error: str | None = None


JOINING_EPOCH = 0
LEAVING_EPOCH = -1
AWAY_EPOCH = -2
"""A static member goes, and means to come back: its partitions wait for it until its session ends."""


@dataclass(frozen=True, slots=True)
class ConsumerGroupHeartbeat:
    """All there is to being a member with KIP-848: join (epoch 0), live, acknowledge, leave (epoch -1, static -2).

    The member chooses its id itself. `owned` says what it holds now: when it joins, when it has taken over or given up
    what it was told to, and when an answer may have been lost; None says nothing new.
    """

    group: str
    member_id: str
    epoch: int
    client_name: str
    instance_id: str | None
    rebalance_timeout_ms: int
    topics: tuple[str, ...]
    assignor: str | None = None
    owned: tuple[TopicPartition, ...] | None = None


@dataclass(frozen=True, slots=True)
class ConsumerGroupHeartbeatResponse:
    """The member's epoch; `assignment`, if it is to be told, is all it may hold: what is not in it, it gives up."""

    error: str | None = None
    epoch: int = NO_GENERATION
    assignment: tuple[TopicPartition, ...] | None = None


@dataclass(frozen=True, slots=True)
class ShareGroupHeartbeat:
    """All there is to being a member of a share group (KIP-932): join (epoch 0), live, leave (epoch -1).

    It is answered like ConsumerGroupHeartbeat; the epoch is the group's.
    """

    group: str
    member_id: str
    epoch: int
    client_name: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OffsetCommit:
    """Store `offsets`, each the next record to read (K72). Outside any group membership: generation -1, no member id.

    `auto` marks a commit the client made by itself; it changes nothing here and is kept for the trace.
    """

    group: str
    generation: int
    member_id: str
    offsets: Mapping[TopicPartition, int]
    instance_id: str | None = None
    auto: bool = False


@dataclass(frozen=True, slots=True)
class TxnOffsetCommit:
    """Store `offsets` if the producer's transaction is committed. Whoever names a member is fenced by it (KIP-447).

    With the group's name alone (generation -1, no member id) nobody is fenced.
    """

    group: str
    transactional_id: str
    pid: int
    epoch: int
    offsets: Mapping[TopicPartition, int]
    generation: int
    member_id: str
    instance_id: str | None
    client_name: str


@dataclass(frozen=True, slots=True)
class OffsetCommitResponse:
    error: str | None = None


@dataclass(frozen=True, slots=True)
class OffsetFetch:
    """`require_stable`: not while a transaction may still change them (KIP-447)."""

    group: str
    partitions: tuple[TopicPartition, ...]
    require_stable: bool = False


@dataclass(frozen=True, slots=True)
class OffsetFetchResponse:
    """The committed offset of each partition asked for, -1 where there is none."""

    error: str | None = None
    offsets: Mapping[TopicPartition, int] = field(default_factory=dict)


Request = (
    JoinGroup
    | SyncGroup
    | Heartbeat
    | LeaveGroup
    | ConsumerGroupHeartbeat
    | ShareGroupHeartbeat
    | OffsetCommit
    | TxnOffsetCommit
    | OffsetFetch
)
Response = (
    JoinGroupResponse
    | SyncGroupResponse
    | HeartbeatResponse
    | LeaveGroupResponse
    | ConsumerGroupHeartbeatResponse
    | OffsetCommitResponse
    | OffsetFetchResponse
    | ShareStateResponse
)
