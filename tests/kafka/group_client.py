"""A client on the bench: asks its coordinator what a consumer would ask, when it is told to."""

from dataclasses import dataclass, field

from group_bench import Bench

from simlib.kafka.assignors import Subscription, assign
from simlib.kafka.groups import Heartbeat, JoinGroup, LeaveGroup, OffsetCommit, SyncGroup
from simlib.kafka.topic_partition import TopicPartition


@dataclass
class Client:
    """A consumer of topic `t` (6 partitions), as far as its coordinator sees one."""

    bench: Bench
    name: str
    assignors: tuple[str, ...] = ("range",)
    instance_id: str | None = None
    topics: tuple[str, ...] = ("t",)
    session_timeout_ms: int = 45_000
    max_poll_interval_ms: int = 300_000
    member_id: str = ""
    generation: int = -1
    owned: tuple = ()
    joining: int = 0
    syncing: int = 0
    gave_up: bool = False
    partitions: dict = field(default_factory=lambda: {"t": 6, "u": 2})

    def join(self):
        """Ask to join, a second time with the member id where it is needed; returns the answer if there is one."""
        self.joining = self.bench.send(self.join_request())
        answer = self.bench.answers.get(self.joining)
        if answer is not None and answer.error == "MEMBER_ID_REQUIRED":
            self.member_id = answer.member_id
            self.joining = self.bench.send(self.join_request())
        return self.joined()

    def join_request(self):
        return JoinGroup(
            "billing",
            self.member_id,
            self.session_timeout_ms,
            self.max_poll_interval_ms,
            tuple((name, self.subscription(name)) for name in self.assignors),
            self.name,
            self.instance_id,
        )

    def subscription(self, assignor):
        """As kafka-python: only the sticky assignors tell what the member holds."""
        if "sticky" in assignor:
            return Subscription(self.topics, self.owned, self.generation)
        return Subscription(self.topics)

    def joined(self):
        """The answer to the last join, if it has come."""
        answer = self.bench.answers.get(self.joining)
        if answer is not None and answer.error is None:
            self.member_id, self.generation = answer.member_id, answer.generation
        return answer

    def sync(self):
        """Ask for the assignment; a leader assigns first."""
        answer = self.joined()
        leads = bool(answer.members) and not answer.skip_assignment
        assignments = assign(answer.protocol, answer.members, self.partitions) if leads else None
        request = SyncGroup("billing", self.generation, self.member_id, self.instance_id, assignments)
        self.syncing = self.bench.send(request)
        return self.synced()

    def synced(self):
        answer = self.bench.answers.get(self.syncing)
        if answer is not None and answer.error is None and self.owned != answer.assignment:
            self.gave_up = not set(self.owned) <= set(answer.assignment)
            self.owned = answer.assignment
        return answer

    def beat(self):
        return self.bench.ask(self.heartbeat_request()).error

    def heartbeat_request(self):
        return Heartbeat("billing", self.generation, self.member_id, self.instance_id)

    def leave(self):
        return self.bench.ask(self.leave_request()).error

    def leave_request(self):
        return LeaveGroup("billing", self.member_id, self.instance_id)

    def commit(self, **offsets):
        """commit(t0=5) commits 5 for partition 0 of topic t."""
        return self.bench.ask(self.commit_request(**offsets)).error

    def commit_request(self, **offsets):
        named = {TopicPartition(name[0], int(name[1:])): offset for name, offset in offsets.items()}
        return OffsetCommit("billing", self.generation, self.member_id, named, self.instance_id)

    def poll(self):
        """What a consumer does about its group between two batches: take what was answered, rejoin where it must."""
        joined, synced = self.joined(), self.synced()
        if self.joining < self.syncing:
            self.look_after(synced)
        elif joined is not None and joined.error == "MEMBER_ID_REQUIRED":
            self.member_id = joined.member_id
            self.join()
        elif joined is not None and joined.error is not None:
            self.rejoin_after(joined.error)
        elif joined is not None:
            self.sync()

    def look_after(self, synced):
        error = synced.error if synced is not None else None
        if synced is not None and error is None and self.bench.replicates:
            error = self.beat()
        if error is not None or self.gave_up:
            self.rejoin_after(error)

    def rejoin_after(self, error):
        self.gave_up = False
        if error in ("UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"):
            self.start_anew()
        else:
            self.join()

    def start_anew(self):
        self.member_id, self.generation, self.owned, self.gave_up = "", -1, (), False
        self.join()

    def held(self):
        self.synced()
        return [partition.partition for partition in self.owned]
