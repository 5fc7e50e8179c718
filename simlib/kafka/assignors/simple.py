"""The assignor of share groups (KIP-932): every partition to as many members as it takes to give each member one."""

from __future__ import annotations

from collections.abc import Mapping

from simlib.kafka.assignors.subscription import Assignment, Subscription, subscribed_partitions
from simlib.kafka.topic_partition import TopicPartition


def simple_assignor(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Even shares that differ by one partition at most; members keep what they had (`owned`) as far as that allows.

    Members count in the order in which they joined. Those that want different topics are assigned apart.
    """
    alike: dict[tuple[str, ...], dict[str, Subscription]] = {}
    for member, one in subscriptions.items():
        alike.setdefault(tuple(sorted(one.topics)), {})[member] = one
    assigned = {member: mine for group in alike.values() for member, mine in _assign(group, partitions).items()}
    return {member: sorted(assigned[member]) for member in subscriptions}


def _assign(members: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    everything = subscribed_partitions(members, partitions)
    if not everything:
        return {member: [] for member in members}
    sharing = -(-len(members) // len(everything))
    shares = _shares(list(members), sharing * len(everything))
    holders: dict[TopicPartition, int] = dict.fromkeys(everything, 0)
    assigned: Assignment = {member: [] for member in members}
    for member, one in members.items():
        for tp in one.owned:
            if tp in holders and holders[tp] < sharing and len(assigned[member]) < shares[member]:
                _give(assigned, holders, member, tp)
    for tp in everything:
        for member in members:
            if holders[tp] < sharing and len(assigned[member]) < shares[member] and tp not in assigned[member]:
                _give(assigned, holders, member, tp)
    return assigned


def _give(assigned: Assignment, holders: dict[TopicPartition, int], member: str, tp: TopicPartition) -> None:
    assigned[member].append(tp)
    holders[tp] += 1


def _shares(members: list[str], total: int) -> dict[str, int]:
    """How many partitions each is to have."""
    ends = [-(-total * (place + 1) // len(members)) for place in range(len(members))]
    return {member: end - start for member, start, end in zip(members, [0, *ends], ends, strict=False)}
