"""The coordinator's own assignors (KIP-848): `uniform` and `range`. Both let members keep what they had.

`owned` of a subscription is what the member was to have before. Members count in the order in which they joined.
"""

from collections.abc import Callable, Mapping
from itertools import islice

from simlib.kafka.assignors.sticky import sticky_assignor
from simlib.kafka.assignors.subscription import Assignment, Subscription, subscribed_partitions
from simlib.kafka.topic_partition import TopicPartition


def uniform_assignor(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Even shares of all partitions. Where members want different topics, as the sticky assignor would."""
    if len({frozenset(one.topics) for one in subscriptions.values()}) > 1:
        return sticky_assignor(subscriptions, partitions)
    everything = subscribed_partitions(subscriptions, partitions)
    shares = _shares(list(subscriptions), len(everything))
    wanted = set(everything)
    kept = {member: [tp for tp in one.owned if tp in wanted][:shares[member]] for member, one in subscriptions.items()}
    taken = {tp for mine in kept.values() for tp in mine}
    rest = iter([tp for tp in everything if tp not in taken])
    return {member: sorted([*mine, *islice(rest, shares[member] - len(mine))]) for member, mine in kept.items()}


def _shares(members: list[str], total: int) -> dict[str, int]:
    """How many partitions each is to have: the first get those that are left over."""
    least, longer = divmod(total, len(members))
    return {member: least + (position < longer) for position, member in enumerate(members)}


def range_on_server(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Each topic on its own: even shares, consecutive as far as nobody has to give up more than its share."""
    assignment: Assignment = {member: [] for member in subscriptions}
    for topic in dict.fromkeys(tp.topic for tp in subscribed_partitions(subscriptions, partitions)):
        interested = {member: one for member, one in subscriptions.items() if topic in one.topics}
        for member, numbers in _ranges(topic, partitions[topic], interested).items():
            assignment[member] += [TopicPartition(topic, number) for number in numbers]
    return assignment


def _ranges(topic: str, count: int, members: Mapping[str, Subscription]) -> dict[str, list[int]]:
    """The numbers of one topic's partitions that each member gets."""
    least, longer = divmod(count, len(members))
    kept: dict[str, list[int]] = {}
    for member, one in members.items():
        had = sorted(tp.partition for tp in one.owned if tp.topic == topic)
        extra = len(had) > least and longer > 0
        longer -= extra
        kept[member] = had[:least + extra]
    taken = {number for mine in kept.values() for number in mine}
    rest = [number for number in range(count) if number not in taken]
    for member, mine in kept.items():
        more = max(least - len(mine), 0)
        if longer and len(mine) <= least:
            more, longer = more + 1, longer - 1
        kept[member], rest = sorted(mine + rest[:more]), rest[more:]
    return kept


SERVER_ASSIGNORS: dict[str, Callable[[Mapping[str, Subscription], Mapping[str, int]], Assignment]] = {
    "uniform": uniform_assignor,
    "range": range_on_server,
}


def assign_on_server(name: str, subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]
                     ) -> Assignment:
    """The partitions each member shall have. `name`: one of group_consumer_assignors."""
    return SERVER_ASSIGNORS[name](subscriptions, partitions)
