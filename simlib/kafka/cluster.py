"""What everybody in a cluster knows from configuration, and the picture the controller hands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from simlib.kafka.partition_leader import PartitionState
from simlib.kafka.topic_partition import TopicPartition
from simlib.scenario.settings import resolve_topic

INTERNAL_TOPIC = "__consumer_offsets"
TRANSACTION_TOPIC = "__transaction_state"


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
    """Names, numbers and settings. Partitions are numbered over all topics; 0 is the internal one."""

    def __init__(self, settings: Any, topics: dict[str, Any]) -> None:
        self.settings = settings
        self.tps: list[TopicPartition] = []
        self.partitions_of: dict[str, list[int]] = {}
        self._topic_settings = topics
        self.brokers: list[Any] = []
        self.controllers: list[Any] = []
        self.processes: dict[str, Any] = {}
        self.committed: dict[tuple[str, Any], int] = {}
        self.read_up_to: dict[tuple[str, int], int] = {}
        self.client = "kafka-python"
        """Whose clients these are: transactions differ."""
        self.transaction_log: int | None = None
        """The partition of the transaction log; None until the first transactional producer asks for it."""
        self.transaction_replicas: tuple[int, ...] = ()
        self.is_safe = False
        """Nothing can befall a broker or a controller in this run: nobody waits for signs of life from them."""

    def add_partition(self, topic: str) -> int:
        """Number the next partition of a topic."""
        tps = self.partitions_of.setdefault(topic, [])
        self.tps.append(TopicPartition(topic, len(tps)))
        tps.append(len(self.tps) - 1)
        return tps[-1]

    def process(self, name: str) -> Any:
        """The process of that name, None if there is none."""
        return self.processes.get(name)

    def tp(self, topic: str, partition: int) -> int:
        return self.partitions_of[topic][partition]

    def change_topic(self, topic: Any) -> None:
        """A topic's settings changed at run time."""
        self._topic_settings[topic.name] = resolve_topic(topic.config, self.settings)

    def topic_settings(self, tp: int) -> Any:
        return self._topic_settings[self.tps[tp].topic]

    def active_controller(self) -> Any:
        return next((one for one in self.controllers if one.active), self.controllers[0])
