"""Random requests, deaths and failovers: what must hold whatever happens."""

from collections import defaultdict

from group_bench import Bench
from group_client import Client
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.assignors import ASSIGNORS
from simlib.kafka.groups import OffsetFetch, State
from simlib.kafka.groups.records import OffsetsCommitted
from simlib.kafka.topic_partition import TopicPartition

PARTITIONS = tuple(TopicPartition("t", number) for number in range(6))
OFTEN = ["poll", "poll all", "wait", "commit"] * 3
NOW_AND_THEN = ["leave", "die", "start", "long wait", "stall", "go on", "fail over"]
steps = st.lists(st.tuples(st.sampled_from(OFTEN + NOW_AND_THEN), st.integers(0, 3)), min_size=20, max_size=100)
assignors = st.sampled_from(list(ASSIGNORS))


class Story:
    """Four clients, two of them static, in a young group, that do what they are told; notes who is given what."""

    def __init__(self, assignor):
        self.bench, self.assignor, self.commits = Bench(), assignor, 0
        self.clients = [self.client(number) for number in range(4)]
        self.given, self.generations = defaultdict(lambda: defaultdict(set)), []
        self.tell([("poll all", 0), ("wait", 0)] * 4)

    def client(self, number):
        instance = f"instance-{number}" if number < 2 else None
        return Client(self.bench, f"billing-{number}", (self.assignor,), instance, max_poll_interval_ms=60_000)

    def tell(self, steps):
        for act, number in steps:
            for one in range(4) if act == "poll all" else [number]:
                self.client_acts(act, self.clients[one], one)
            self.world_acts(act)
            self.note()

    def client_acts(self, act, client, number):
        if act.startswith("poll") and client.joining:
            client.poll()
        elif act.startswith("poll") or act == "start":
            client.start_anew()
        elif act == "commit" and client.member_id:
            self.commits += 1
            self.bench.send(client.commit_request(**{f"t{number}": self.commits}))
        elif act == "leave":
            self.bench.send(client.leave_request())
        elif act == "die":
            self.clients[number] = self.client(number)

    def world_acts(self, act):
        if act in ("wait", "long wait"):
            self.bench.advance(3000 if act == "wait" else 47_000)
        elif act == "stall":
            self.bench.replicates = False
        elif act == "go on":
            self.bench.replicates = True
            self.bench.carry_out([])
        elif act == "fail over":
            self.bench.fail_over()

    def note(self):
        for client in self.clients:
            answer = client.synced() if client.syncing > client.joining else None
            for partition in answer.assignment if answer is not None else ():
                self.given[client.generation][partition].add(client.name)
        group = self.bench.coordinator.groups.get("billing")
        self.generations.append(group.generation if group else 0)


@given(assignors, steps)
def test_one_partition_never_has_two_members_in_one_generation(assignor, steps):
    story = Story(assignor)
    story.tell(steps)
    for holders in story.given.values():
        assert all(len(names) == 1 for names in holders.values())


@given(steps.map(lambda steps: [step for step in steps if step[0] != "fail over"]))
def test_generations_only_grow(steps):
    story = Story("range")
    story.tell(steps)
    assert story.generations == sorted(story.generations)


@given(steps)
def test_a_new_coordinator_has_the_offsets_of_whatever_was_replicated(steps):
    story = Story("range")
    story.tell(steps)
    bench, log = story.bench, list(story.bench.log)
    for length in range(len(log) + 1):
        bench.log, bench.replicated = log[:length], length
        bench.fail_over()
        expected = {}
        for record in log[:length]:
            if isinstance(record, OffsetsCommitted):
                expected.update(record.offsets)
        answer = bench.ask(OffsetFetch("billing", PARTITIONS))
        assert {one: offset for one, offset in answer.offsets.items() if offset >= 0} == expected


@given(assignors, steps)
def test_every_group_comes_to_rest_with_all_partitions_assigned(assignor, steps):
    """Whatever happened before: once the clients poll, the group is stable and complete."""
    story = Story(assignor)
    story.tell(steps)
    story.world_acts("go on")
    for _ in range(100):
        story.tell([("poll all", 0), ("wait", 0)])
    held = sorted(partition for client in story.clients for partition in client.owned)
    assert held == sorted(PARTITIONS)
    assert story.bench.group.state is State.STABLE
