"""A client of KIP-848 on the bench: heartbeats, and gives up and takes over when it is told to `poll`."""

from dataclasses import dataclass

from group_bench import Bench

from simlib.kafka.groups import ConsumerGroupHeartbeat, OffsetCommit
from simlib.kafka.topic_partition import TopicPartition


@dataclass
class Consumer:
    """A consumer of topic `t` (6 partitions), as far as its coordinator sees one."""

    bench: Bench
    name: str
    instance_id: str | None = None
    topics: tuple[str, ...] = ("t",)
    assignor: str | None = None
    max_poll_interval_ms: int = 300_000
    member_id: str = ""
    epoch: int = 0
    owned: tuple = ()
    told: tuple | None = None
    says: bool = True

    def __post_init__(self):
        self.member_id = self.member_id or f"{self.name}-id"

    def request(self, epoch, owned):
        return ConsumerGroupHeartbeat("billing", self.member_id, epoch, self.name, self.instance_id,
                                      self.max_poll_interval_ms, self.topics, self.assignor, owned)

    def send(self, lost=False):
        """A heartbeat; returns its answer. With `lost` the answer does not reach the client."""
        answer = self.bench.ask(self.request(self.epoch, self.owned if self.says or self.epoch == 0 else None))
        if lost:
            self.says = True
            return answer
        self.says = answer.error is not None
        if answer.error in ("FENCED_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID"):
            self.epoch, self.owned, self.told = 0, (), None
        elif answer.error is None and hasattr(answer, "epoch"):
            self.epoch = answer.epoch
            self.told = self.told if answer.assignment is None else answer.assignment
        return answer

    def beat(self):
        return self.send().error

    def poll(self):
        """Live up to what it was told, and say so."""
        if self.told is not None and set(self.told) != set(self.owned):
            self.owned, self.says = self.told, True
            self.send()

    def leave(self):
        return self.bench.ask(self.request(-1 if self.instance_id is None else -2, None)).error

    def commit(self, offset=1):
        named = {TopicPartition("t", 0): offset}
        return self.bench.ask(OffsetCommit("billing", self.epoch, self.member_id, named, self.instance_id)).error

    def held(self):
        return sorted(tp.partition for tp in self.owned)
