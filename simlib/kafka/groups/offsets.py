"""Committed offsets: one for each (group, topic, partition), whoever committed it (T1)."""

from __future__ import annotations

from typing import Any

from simlib.kafka.groups.consumer_protocol.group import ConsumerGroup
from simlib.kafka.groups.effects import Answer
from simlib.kafka.groups.group import Group, State
from simlib.kafka.groups.messages import (
    NO_MEMBER_ID,
    NO_OFFSET,
    OffsetCommit,
    OffsetCommitResponse,
    OffsetFetch,
    OffsetFetchResponse,
    TxnOffsetCommit,
)
from simlib.kafka.groups.records import OffsetsCommitted, OffsetsExpired, OffsetsPending, TransactionEnded
from simlib.kafka.groups.share_protocol.group import ShareGroup
from simlib.kafka.groups.turn import Turn
from simlib.units import SECOND

SomeGroup = Group | ConsumerGroup | ShareGroup


def commit(turn: Turn, group: SomeGroup, reply: Any, request: OffsetCommit) -> None:
    """Store the offsets; the answer waits for their replication. In a classic group it also counts as a heartbeat."""
    error = _error(group, request)
    if error is not None:
        turn.answer(reply, OffsetCommitResponse(error))
        return
    member = group.members.get(request.member_id)
    if member is not None and member.lives_by_commits:
        turn.heard_from(group, member)
    record = OffsetsCommitted(
        group.name,
        turn.now,
        tuple(request.offsets.items()),
        request.member_id,
        member.client_name if member else "",
        request.auto,
    )
    keep(group, record)
    turn.append(record, Answer(reply, OffsetCommitResponse()))


def keep(group: SomeGroup, record: OffsetsCommitted) -> None:
    group.offsets.update(record.offsets)
    group.last_commit = record.time


def _error(group: SomeGroup, request: OffsetCommit) -> str | None:
    """Who may commit (K97, T2): members of this generation, outside a running SyncGroup; anybody while nobody is in."""
    anonymous = request.generation < 0 and request.member_id == NO_MEMBER_ID and request.instance_id is None
    if request.generation < 0 and group.state is State.EMPTY:
        return None
    if anonymous:
        return "UNKNOWN_MEMBER_ID"
    error = group.fencing_error(request.member_id, request.instance_id, request.generation)
    if error is None and group.state is State.COMPLETING:
        error = "REBALANCE_IN_PROGRESS"
    return error


def commit_in_transaction(turn: Turn, group: SomeGroup, reply: Any, request: TxnOffsetCommit) -> None:
    """Keep the offsets until the transaction ends. That is no heartbeat."""
    error = _transactional_error(group, request)
    if error is not None:
        turn.answer(reply, OffsetCommitResponse(error))
        return
    record = OffsetsPending(group.name, turn.now, tuple(request.offsets.items()), request.member_id,
                            request.client_name, request.pid, request.epoch)
    keep_pending(group, record)
    turn.append(record, Answer(reply, OffsetCommitResponse()))


def _transactional_error(group: SomeGroup, request: TxnOffsetCommit) -> str | None:
    """Who gives only the group's name may commit, whoever it is: nothing fences a zombie then (KIP-447)."""
    named = request.generation >= 0 or request.member_id != NO_MEMBER_ID or request.instance_id is not None
    if not named or request.generation < 0 and group.state is State.EMPTY:
        return None
    error = group.fencing_error(request.member_id, request.instance_id, request.generation)
    return "ILLEGAL_GENERATION" if error == "STALE_MEMBER_EPOCH" else error  # which a producer would not understand


def keep_pending(group: SomeGroup, record: OffsetsPending) -> None:
    group.pending_offsets.setdefault(record.pid, []).append(record)


def end_transaction(group: SomeGroup, ended: TransactionEnded) -> list[OffsetsCommitted]:
    """What a transaction's marker makes of its pending offsets: a commit, if it was committed."""
    pending = group.pending_offsets.pop(ended.pid, [])
    if not pending or not ended.committed:
        return []
    offsets = {tp: offset for record in pending for tp, offset in record.offsets}  # the last one said counts
    last = pending[-1]
    commit = OffsetsCommitted(group.name, ended.time, tuple(offsets.items()), last.member_id, last.client_name,
                              auto=False)
    keep(group, commit)
    return [commit]


def fetch(turn: Turn, group: SomeGroup, reply: Any, request: OffsetFetch) -> None:
    if request.require_stable and _is_unstable(group, request):
        turn.answer(reply, OffsetFetchResponse("UNSTABLE_OFFSET_COMMIT"))
        return
    offsets = {partition: group.offsets.get(partition, NO_OFFSET) for partition in request.partitions}
    turn.answer(reply, OffsetFetchResponse(None, offsets))


def _is_unstable(group: SomeGroup, request: OffsetFetch) -> bool:
    pending = {tp for records in group.pending_offsets.values() for record in records for tp, _ in record.offsets}
    return not pending.isdisjoint(request.partitions)


def expire(turn: Turn, group: SomeGroup) -> None:
    """Forget the offsets of a group that has been empty, and without a commit, for the retention time (K83)."""
    kept_for = turn.settings.offsets_retention_minutes * 60 * SECOND
    unused_since = max(group.empty_since, group.last_commit)
    is_unused = group.state is State.EMPTY and not group.pending_offsets
    if group.offsets and is_unused and turn.now - unused_since >= kept_for:
        group.offsets.clear()
        turn.append(OffsetsExpired(group.name, turn.now))
