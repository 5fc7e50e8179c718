"""ConsumerGroupHeartbeat: who is asking, what has changed, and what the member is to do next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from simlib.kafka.groups.consumer_protocol.group import Consumer, ConsumerGroup
from simlib.kafka.groups.consumer_protocol.leaving import leave
from simlib.kafka.groups.consumer_protocol.reconciling import reconcile
from simlib.kafka.groups.consumer_protocol.target import (
    assign_anew,
    forget_wait,
    notice_partitions,
    raise_epoch,
    settle,
)
from simlib.kafka.groups.effects import Answer
from simlib.kafka.groups.messages import (
    ALL_IS_WELL,
    JOINING_EPOCH,
    ConsumerGroupHeartbeat,
    ConsumerGroupHeartbeatResponse,
)
from simlib.kafka.groups.turn import Turn
from simlib.kafka.topic_partition import TopicPartition


def heartbeat(turn: Turn, group: ConsumerGroup, reply: Any, request: ConsumerGroupHeartbeat) -> None:
    """A member lives, and says how far it is; it hears what is next."""
    if request.epoch < JOINING_EPOCH:
        leave(turn, group, reply, request)
        return
    error = _refusal(turn, group, request)
    if error is not None:
        turn.answer(reply, ConsumerGroupHeartbeatResponse(error))
        return
    changed = _join(turn, group, request) if request.epoch == JOINING_EPOCH else False
    member = group.members[request.member_id]
    had = tuple(member.assigned)
    changed = _go_on(turn, group, member, request.owned) or changed
    turn.heard_from(group, member)
    response = _response(request, member, had)
    if changed:
        turn.append(group.stored(turn.now), Answer(reply, response))
    else:
        turn.answer(reply, response)


def _go_on(turn: Turn, group: ConsumerGroup, member: Consumer, owned: Collection[TopicPartition] | None) -> bool:
    """One step towards the target, which may be a new one; True if something changed."""
    noticed = notice_partitions(turn, group)
    assigned = assign_anew(turn, group)
    went_on = reconcile(group, member, owned)
    if went_on:
        forget_wait(turn, group, member)
    if noticed or assigned or went_on:
        settle(turn, group)
    return noticed or assigned or went_on


def _response(request: ConsumerGroupHeartbeat, member: Consumer, had: tuple[TopicPartition, ...]) -> Any:
    """The assignment is told to who says what it has, and when it is another than before."""
    tells = request.owned is not None or request.epoch == JOINING_EPOCH or tuple(member.assigned) != had
    if not tells and member.epoch == request.epoch:
        return ALL_IS_WELL
    return ConsumerGroupHeartbeatResponse(None, member.epoch, tuple(sorted(member.assigned)) if tells else None)


# -- who is asking

def _refusal(turn: Turn, group: ConsumerGroup, request: ConsumerGroupHeartbeat) -> str | None:
    if request.assignor is not None and request.assignor not in turn.settings.group_consumer_assignors:
        return "UNSUPPORTED_ASSIGNOR"
    if request.instance_id is not None:
        error = _static_refusal(group.static_member(request.instance_id), request)
        if error is not None:
            return error
    if request.epoch == JOINING_EPOCH:
        return None
    member = group.members.get(request.member_id)
    return "UNKNOWN_MEMBER_ID" if member is None else epoch_error(member, request)


def _static_refusal(holder: Consumer | None, request: ConsumerGroupHeartbeat) -> str | None:
    """An instance id is free when its member said it would be back, or when its session has ended (K94b)."""
    if request.epoch == JOINING_EPOCH:
        return None if holder is None or holder.is_away else "UNRELEASED_INSTANCE_ID"
    if holder is None:
        return "UNKNOWN_MEMBER_ID"
    return None if holder.member_id == request.member_id else "FENCED_INSTANCE_ID"


def epoch_error(member: Consumer, request: ConsumerGroupHeartbeat) -> str | None:
    """Only the member's own epoch will do - or the one before, if the answer with the new one may have got lost."""
    if request.epoch == member.epoch:
        return None
    owned = request.owned
    missed = request.epoch == member.previous_epoch and owned is not None and all(tp in member.assigned for tp in owned)
    return None if missed else "FENCED_MEMBER_EPOCH"


# -- joining

def _join(turn: Turn, group: ConsumerGroup, request: ConsumerGroupHeartbeat) -> bool:
    """Somebody new, a static member that is back, or one that is known and begins again; True if that changes much."""
    away = None if request.instance_id is None else group.static_member(request.instance_id)
    if away is not None:
        _take_the_place_of(turn, group, away, request)
        return True
    if request.member_id in group.members:
        return False
    group.add(Consumer(request.member_id, request.client_name, request.instance_id,
                       int(turn.settings.group_consumer_session_timeout_ms), request.rebalance_timeout_ms,
                       request.topics, request.assignor))
    turn.note("joined", group, request.client_name, group.generation, detail=request.member_id)
    raise_epoch(turn, group, f"{request.client_name} joined")
    return True


def _take_the_place_of(turn: Turn, group: ConsumerGroup, away: Consumer, request: ConsumerGroupHeartbeat) -> None:
    """Its partitions waited for it; nobody else notices, unless it wants other topics now."""
    group.remove(away)
    turn.forget("session", group, away.member_id)
    new = Consumer(request.member_id, request.client_name, request.instance_id, away.session_timeout_ms,
                   request.rebalance_timeout_ms, request.topics, request.assignor, assigned=away.assigned,
                   target=away.target)
    group.add(new)
    turn.note("joined", group, request.client_name, group.generation,
              detail=f"{request.member_id} replaces {away.member_id}")
    if away.topics != new.topics:
        raise_epoch(turn, group, f"{request.client_name} wants other topics")
