"""The two halves of a classic rebalance: everybody joins, then everybody gets what the leader assigned."""

from __future__ import annotations

from typing import Any

from simlib.kafka.groups.effects import Answer
from simlib.kafka.groups.group import Group, Member, State
from simlib.kafka.groups.messages import JoinGroupResponse, SyncGroup, SyncGroupResponse
from simlib.kafka.groups.turn import Turn
from simlib.units import MS


def rebalance(turn: Turn, group: Group, reason: str) -> None:
    """Start a rebalance, or go on with the one under way."""
    if group.state is State.PREPARING:
        finish_joining_if_all_did(turn, group)
    else:
        _start(turn, group, reason)


def _start(turn: Turn, group: Group, reason: str) -> None:
    for member in group.members.values():
        if member.sync_reply is not None:
            turn.heard_from(group, member)
            turn.answer(member.sync_reply, SyncGroupResponse("REBALANCE_IN_PROGRESS"))
            member.sync_reply = None
    turn.forget("sync", group)
    was_empty = group.state is State.EMPTY
    group.state = State.PREPARING
    turn.note("rebalancing", group, a=group.generation, detail=reason)
    if was_empty:
        _wait_for_others(turn, group)
    else:
        turn.wake("join", group, group.rebalance_timeout_ms())
        finish_joining_if_all_did(turn, group)


def _wait_for_others(turn: Turn, group: Group) -> None:
    """The first rebalance of an empty group gives the other members time to arrive (K90)."""
    delay_ms = turn.settings.group_initial_rebalance_delay_ms
    if delay_ms == 0:
        _finish_joining(turn, group)
    else:
        group.further_wait = max(group.rebalance_timeout_ms() - delay_ms, 0) * MS
        turn.wake("join", group, delay_ms)


def joining_took_too_long(turn: Turn, group: Group) -> None:
    """The join deadline has come. In a group's first rebalance each newcomer puts it off again, up to a limit."""
    if group.grew and group.further_wait:
        more = min(turn.settings.group_initial_rebalance_delay_ms * MS, group.further_wait)
        group.grew = False
        group.further_wait -= more
        turn.wake("join", group, more // MS)
    else:
        _finish_joining(turn, group)


def finish_joining_if_all_did(turn: Turn, group: Group) -> None:
    if group.state is State.PREPARING and group.further_wait is None and group.everybody_joined():
        _finish_joining(turn, group)


def _finish_joining(turn: Turn, group: Group) -> None:
    turn.forget("join", group)
    group.further_wait, group.grew = None, False
    _drop_absent(turn, group)
    if group.members and not group.a_leader_joined():
        turn.wake("join", group, group.rebalance_timeout_ms())
        return
    group.generation += 1
    if group.members:
        _begin_generation(turn, group)
    else:
        _become_empty(turn, group)


def _drop_absent(turn: Turn, group: Group) -> None:
    """Who did not come back in time is out (K91); a static member may stay away until its session ends."""
    for member in [one for one in group.members.values() if one.join_reply is None and one.instance_id is None]:
        group.remove(member)
        turn.forget("session", group, member.member_id)
        turn.note("evicted", group, member.client_name, group.generation, detail="did not rejoin in time")


def _become_empty(turn: Turn, group: Group) -> None:
    group.state, group.protocol, group.leader, group.empty_since = State.EMPTY, None, None, turn.now
    turn.append(group.stored(turn.now))
    turn.note("generation", group, a=group.generation, b=0, detail="empty")


def _begin_generation(turn: Turn, group: Group) -> None:
    group.state, group.protocol = State.COMPLETING, group.voted_protocol()
    turn.note("generation", group, a=group.generation, b=len(group.members), detail=group.protocol)
    for member in group.members.values():
        if member.join_reply is not None:
            turn.answer(member.join_reply, generation_answer(group, member))
        member.join_reply, member.is_new, member.has_to_sync, member.assignment = None, False, True, ()
        turn.heard_from(group, member)
    turn.wake("sync", group, group.rebalance_timeout_ms())


def generation_answer(group: Group, member: Member) -> JoinGroupResponse:
    """The current generation; the leader is given all members' subscriptions to assign."""
    members = group.subscriptions() if group.leader == member.member_id else {}
    return JoinGroupResponse(None, group.generation, group.protocol, group.leader or "", member.member_id, members)


def sync(turn: Turn, group: Group, reply: Any, request: SyncGroup) -> None:
    """Hand out the assignment: at once where it is known, else when the leader brings it."""
    error = group.fencing_error(request.member_id, request.instance_id, request.generation)
    if error is None and group.state is State.PREPARING:
        error = "REBALANCE_IN_PROGRESS"
    if error is not None:
        turn.answer(reply, SyncGroupResponse(error))
        return
    member = group.members[request.member_id]
    member.has_to_sync = False
    if group.state is State.STABLE:
        turn.heard_from(group, member)
        turn.answer(reply, SyncGroupResponse(None, member.assignment))
    else:
        member.sync_reply = reply
        turn.forget("session", group, member.member_id)
        if group.leader == member.member_id:
            _hand_out(turn, group, request)
    if not any(one.has_to_sync for one in group.members.values()):
        turn.forget("sync", group)


def _hand_out(turn: Turn, group: Group, request: SyncGroup) -> None:
    """Store the leader's assignment; whoever waits gets its part once that is replicated."""
    for member in group.members.values():
        member.assignment = tuple((request.assignments or {}).get(member.member_id, ()))
        turn.heard_from(group, member)
    waiting = [member for member in group.members.values() if member.sync_reply is not None]
    answers = [Answer(member.sync_reply, SyncGroupResponse(None, member.assignment)) for member in waiting]
    for member in waiting:
        member.sync_reply = None
    group.state = State.STABLE
    turn.append(group.stored(turn.now), *answers)
