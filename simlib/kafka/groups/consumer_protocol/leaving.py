"""How a member stops being one: it says so, its session ends, or it does not give up in time what it was asked for."""

from __future__ import annotations

from typing import Any

from simlib.kafka.groups.consumer_protocol.group import Consumer, ConsumerGroup
from simlib.kafka.groups.consumer_protocol.target import raise_epoch, settle
from simlib.kafka.groups.effects import Answer, Note
from simlib.kafka.groups.messages import AWAY_EPOCH, ConsumerGroupHeartbeat, ConsumerGroupHeartbeatResponse
from simlib.kafka.groups.turn import Turn


def leave(turn: Turn, group: ConsumerGroup, reply: Any, request: ConsumerGroupHeartbeat) -> None:
    """A clean goodbye. The others hear of it with their next heartbeats; of a static member's they do not (K94b)."""
    member, error = _who_leaves(group, request)
    if member is None:
        turn.answer(reply, ConsumerGroupHeartbeatResponse(error))
        return
    if request.epoch == AWAY_EPOCH:
        _go_away(turn, group, member)
    else:
        _remove(turn, group, member, "left", "closed")
    turn.append(group.stored(turn.now), Answer(reply, ConsumerGroupHeartbeatResponse(None, request.epoch)))


def _who_leaves(group: ConsumerGroup, request: ConsumerGroupHeartbeat) -> tuple[Consumer | None, str | None]:
    if request.instance_id is None:
        member = group.members.get(request.member_id)
    else:
        member = group.static_member(request.instance_id)
        if member is not None and member.member_id != request.member_id:
            return None, "FENCED_INSTANCE_ID"
    return member, None if member is not None else "UNKNOWN_MEMBER_ID"


def _go_away(turn: Turn, group: ConsumerGroup, member: Consumer) -> None:
    """Its session goes on: as long as that lasts its partitions wait for it, but for those it was to give up."""
    member.epoch, member.giving_up = AWAY_EPOCH, {}
    turn.forget("giving up", group, member.member_id)
    settle(turn, group)


def go_on_waiting(turn: Turn, group: ConsumerGroup) -> None:
    """A new coordinator gives those who have to give something up their time anew."""
    for member in group.members.values():
        if member.giving_up:
            turn.wake("giving up", group, member.rebalance_timeout_ms, member.member_id)


def session_ended(turn: Turn, group: ConsumerGroup, member_id: str) -> None:
    """Nothing was heard for group_consumer_session_timeout_ms."""
    _evict(turn, group, group.members[member_id], "session timed out")


def giving_up_took_too_long(turn: Turn, group: ConsumerGroup, member_id: str) -> None:
    """It had its rebalance timeout, which is its max_poll_interval_ms (K94c)."""
    _evict(turn, group, group.members[member_id], "did not give up its partitions in time")


def _evict(turn: Turn, group: ConsumerGroup, member: Consumer, detail: str) -> None:
    _remove(turn, group, member, "evicted", detail)
    turn.append(group.stored(turn.now))


def _tell(turn: Turn, group: ConsumerGroup, member: Consumer, kind: str, detail: str) -> None:
    """Its process may have come back, and be a member again: then that one keeps what it has been given since."""
    name, told = member.client_name, f"{member.member_id}: {detail}"
    if all(one.client_name != name for one in group.members.values()):
        turn.note(kind, group, name, group.generation, detail=told)
        return
    for partition in (*member.assigned, *member.giving_up):
        turn.effects.append(Note("lost_partitions", group.name, name, detail=told, partition=partition))
    turn.note(kind, group, a=group.generation, detail=f"{told}; {name} has another member in the group")


def _remove(turn: Turn, group: ConsumerGroup, member: Consumer, kind: str, detail: str) -> None:
    group.remove(member)
    turn.forget("session", group, member.member_id)
    turn.forget("giving up", group, member.member_id)
    _tell(turn, group, member, kind, detail)
    if group.members:
        raise_epoch(turn, group, f"{member.client_name}: {detail}")
    else:
        group.generation += 1
    settle(turn, group)
