"""The name of one partition of one topic."""

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """A topic and the number of one of its partitions; sorts by topic, then by number."""

    topic: str
    partition: int
