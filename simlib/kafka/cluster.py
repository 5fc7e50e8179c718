"""What everybody in a cluster knows from configuration, and the picture the controller hands out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from simlib.kafka.partition_leader import PartitionState
from simlib.kafka.timestamps import LOG_APPEND_TIME
from simlib.kafka.topic_partition import TopicPartition
from simlib.scenario.settings import resolve_topic

INTERNAL_TOPIC = "__consumer_offsets"
TRANSACTION_TOPIC = "__transaction_state"

OFFSETS = 0
"""The internal topic's partition, in which groups keep their state: its leader is their coordinator."""


def is_internal(topic: str) -> bool:
    """A topic of the brokers' own."""
    return topic.startswith("__")


class Image(NamedTuple):
    """The cluster as of one version of the metadata: shared, never changed."""

    version: int
    partitions: Mapping[int, PartitionState]
    alive: frozenset[int]

    def leader(self, tp: int) -> int:
        """The broker that leads a partition, -1 if there is none."""
        state = self.partitions.get(tp)
        return -1 if state is None else state.leader


class Cluster:
    """Names, numbers and settings. Partitions are numbered over all topics; OFFSETS is the internal one."""

    def __init__(self, settings: Any, topics: dict[str, Any]) -> None:
        self.settings = settings
        self.tps: list[TopicPartition] = []
        self.partitions_of: dict[str, list[int]] = {}
        self._topic_settings = topics
        self.stamped_at_append: frozenset[str] = frozenset()
        """Topics whose records carry the time of the append."""
        self.forgets_within: float = math.inf
        """How soon (ms) some topic may delete a record."""
        self.compacts = False
        """Is only the last value of each key kept in some topic?"""
        self._notice_settings()
        self.brokers: list[Any] = []
        self.controllers: list[Any] = []
        self.processes: dict[str, Any] = {}
        self.committed: dict[tuple[str, Any], int] = {}
        self.read_up_to: dict[tuple[str, int], int] = {}
        self.client = "kafka-python"
        """Whose clients these are: transactions differ."""
        self.member_ids = 0
        """How many member ids clients have chosen themselves (KIP-848)."""
        self.transaction_log: int | None = None
        """The partition of the transaction log; None until the first transactional producer asks for it."""
        self.transaction_replicas: tuple[int, ...] = ()
        self.share_groups: dict[str, Any] = {}
        """The settings of each share group, as its members gave them."""
        self.answers_noted: set[tuple[int, ...]] = set()
        """What became of records of share groups, as far as it is in the trace."""
        self.decided: dict[str, Any] = {}
        """By transactional id: the last decision that is in the trace."""
        self.log_starts: dict[int, int] = {}
        self.oldest_age = 0
        """How old (ms) a record can become within the run; the scenario's duration, unless timestamps are chosen."""
        self.is_safe = False
        """Nothing can befall a broker or a controller in this run: nobody waits for signs of life from them."""
        self.has_safe_followers = False
        """Nor are followers sent what they are sure to take."""

    def add_partition(self, topic: str) -> int:
        """Number the next partition of a topic."""
        tps = self.partitions_of.setdefault(topic, [])
        self.tps.append(TopicPartition(topic, len(tps)))
        tps.append(len(self.tps) - 1)
        return tps[-1]

    def new_member_id(self, name: str) -> str:
        """An id that no other member has; a real client draws it."""
        self.member_ids += 1
        return f"{name}-{self.member_ids}"

    def process(self, name: str) -> Any:
        """The process of that name, None if there is none."""
        return self.processes.get(name)

    def tp(self, topic: str, partition: int) -> int:
        return self.partitions_of[topic][partition]

    def change_topic(self, topic: Any) -> None:
        """A topic's settings changed at run time."""
        self._topic_settings[topic.name] = resolve_topic(topic.config, self.settings)
        self._notice_settings()

    def _notice_settings(self) -> None:
        topics = [(name, settings) for name, settings in self._topic_settings.items() if name != INTERNAL_TOPIC]
        self.stamped_at_append = frozenset([name for name, settings in topics
                                            if settings.message_timestamp_type == LOG_APPEND_TIME])
        self.forgets_within = min([settings.forgets_within for _, settings in topics], default=math.inf)
        self.compacts = any([settings.compacts for _, settings in topics])

    def keeps_house(self) -> bool:
        """Can something be deleted or compacted within the run?"""
        return self.compacts or self.forgets_within < self.oldest_age

    def timestamp_chosen(self, timestamp: int, now: int) -> None:
        """A record is older than its creation (both in ms): it may have to go within the run."""
        age = now - timestamp + self.oldest_age
        if age > self.oldest_age:
            self.oldest_age = age
            for broker in self.brokers:
                broker.housekeeping.plan()

    def topic_settings(self, tp: int) -> Any:
        return self._topic_settings[self.tps[tp].topic]

    def active_controller(self) -> Any:
        return next((one for one in self.controllers if one.active), self.controllers[0])
