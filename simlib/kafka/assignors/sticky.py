"""Sticky: as even as possible, and every member keeps what it had as far as that allows."""

from collections.abc import Mapping
from itertools import chain

from simlib.kafka.assignors.subscription import Assignment, Subscription, subscribed_partitions
from simlib.kafka.topic_partition import TopicPartition


def sticky_assignor(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Assign as Kafka's StickyAssignor does: keep, hand out the rest to the least loaded, then even out."""
    everything = subscribed_partitions(subscriptions, partitions)
    assignment = _kept(subscriptions, set(everything))
    if len({frozenset(subscription.topics) for subscription in subscriptions.values()}) == 1:
        _trim(assignment, len(everything))
    _hand_out(everything, assignment, subscriptions)
    while _move_one(assignment, subscriptions):
        pass
    return {member: sorted(assignment[member]) for member in subscriptions}


def _kept(subscriptions: Mapping[str, Subscription], existing: set[TopicPartition]) -> Assignment:
    """What each member still holds; of two that claim a partition the later generation wins, at a tie neither."""
    owners = _owners(subscriptions)
    kept: Assignment = {}
    for member in sorted(subscriptions):
        subscription = subscriptions[member]
        kept[member] = [
            partition
            for partition in sorted(set(subscription.owned) & existing)
            if owners[partition] == [member] and partition.topic in subscription.topics
        ]
    return kept


def _owners(subscriptions: Mapping[str, Subscription]) -> dict[TopicPartition, list[str]]:
    """The members that claim each partition in the latest generation in which somebody does."""
    claims: dict[TopicPartition, list[tuple[int, str]]] = {}
    for member, subscription in subscriptions.items():
        for partition in set(subscription.owned):
            claims.setdefault(partition, []).append((subscription.generation, member))
    return {partition: _latest(claimed) for partition, claimed in claims.items()}


def _latest(claimed: list[tuple[int, str]]) -> list[str]:
    latest = max(generation for generation, _ in claimed)
    return [member for generation, member in claimed if generation == latest]


def _trim(assignment: Assignment, total: int) -> None:
    """Where everybody wants the same topics, cut everyone to an even share before anything is handed out."""
    share, longer = divmod(total, len(assignment))
    for held in assignment.values():
        keep = share
        if len(held) > share and longer > 0:
            keep, longer = share + 1, longer - 1
        del held[keep:]


def _hand_out(
    everything: list[TopicPartition], assignment: Assignment, subscriptions: Mapping[str, Subscription]
) -> None:
    """Give each free partition to the least loaded member that wants it, partitions with the fewest takers first."""
    held = set(chain.from_iterable(assignment.values()))
    takers = {topic: _takers(topic, subscriptions) for topic in {partition.topic for partition in everything}}
    free = [partition for partition in everything if partition not in held]
    for partition in sorted(free, key=lambda one: (len(takers[one.topic]), one)):
        least = min(takers[partition.topic], key=lambda member: (len(assignment[member]), member))
        assignment[least].append(partition)


def _takers(topic: str, subscriptions: Mapping[str, Subscription]) -> list[str]:
    return [member for member in sorted(subscriptions) if topic in subscriptions[member].topics]


def _move_one(assignment: Assignment, subscriptions: Mapping[str, Subscription]) -> bool:
    """Move one partition from a member to one with at least two fewer; False when there is none to move."""
    for giver in sorted(assignment, key=lambda member: (-len(assignment[member]), member)):
        for partition in reversed(assignment[giver]):
            least = min(_takers(partition.topic, subscriptions), key=lambda member: (len(assignment[member]), member))
            if len(assignment[giver]) - len(assignment[least]) >= 2:
                assignment[giver].remove(partition)
                assignment[least].append(partition)
                return True
    return False
