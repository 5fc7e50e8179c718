"""What a member tells an assignor about itself, and what an assignor answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from simlib.kafka.topic_partition import TopicPartition

Assignment: TypeAlias = dict[str, list[TopicPartition]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """The topics a member wants, what it holds (`owned`, since `generation`), its `group_instance_id` if static."""

    topics: tuple[str, ...]
    owned: tuple[TopicPartition, ...] = ()
    generation: int = -1
    instance_id: str | None = None


def in_member_order(subscriptions: Mapping[str, Subscription]) -> list[str]:
    """Member ids as Range and RoundRobin count them: static members by instance id, then the others by member id."""
    return sorted(subscriptions, key=lambda member: _rank(member, subscriptions[member]))


def _rank(member: str, subscription: Subscription) -> tuple[bool, str, str]:
    return (subscription.instance_id is None, subscription.instance_id or "", member)


def subscribed_partitions(
    subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]
) -> list[TopicPartition]:
    """Every partition of every topic that some member wants and that exists, in order."""
    wanted = {topic for subscription in subscriptions.values() for topic in subscription.topics}
    topics = sorted(wanted & partitions.keys())
    return [TopicPartition(topic, number) for topic in topics for number in range(partitions[topic])]
