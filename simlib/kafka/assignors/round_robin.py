"""RoundRobin: all partitions of all topics dealt out one by one, like cards."""

from collections.abc import Mapping

from simlib.kafka.assignors.subscription import Assignment, Subscription, in_member_order, subscribed_partitions


def round_robin_assignor(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Assign as Kafka's RoundRobinAssignor does; a member that does not want the topic is passed over."""
    assignment: Assignment = {member: [] for member in subscriptions}
    members = in_member_order(subscriptions)
    turn = 0
    for partition in subscribed_partitions(subscriptions, partitions):
        while partition.topic not in subscriptions[members[turn % len(members)]].topics:
            turn += 1
        assignment[members[turn % len(members)]].append(partition)
        turn += 1
    return assignment
