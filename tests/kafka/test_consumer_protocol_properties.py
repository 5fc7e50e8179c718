"""KIP-848 under random requests, deaths, lost answers and failovers: what must hold whatever happens."""

from consumer_protocol_client import Consumer
from group_bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.kafka.groups import State
from simlib.kafka.topic_partition import TopicPartition

PARTITIONS = tuple(TopicPartition("t", number) for number in range(6))
OFTEN = ["beat", "poll", "beat all", "wait"] * 3
NOW_AND_THEN = ["leave", "die", "lost answer", "long wait", "fail over", "grow"]
steps = st.lists(st.tuples(st.sampled_from(OFTEN + NOW_AND_THEN), st.integers(0, 3)), max_size=80)
assignors = st.sampled_from([None, "uniform", "range"])
stories = settings(max_examples=60, deadline=None)


class Story:
    """Four consumers, one of them static, that do what they are told."""

    def __init__(self, assignor):
        self.bench, self.assignor, self.lives, self.generations = Bench(), assignor, 0, []
        self.consumers = [self.consumer(number) for number in range(4)]

    def consumer(self, number):
        self.lives += 1
        return Consumer(self.bench, f"billing-{number}", "till-0" if number == 0 else None, assignor=self.assignor,
                        max_poll_interval_ms=60_000, member_id=f"id-{self.lives}")

    def tell(self, steps):
        for act, number in steps:
            consumer = self.consumers[number]
            if act == "poll":
                consumer.poll()
            elif act in ("beat", "lost answer"):
                consumer.send(lost=act == "lost answer")
            elif act == "beat all":
                [each.beat() for each in self.consumers]
            else:
                self.something_rare(act, number)
            group = self.bench.coordinator.groups.get("billing")
            self.generations.append(group.generation if group else 0)
            self.nobody_shares()

    def something_rare(self, act, number):
        if act == "leave":
            self.consumers[number].leave()
        if act in ("leave", "die"):
            self.consumers[number] = self.consumer(number)
        elif act == "fail over":
            self.bench.fail_over()
        elif act == "grow":
            self.bench.partitions["t"] = min(self.bench.partitions["t"] + 1, 9)
        else:
            self.bench.advance(5_000 if act == "wait" else 47_000)

    def nobody_shares(self):
        """No partition is with two: not as the coordinator sees it, and not among members it would let commit."""
        group = self.bench.coordinator.groups.get("billing")
        if group is None:
            return
        has = [tp for member in group.members.values() for tp in (*member.assigned, *member.giving_up)]
        assert len(has) == len(set(has))
        members = group.members
        real = [tp for one in self.consumers if one.member_id in members and members[one.member_id].epoch == one.epoch
                for tp in one.owned]
        assert len(real) == len(set(real))


@stories
@given(assignors, steps)
def test_one_partition_never_has_two_members(assignor, steps):
    Story(assignor).tell(steps)


@stories
@given(assignors, steps)
def test_epochs_only_go_up(assignor, steps):
    story = Story(assignor)
    story.tell(steps)
    assert story.generations == sorted(story.generations)


@stories
@given(assignors, steps)
def test_every_group_comes_to_rest_with_all_partitions_assigned_evenly(assignor, steps):
    story = Story(assignor)
    story.tell(steps)
    for _ in range(25):
        for consumer in story.consumers:
            consumer.send(), consumer.poll()
        story.bench.advance(5_000)
    held = [sorted(consumer.owned) for consumer in story.consumers]
    assert sorted(sum(held, [])) == [TopicPartition("t", number) for number in range(story.bench.partitions["t"])]
    assert max(map(len, held)) - min(map(len, held)) <= 1
    assert story.bench.group.state is State.STABLE
