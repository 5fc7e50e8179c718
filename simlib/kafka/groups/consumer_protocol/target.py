"""Who shall have what: the coordinator assigns the partitions itself, whenever the group's epoch has gone up (K94)."""

from __future__ import annotations

from collections import Counter

from simlib.kafka.assignors.server_side import assign_on_server
from simlib.kafka.assignors.subscription import Subscription
from simlib.kafka.groups.consumer_protocol.group import Consumer, ConsumerGroup
from simlib.kafka.groups.group import State
from simlib.kafka.groups.turn import Turn


def raise_epoch(turn: Turn, group: ConsumerGroup, reason: str) -> None:
    """Something has changed: the partitions have to be assigned anew."""
    turn.note("rebalancing", group, a=group.generation, detail=reason)
    group.generation += 1


def notice_partitions(turn: Turn, group: ConsumerGroup) -> bool:
    """Topics may have grown since the partitions were assigned last."""
    topics = sorted({topic for member in group.members.values() for topic in member.topics})
    now = {topic: turn.partitions(topic) for topic in topics}
    if now == group.partitions:
        return False
    grown = [topic for topic in now if topic in group.partitions and now[topic] != group.partitions[topic]]
    group.partitions = now
    if grown:
        raise_epoch(turn, group, f"{grown[0]} has {now[grown[0]]} partitions")
    return bool(grown)


def assign_anew(turn: Turn, group: ConsumerGroup) -> bool:
    """Make a target for the group's epoch, if there is none; who had something keeps it as far as can be."""
    if group.target_epoch == group.generation:
        return False
    wishes = {member.member_id: Subscription(member.topics, member.target, group.target_epoch, member.instance_id)
              for member in group.members.values()}
    group.assignor = preferred_assignor(turn, group)
    for member_id, partitions in assign_on_server(group.assignor, wishes, group.partitions).items():
        group.members[member_id].target = tuple(partitions)
    group.target_epoch = group.generation
    return True


def preferred_assignor(turn: Turn, group: ConsumerGroup) -> str:
    """The one most members name (group_remote_assignor); if none does, the first of group_consumer_assignors."""
    named = Counter(member.assignor for member in group.members.values() if member.assignor is not None)
    return max(named, key=named.__getitem__) if named else turn.settings.group_consumer_assignors[0]


def settle(turn: Turn, group: ConsumerGroup) -> None:
    """Is everybody where it shall be?"""
    group.state = group.present_state()
    if not group.members:
        group.empty_since = turn.now
        turn.note("generation", group, a=group.generation, b=0, detail="empty")
    elif group.state is State.STABLE and group.settled_epoch < group.generation:
        group.settled_epoch = group.generation
        turn.note("generation", group, a=group.generation, b=len(group.members), detail=group.assignor)


def forget_wait(turn: Turn, group: ConsumerGroup, member: Consumer) -> None:
    """Who has to give something up has its rebalance timeout for it, from when it was asked."""
    if member.giving_up:
        turn.wake("giving up", group, member.rebalance_timeout_ms, member.member_id)
    else:
        turn.forget("giving up", group, member.member_id)
