"""CooperativeSticky: the sticky target, reached in two rebalances so that nobody stops for partitions that stay."""

from collections.abc import Mapping

from simlib.kafka.assignors.sticky import sticky_assignor
from simlib.kafka.assignors.subscription import Assignment, Subscription


def cooperative_sticky_assignor(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Assign as Kafka's CooperativeStickyAssignor does (K92, KIP-429).

    A partition that another member still holds is given to nobody yet: its holder revokes it and rejoins, and the next
    rebalance gives it.
    """
    target = sticky_assignor(subscriptions, partitions)
    leaving = {
        partition
        for member, subscription in subscriptions.items()
        for partition in subscription.owned
        if partition not in target[member]
    }
    return {
        member: [one for one in assigned if one in subscriptions[member].owned or one not in leaving]
        for member, assigned in target.items()
    }
