"""K102, K102d: who is in a share group, which partitions members look at, and what is kept of their records."""

from types import SimpleNamespace

import pytest
from group_bench import Bench

from simlib.kafka.assignors.simple import simple_assignor
from simlib.kafka.assignors.subscription import Subscription
from simlib.kafka.groups import ConsumerGroupHeartbeat, JoinGroup, OffsetCommit, OffsetFetch
from simlib.kafka.groups.effects import Answer, Append
from simlib.kafka.groups.messages import ShareGroupHeartbeat
from simlib.kafka.shares.messages import Change, ReadShareState, WriteShareState
from simlib.kafka.shares.states import ShareStates
from simlib.kafka.shares.storing import Storing
from simlib.kafka.topic_partition import TopicPartition
from simlib.units import SECOND

T0 = TopicPartition("t", 0)


def beat(bench, name, epoch=0, topics=("t",)):
    return bench.ask(ShareGroupHeartbeat("billing", f"{name}-id", epoch, name, topics))


def numbers(answer):
    return sorted(tp.partition for tp in answer.assignment)


# -- who looks at which partition

def assigned(members, partitions, before=None):
    wishes = {f"m{n}": Subscription(("t",), tuple((before or {}).get(f"m{n}", ()))) for n in members}
    return simple_assignor(wishes, {"t": partitions})


