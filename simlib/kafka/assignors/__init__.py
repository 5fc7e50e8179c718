"""How a group's partitions are divided among its members: Kafka's four client-side assignors by name."""

from collections.abc import Callable, Mapping

from simlib.kafka.assignors.cooperative_sticky import cooperative_sticky_assignor
from simlib.kafka.assignors.range_assignor import range_assignor
from simlib.kafka.assignors.round_robin import round_robin_assignor
from simlib.kafka.assignors.sticky import sticky_assignor
from simlib.kafka.assignors.subscription import Assignment, Subscription

ASSIGNORS: dict[str, Callable[[Mapping[str, Subscription], Mapping[str, int]], Assignment]] = {
    "range": range_assignor,
    "roundrobin": round_robin_assignor,
    "sticky": sticky_assignor,
    "cooperative-sticky": cooperative_sticky_assignor,
}


def assign(name: str, subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]) -> Assignment:
    """The partitions of each member. `partitions` maps a topic to its number of partitions; other topics are left out.

    Raises ValueError for an assignor that does not exist.
    """
    if name not in ASSIGNORS:
        raise ValueError(f"partition_assignment_strategy {name!r}: no such assignor; there are {', '.join(ASSIGNORS)}.")
    return ASSIGNORS[name](subscriptions, partitions)


__all__ = ["ASSIGNORS", "Assignment", "Subscription", "assign"]
