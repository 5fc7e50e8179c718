"""Which rule answers which request, and which one acts on which deadline: by the protocol of the group."""

from __future__ import annotations

from typing import Any

from simlib.kafka.groups import joining, leaving, offsets, rebalancing
from simlib.kafka.groups.consumer_protocol.group import ConsumerGroup
from simlib.kafka.groups.consumer_protocol.heartbeats import heartbeat as consumer_heartbeat
from simlib.kafka.groups.consumer_protocol.leaving import giving_up_took_too_long, session_ended
from simlib.kafka.groups.group import Group, State
from simlib.kafka.groups.messages import (
    ALL_IS_WELL,
    JOINING_EPOCH,
    NO_GENERATION,
    NO_MEMBER_ID,
    NO_OFFSET,
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
    Request,
    ShareGroupHeartbeat,
    SyncGroup,
    SyncGroupResponse,
    TxnOffsetCommit,
)
from simlib.kafka.groups.share_protocol.group import ShareGroup
from simlib.kafka.groups.share_protocol.heartbeats import heartbeat as share_heartbeat
from simlib.kafka.groups.share_protocol.heartbeats import session_ended as sharers_session_ended
from simlib.kafka.groups.turn import Turn

_RESPONSES: dict[type, Any] = {
    JoinGroup: JoinGroupResponse,
    SyncGroup: SyncGroupResponse,
    Heartbeat: HeartbeatResponse,
    LeaveGroup: LeaveGroupResponse,
    ConsumerGroupHeartbeat: ConsumerGroupHeartbeatResponse,
    ShareGroupHeartbeat: ConsumerGroupHeartbeatResponse,
    OffsetCommit: OffsetCommitResponse,
    TxnOffsetCommit: OffsetCommitResponse,
    OffsetFetch: OffsetFetchResponse,
}


def _heartbeat(turn: Turn, group: Group, reply: Any, request: Heartbeat) -> None:
    """Still here: and by the way, is there a rebalance to rejoin for?"""
    error = group.fencing_error(request.member_id, request.instance_id, request.generation)
    if error is None:
        member = group.members[request.member_id]
        if not member.waits:
            turn.heard_from(group, member)
        error = "REBALANCE_IN_PROGRESS" if group.state is State.PREPARING else None
    turn.answer(reply, ALL_IS_WELL if error is None else HeartbeatResponse(error))


def _wrong_protocol(error: str) -> Any:
    """While a group has members, it speaks their protocol alone."""
    def refuse(turn: Turn, group: Any, reply: Any, request: Request) -> None:
        turn.answer(reply, _RESPONSES[type(request)](error))

    return refuse


_OFFSETS: dict[type, Any] = {
    OffsetCommit: offsets.commit,
    TxnOffsetCommit: offsets.commit_in_transaction,
    OffsetFetch: offsets.fetch,
}

RULES: dict[type, dict[type, Any]] = {
    Group: {
        JoinGroup: joining.join,
        SyncGroup: rebalancing.sync,
        Heartbeat: _heartbeat,
        LeaveGroup: leaving.leave,
        **dict.fromkeys((ConsumerGroupHeartbeat, ShareGroupHeartbeat), _wrong_protocol("GROUP_ID_NOT_FOUND")),
        **_OFFSETS,
    },
    ConsumerGroup: {
        ConsumerGroupHeartbeat: consumer_heartbeat,
        ShareGroupHeartbeat: _wrong_protocol("GROUP_ID_NOT_FOUND"),
        JoinGroup: _wrong_protocol("INCONSISTENT_GROUP_PROTOCOL"),
        **dict.fromkeys((SyncGroup, Heartbeat, LeaveGroup), _wrong_protocol("UNKNOWN_MEMBER_ID")),
        **_OFFSETS,
    },
    ShareGroup: {
        ShareGroupHeartbeat: share_heartbeat,
        ConsumerGroupHeartbeat: _wrong_protocol("GROUP_ID_NOT_FOUND"),
        JoinGroup: _wrong_protocol("INCONSISTENT_GROUP_PROTOCOL"),
        **dict.fromkeys((SyncGroup, Heartbeat, LeaveGroup, OffsetCommit, TxnOffsetCommit),
                        _wrong_protocol("UNKNOWN_MEMBER_ID")),
        OffsetFetch: offsets.fetch,
    },
}

DEADLINES: dict[type, dict[str, Any]] = {
    Group: {
        "session": leaving.session_ended,
        "pending": leaving.forget_pending,
        "join": lambda turn, group, _: rebalancing.joining_took_too_long(turn, group),
        "sync": lambda turn, group, _: leaving.syncing_took_too_long(turn, group),
    },
    ConsumerGroup: {"session": session_ended, "giving up": giving_up_took_too_long},
    ShareGroup: {"session": sharers_session_ended},
}


# -- where there is no group

def made_by(request: Request) -> type | None:
    """The kind of group this request brings into being; None if it does not."""
    if isinstance(request, ConsumerGroupHeartbeat):
        return ConsumerGroup if request.epoch == JOINING_EPOCH else None
    if isinstance(request, ShareGroupHeartbeat):
        return ShareGroup if request.epoch == JOINING_EPOCH else None
    if isinstance(request, JoinGroup):
        return Group if request.member_id == NO_MEMBER_ID else None
    commits = isinstance(request, (OffsetCommit, TxnOffsetCommit)) and request.generation == NO_GENERATION
    return Group if commits else None


def error_without_group(request: Request) -> str | None:
    """A group that is not there has no members and no offsets."""
    if isinstance(request, OffsetFetch):
        return None
    return "ILLEGAL_GENERATION" if isinstance(request, (OffsetCommit, TxnOffsetCommit)) else "UNKNOWN_MEMBER_ID"


def answer_without_group(request: Request, error: str | None) -> Any:
    if isinstance(request, OffsetFetch) and error is None:
        return OffsetFetchResponse(None, dict.fromkeys(request.partitions, NO_OFFSET))
    return _RESPONSES[type(request)](error)
