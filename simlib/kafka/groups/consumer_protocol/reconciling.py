"""One member's way from what it has to what it shall have: first it gives up, then it is given (K94)."""

from __future__ import annotations

from collections.abc import Collection

from simlib.kafka.groups.consumer_protocol.group import Consumer, ConsumerGroup
from simlib.kafka.topic_partition import TopicPartition


def reconcile(group: ConsumerGroup, member: Consumer, owned: Collection[TopicPartition] | None) -> bool:
    """One step of it, if one can be made; True if so. `owned`: what the member says it has, None if it says nothing."""
    if group.is_reconciled(member) or _still_has(owned, member.giving_up):
        return False
    before = member.position()
    kept = {tp: epoch for tp, epoch in member.assigned.items() if tp in member.target}
    leaving = {tp: epoch for tp, epoch in member.assigned.items() if tp not in kept}
    if _still_has(owned, leaving):
        _ask_to_give_up(member, kept, leaving)
    else:
        _give(group, member, kept)
    return member.position() != before


def _still_has(owned: Collection[TopicPartition] | None, leaving: Collection[TopicPartition]) -> bool:
    """Who does not say what it has may have it all."""
    return bool(leaving) and (owned is None or any(tp in leaving for tp in owned))


def _ask_to_give_up(member: Consumer, kept: dict[TopicPartition, int], leaving: dict[TopicPartition, int]) -> None:
    """It stays in its epoch until it has done so."""
    member.assigned, member.giving_up, member.waits_for_partitions = kept, leaving, False
    member.previous_epoch = member.epoch


def _give(group: ConsumerGroup, member: Consumer, kept: dict[TopicPartition, int]) -> None:
    """It enters the target's epoch, with those of its partitions that nobody else has any more."""
    missing = [tp for tp in member.target if tp not in kept]
    free = [tp for tp in missing if tp in member.giving_up or not group.is_held(tp)]
    member.previous_epoch, member.epoch = member.epoch, group.target_epoch
    member.assigned, member.giving_up = {**kept, **dict.fromkeys(free, group.target_epoch)}, {}
    member.waits_for_partitions = len(free) < len(missing)
