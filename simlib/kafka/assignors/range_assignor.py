"""Range: each topic on its own, cut into consecutive ranges; the first members get the longer ones."""

from collections.abc import Mapping

from simlib.kafka.assignors.subscription import Assignment, Subscription, in_member_order, subscribed_partitions
from simlib.kafka.topic_partition import TopicPartition


def range_assignor(subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """Assign as Kafka's RangeAssignor does. Many topics of one partition all go to the first member."""
    assignment: Assignment = {member: [] for member in subscriptions}
    members = in_member_order(subscriptions)
    for topic in dict.fromkeys(partition.topic for partition in subscribed_partitions(subscriptions, partitions)):
        interested = [member for member in members if topic in subscriptions[member].topics]
        _cut(topic, partitions[topic], interested, assignment)
    return assignment


def _cut(topic: str, count: int, members: list[str], assignment: Assignment) -> None:
    length, longer = divmod(count, len(members))
    start = 0
    for position, member in enumerate(members):
        stop = start + length + (position < longer)
        assignment[member] += [TopicPartition(topic, number) for number in range(start, stop)]
        start = stop
