"""JoinGroup: who is asking - somebody new, somebody known, or a static member that is back - and what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simlib.kafka.groups.effects import Answer
from simlib.kafka.groups.group import Group, Member, State
from simlib.kafka.groups.messages import NO_MEMBER_ID, JoinGroup, JoinGroupResponse
from simlib.kafka.groups.rebalancing import generation_answer, rebalance
from simlib.kafka.groups.records import MemberIdsReserved
from simlib.kafka.groups.turn import Turn

NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000
"""How long somebody new may wait for its first generation; it has no session yet that could end."""

_IDS_RESERVED_AT_ONCE = 100


def join(turn: Turn, group: Group, reply: Any, request: JoinGroup) -> None:
    if not group.supports(request.protocols):
        _refuse(turn, reply, request, "INCONSISTENT_GROUP_PROTOCOL")
    elif request.member_id == NO_MEMBER_ID:
        _join_without_id(turn, group, reply, request)
    elif request.member_id in group.pending:
        turn.forget("pending", group, request.member_id)
        _add(turn, group, reply, request, request.member_id)
    else:
        _join_again(turn, group, reply, request)


def _refuse(turn: Turn, reply: Any, request: JoinGroup, error: str) -> None:
    turn.answer(reply, JoinGroupResponse(error, member_id=request.member_id))


def _join_without_id(turn: Turn, group: Group, reply: Any, request: JoinGroup) -> None:
    member_id = f"{request.client_name}-{group.next_number}"
    group.next_number += 1
    if request.instance_id is None:
        group.pending[member_id] = None
        turn.wake("pending", group, request.session_timeout_ms, member_id)
        required = Answer(reply, JoinGroupResponse("MEMBER_ID_REQUIRED", member_id=member_id))
        _reserve_ids(turn, group, required)
        return
    _reserve_ids(turn, group)
    if request.instance_id in group.static_ids:
        _take_over(turn, group, reply, request, member_id)
    else:
        _add(turn, group, reply, request, member_id)


def _reserve_ids(turn: Turn, group: Group, *answers: Answer) -> None:
    """Make sure that no later coordinator hands out these ids again, then send `answers`."""
    if group.next_number <= group.reserved_until:
        turn.effects += answers
        return
    group.reserved_until = group.next_number + _IDS_RESERVED_AT_ONCE - 1
    turn.append(MemberIdsReserved(group.name, group.reserved_until), *answers)


def _add(turn: Turn, group: Group, reply: Any, request: JoinGroup, member_id: str) -> None:
    group.add(_member(request, member_id, reply))
    group.grew = group.further_wait is not None
    turn.wake("session", group, NEW_MEMBER_JOIN_TIMEOUT_MS, member_id)
    turn.note("joined", group, request.client_name, group.generation, detail=member_id)
    rebalance(turn, group, f"{request.client_name} joined")


def _member(request: JoinGroup, member_id: str, reply: Any) -> Member:
    return Member(
        member_id,
        request.client_name,
        request.instance_id,
        request.session_timeout_ms,
        request.rebalance_timeout_ms,
        request.protocols,
        join_reply=reply,
    )


def _join_again(turn: Turn, group: Group, reply: Any, request: JoinGroup) -> None:
    """A follower that rejoins a finished generation with nothing changed just learns it again."""
    error = group.membership_error(request.member_id, request.instance_id)
    if error is not None:
        _refuse(turn, reply, request, error)
        return
    member = group.members[request.member_id]
    leads_stable = group.state is State.STABLE and group.leader == member.member_id
    if group.state is State.PREPARING or leads_stable or member.protocols != request.protocols:
        _update(turn, group, member, reply, request)
        rebalance(turn, group, f"{request.client_name} rejoined")
    else:
        turn.answer(reply, generation_answer(group, member))


def _update(turn: Turn, group: Group, member: Member, reply: Any, request: JoinGroup) -> None:
    member.protocols = request.protocols
    member.session_timeout_ms = request.session_timeout_ms
    member.rebalance_timeout_ms = request.rebalance_timeout_ms
    member.join_reply = reply
    if not member.is_new:
        turn.forget("session", group, member.member_id)


def _take_over(turn: Turn, group: Group, reply: Any, request: JoinGroup, member_id: str) -> None:
    """A static member is back under a new member id (K98): the old one is fenced, its partitions are the new one's."""
    old = group.members[group.static_ids[request.instance_id or ""]]
    turn.refuse_waiting(old, "FENCED_INSTANCE_ID")
    turn.forget("session", group, old.member_id)
    changed = _wishes(old.protocols) != _wishes(request.protocols)
    new = replace(_member(request, member_id, reply), assignment=old.assignment, is_new=False)
    group.replace(old, new)
    turn.note("joined", group, request.client_name, group.generation, detail=f"{member_id} replaces {old.member_id}")
    if group.state is State.STABLE and not changed:
        _resume(turn, group, new)
    else:
        rebalance(turn, group, f"{request.client_name} came back")


def _wishes(protocols: tuple[tuple[str, Any], ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, subscription.topics) for name, subscription in protocols]


def _resume(turn: Turn, group: Group, member: Member) -> None:
    """No rebalance: the same generation, the same partitions; a leader must not assign again (KIP-814)."""
    leads = group.leader == member.member_id
    answer = replace(generation_answer(group, member), skip_assignment=leads)
    turn.append(group.stored(turn.now), Answer(member.join_reply, answer))
    member.join_reply = None
    turn.heard_from(group, member)
