"""ShareGroupHeartbeat: join, live, leave; and hear which partitions to take records from. Nobody waits for anybody."""

from __future__ import annotations

from typing import Any

from simlib.kafka.assignors.simple import simple_assignor
from simlib.kafka.assignors.subscription import Subscription
from simlib.kafka.groups.effects import Answer
from simlib.kafka.groups.messages import (
    ALL_IS_WELL,
    JOINING_EPOCH,
    ConsumerGroupHeartbeatResponse,
    ShareGroupHeartbeat,
)
from simlib.kafka.groups.share_protocol.group import ShareGroup, Sharer
from simlib.kafka.groups.turn import Turn


def heartbeat(turn: Turn, group: ShareGroup, reply: Any, request: ShareGroupHeartbeat) -> None:
    """A member lives; it hears its assignment, if it has not heard it yet."""
    error = _refusal(group, request)
    if error is not None:
        turn.answer(reply, ConsumerGroupHeartbeatResponse(error))
    elif request.epoch < JOINING_EPOCH:
        member = group.members[request.member_id]
        _remove(turn, group, member, "left", "closed", Answer(reply, ConsumerGroupHeartbeatResponse(None, -1)))
    else:
        _go_on(turn, group, reply, request)


def _refusal(group: ShareGroup, request: ShareGroupHeartbeat) -> str | None:
    if request.epoch == JOINING_EPOCH:
        return None
    if request.member_id not in group.members:
        return "UNKNOWN_MEMBER_ID"
    return "FENCED_MEMBER_EPOCH" if request.epoch > group.generation else None


def _go_on(turn: Turn, group: ShareGroup, reply: Any, request: ShareGroupHeartbeat) -> None:
    is_new = request.member_id not in group.members
    if is_new:
        timeout = int(turn.settings.group_share_session_timeout_ms)
        group.members[request.member_id] = Sharer(request.member_id, request.client_name, timeout, request.topics)
        turn.note("joined", group, request.client_name, group.generation, detail=request.member_id)
    member = group.members[request.member_id]
    changed = is_new or _have_grown(turn, group)
    if changed:
        _assign(turn, group)
    turn.heard_from(group, member)
    response = _response(group, member, request)
    if changed:
        turn.append(group.stored(turn.now), Answer(reply, response))
    else:
        turn.answer(reply, response)


def _response(group: ShareGroup, member: Sharer, request: ShareGroupHeartbeat) -> Any:
    knows = request.epoch == member.told == group.generation
    member.told = group.generation
    return ALL_IS_WELL if knows else ConsumerGroupHeartbeatResponse(None, group.generation, member.assignment)


def _have_grown(turn: Turn, group: ShareGroup) -> bool:
    return group.partitions != _partitions(turn, group)


def _partitions(turn: Turn, group: ShareGroup) -> dict[str, int]:
    topics = sorted({topic for member in group.members.values() for topic in member.topics})
    return {topic: turn.partitions(topic) for topic in topics}


def _assign(turn: Turn, group: ShareGroup) -> None:
    """A new epoch. It holds at once: whoever has records of a partition that it loses can still answer for them."""
    group.generation += 1
    group.partitions = _partitions(turn, group)
    wishes = {member.member_id: Subscription(member.topics, member.assignment) for member in group.members.values()}
    for member_id, partitions in simple_assignor(wishes, group.partitions).items():
        group.members[member_id].assignment = tuple(partitions)
    group.state = group.present_state()
    if not group.members:
        group.empty_since = turn.now
    turn.note("generation", group, a=group.generation, b=len(group.members), detail="simple")


def session_ended(turn: Turn, group: ShareGroup, member_id: str) -> None:
    """Nothing was heard for group_share_session_timeout_ms. Its records are no matter of the group's: locks end."""
    _remove(turn, group, group.members[member_id], "evicted", "session timed out")


def _remove(turn: Turn, group: ShareGroup, member: Sharer, kind: str, detail: str, *answers: Answer) -> None:
    del group.members[member.member_id]
    turn.forget("session", group, member.member_id)
    turn.note(kind, group, member.client_name, group.generation, detail=f"{member.member_id}: {detail}")
    _assign(turn, group)
    turn.append(group.stored(turn.now), *answers)