@pytest.mark.statement("K102")
@pytest.mark.parametrize("partitions", [1, 2, 3, 7])
@pytest.mark.parametrize("members", [1, 2, 3, 5, 8, 20])
def test_every_partition_and_every_member_is_served_evenly(members, partitions):
    shares = assigned(range(members), partitions)
    sizes = [len(mine) for mine in shares.values()]
    held = [sum(TopicPartition("t", n) in mine for mine in shares.values()) for n in range(partitions)]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1
    assert min(held) >= 1 and max(held) <= -(-members // partitions)
    assert all(len(set(mine)) == len(mine) for mine in shares.values())


@pytest.mark.statement("K102")
def test_who_stays_keeps_what_it_had():
    before = assigned(range(3), 3)
    assert assigned(range(3), 3, before) == before
    after = assigned(range(6), 3, before)
    assert all(set(before[name]) <= set(after[name]) for name in before)


def test_members_that_want_different_topics_are_assigned_apart():
    wishes = {"a": Subscription(("t",)), "b": Subscription(("u",)), "c": Subscription(("u", "t"))}
    shares = simple_assignor(wishes, {"t": 2, "u": 1})
    assert {name: {tp.topic for tp in mine} for name, mine in shares.items()} == {
        "a": {"t"}, "b": {"u"}, "c": {"t", "u"}}
    assert simple_assignor({"a": Subscription(("gone",))}, {"t": 1}) == {"a": []}


# -- membership

@pytest.mark.statement("K102")
def test_several_members_look_at_one_partition():
    bench = Bench()
    bench.partitions = {"t": 1}
    assert [numbers(beat(bench, name)) for name in "abc"] == [[0], [0], [0]]
    assert bench.group.state.value == "Stable"


@pytest.mark.statement("K102")
def test_a_member_hears_of_a_new_assignment_with_its_next_heartbeat():
    bench = Bench()
    first = beat(bench, "a")
    assert numbers(first) == [0, 1, 2, 3, 4, 5]
    second = beat(bench, "b")
    assert len(second.assignment) == 3
    told = beat(bench, "a", first.epoch)
    assert told.epoch == second.epoch and set(told.assignment).isdisjoint(second.assignment)
    assert not hasattr(beat(bench, "a", told.epoch), "assignment")  # nothing new


@pytest.mark.statement("K102")
def test_who_leaves_or_is_silent_is_no_member_any_more():
    bench = Bench()
    beat(bench, "a")
    epoch = beat(bench, "b").epoch
    assert beat(bench, "b", -1).error is None
    assert beat(bench, "b", epoch).error == "UNKNOWN_MEMBER_ID"
    assert len(beat(bench, "a", epoch).assignment) == 6
    bench.advance(45_000)
    assert bench.group.members == {} and bench.group.state.value == "Empty"
    assert [note.kind for note in bench.notes if note.kind in ("left", "evicted")] == ["left", "evicted"]


def test_an_epoch_that_the_group_never_had_is_fenced():
    bench = Bench()
    epoch = beat(bench, "a").epoch
    assert beat(bench, "a", epoch + 1).error == "FENCED_MEMBER_EPOCH"


def test_a_topic_that_grows_is_noticed_with_the_next_heartbeat():
    bench = Bench()
    epoch = beat(bench, "a").epoch
    bench.partitions["t"] = 8
    assert len(beat(bench, "a", epoch).assignment) == 8


@pytest.mark.statement("K102d")
def test_a_new_coordinator_knows_the_members():
    bench = Bench()
    beat(bench, "a")
    epoch = beat(bench, "b").epoch
    before = {name: member.assignment for name, member in bench.group.members.items()}
    bench.carry_out(bench.coordinator.load(0, bench.log))
    assert {name: member.assignment for name, member in bench.group.members.items()} == before
    assert beat(bench, "a", epoch).error is None
    bench.advance(45_000)
    assert bench.group.members == {}


@pytest.mark.statement("K102")
def test_a_group_is_a_share_group_or_it_is_not():
    bench = Bench()
    beat(bench, "a")
    join = JoinGroup("billing", "", 45_000, 60_000, (("range", Subscription(("t",))),), "b")
    assert bench.ask(join).error == "INCONSISTENT_GROUP_PROTOCOL"
    heartbeat = ConsumerGroupHeartbeat("billing", "c-id", 0, "c", None, 60_000, ("t",), None, ())
    assert bench.ask(heartbeat).error == "GROUP_ID_NOT_FOUND"
    assert bench.ask(OffsetCommit("billing", -1, "", {T0: 1})).error == "UNKNOWN_MEMBER_ID"
    assert bench.ask(OffsetFetch("billing", (T0,))).offsets == {T0: -1}
    beat(bench, "a", -1)
    assert bench.ask(join).error == "INCONSISTENT_GROUP_PROTOCOL"  # empty, it stays one
    other = Bench()
    other.ask(heartbeat)
    assert beat(other, "a").error == "GROUP_ID_NOT_FOUND"


# -- the share coordinator

def asked(states, request):
    """The answer, and what was appended before it."""
    effects = states.handle("reply", request)
    appended = [effect for effect in effects if isinstance(effect, Append)]
    answers = [effect for effect in effects if isinstance(effect, Answer)] + [
        answer for effect in appended for answer in effect.answers]
    return answers[0].response, [effect.record for effect in appended]


def write(epoch, start, *changes):
    return WriteShareState("billing", T0, epoch, start, tuple(Change(*change) for change in changes))


@pytest.mark.statement("K102d")
def test_what_is_stored_is_read_by_the_next_leader_from_another_coordinator():
    states, log = ShareStates(), []
    states.load([])
    for request in (write(0, 0, (0, "acknowledged", 1), (2, "available", 2)), write(0, 1, (2, "archived", 5))):
        answer, records = asked(states, request)
        assert answer.error is None
        log += records
    other = ShareStates()
    other.load(log)
    answer, _ = asked(other, ReadShareState("billing", T0, 1))
    assert (answer.start, answer.states) == (1, {2: ("archived", 5)})


@pytest.mark.statement("K102d")
def test_a_leader_that_was_replaced_can_store_nothing():
    states = ShareStates()
    states.load([])
    assert asked(states, ReadShareState("billing", T0, 3))[0].start == -1
    assert asked(states, write(2, 0, (0, "acknowledged", 1)))[0].error == "FENCED_LEADER_EPOCH"
    assert asked(states, ReadShareState("billing", T0, 3))[0].states == {}


def test_who_is_not_the_coordinator_says_so():
    states = ShareStates()
    assert asked(states, ReadShareState("billing", T0, 0))[0].error == "NOT_COORDINATOR"
    states.load([])
    states.unload()
    assert asked(states, write(0, 0))[0].error == "NOT_COORDINATOR"


class Leader:
    """A broker that leads the partition, in a cluster whose groups nobody keeps just now."""

    def __init__(self):
        self.cluster = SimpleNamespace(tps=[T0])
        self.image = SimpleNamespace(leader=lambda tp: -1)
        self.pauses, self.planned, self.leads = [], [], True

    def after(self, delay, function, *args):
        self.pauses.append(delay / SECOND)
        self.planned.append((function, args))

    def pass_time(self):
        function, args = self.planned.pop(0)
        function(*args)

    def storing(self):
        return Storing(self, "billing", 0, 0, lambda: self.leads, lambda: 0)


@pytest.mark.statement("K102d")
def test_without_a_share_coordinator_a_write_is_given_up_after_a_while():
    leader, outcomes = Leader(), []
    storing = leader.storing()
    storing.write((Change(0, "acknowledged", 1),), outcomes.append)
    storing.write((Change(1, "acknowledged", 1),), outcomes.append)  # goes with the next one
    for _ in range(4):
        assert outcomes == [] and not storing.is_idle
        leader.pass_time()
    assert outcomes == [False] and leader.pauses[:4] == [1, 2, 4, 8]
    for _ in range(4):
        leader.pass_time()
    assert outcomes == [False, False] and storing.is_idle


@pytest.mark.statement("K102d")
def test_who_has_to_know_how_far_a_group_is_asks_until_it_hears():
    leader, answers = Leader(), []
    leader.storing().read(answers.append)
    for _ in range(20):
        leader.pass_time()
    assert len(leader.planned) == 1 and set(leader.pauses[1:]) == {1}
    leader.leads = False
    leader.pass_time()
    assert leader.planned == [] and answers == []
