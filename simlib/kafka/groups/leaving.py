"""How a member stops being one: it says so, its session ends, or it never finishes what it began."""

from __future__ import annotations

from typing import Any

from simlib.kafka.groups.group import Group, Member
from simlib.kafka.groups.messages import LeaveGroup, LeaveGroupResponse
from simlib.kafka.groups.rebalancing import finish_joining_if_all_did, rebalance
from simlib.kafka.groups.turn import Turn


def leave(turn: Turn, group: Group, reply: Any, request: LeaveGroup) -> None:
    """A clean goodbye: the others rebalance at once (K87)."""
    if request.member_id in group.pending:
        forget_pending(turn, group, request.member_id)
        turn.answer(reply, LeaveGroupResponse())
        return
    error = group.membership_error(request.member_id, request.instance_id)
    turn.answer(reply, LeaveGroupResponse(error))
    if error is None:
        _remove(turn, group, group.members[request.member_id], "left", "closed")


def session_ended(turn: Turn, group: Group, member_id: str) -> None:
    """Nothing was heard for a session timeout (K86). Whoever waits for us in a rebalance need not be heard."""
    member = group.members[member_id]
    if member.is_new or not member.waits:
        _remove(turn, group, member, "evicted", "session timed out")


def forget_pending(turn: Turn, group: Group, member_id: str) -> None:
    """An id that was handed out and never used no longer holds up a rebalance (KIP-394)."""
    del group.pending[member_id]
    turn.forget("pending", group, member_id)
    finish_joining_if_all_did(turn, group)


def syncing_took_too_long(turn: Turn, group: Group) -> None:
    """Members that joined and did not fetch their assignment are out."""
    late = [member for member in group.members.values() if member.has_to_sync]
    for member in late:
        _drop(turn, group, member, "evicted", "did not sync in time")
    rebalance(turn, group, f"{late[0].client_name} did not sync in time")


def _remove(turn: Turn, group: Group, member: Member, kind: str, detail: str) -> None:
    _drop(turn, group, member, kind, detail)
    rebalance(turn, group, f"{member.client_name}: {detail}")


def _drop(turn: Turn, group: Group, member: Member, kind: str, detail: str) -> None:
    group.remove(member)
    turn.forget("session", group, member.member_id)
    turn.refuse_waiting(member, "UNKNOWN_MEMBER_ID")
    turn.note(kind, group, member.client_name, group.generation, detail=f"{member.member_id}: {detail}")
