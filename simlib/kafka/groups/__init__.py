"""Consumer groups: their coordinator, its messages, its effects and the records it keeps."""

from simlib.kafka.groups.coordinator import GroupCoordinator
from simlib.kafka.groups.effects import Answer, Append, Effect, Note
from simlib.kafka.groups.group import State
from simlib.kafka.groups.messages import (
    ConsumerGroupHeartbeat,
    ConsumerGroupHeartbeatResponse,
    Heartbeat,
    HeartbeatResponse,
    JoinGroup,
    JoinGroupResponse,
    LeaveGroup,
    LeaveGroupResponse,
    OffsetCommit,
    OffsetCommitResponse,
    OffsetFetch,
    OffsetFetchResponse,
    SyncGroup,
    SyncGroupResponse,
)

__all__ = [
    "Answer",
    "Append",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupHeartbeatResponse",
    "Effect",
    "GroupCoordinator",
    "Heartbeat",
    "HeartbeatResponse",
    "JoinGroup",
    "JoinGroupResponse",
    "LeaveGroup",
    "LeaveGroupResponse",
    "Note",
    "OffsetCommit",
    "OffsetCommitResponse",
    "OffsetFetch",
    "OffsetFetchResponse",
    "State",
    "SyncGroup",
    "SyncGroupResponse",
]
