"""The four assignors, against the worked examples of Kafka's Javadoc."""

import json
from pathlib import Path

import pytest

from simlib.kafka.assignors import Subscription, assign
from simlib.kafka.topic_partition import TopicPartition

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "golden_vectors.json").read_text(encoding="utf-8"))
EXAMPLES = [
    (name, example) for example in GOLDEN["assignors"] for name in ("range", "roundrobin", "sticky") if name in example
]
FOUR_BY_TWO = {"t0": 2, "t1": 2, "t2": 2, "t3": 2}


def shown(assignment):
    return {member: [f"{topic}p{number}" for topic, number in held] for member, held in assignment.items()}


def uniform(members, topics, held=None):
    return {member: Subscription(tuple(topics), tuple((held or {}).get(member, ()))) for member in members}


@pytest.mark.statement("K84")
@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_worked_example(name, example):
    members = [f"C{number}" for number in range(example["members"])]
    assignment = shown(assign(name, uniform(members, example["topics"]), example["topics"]))
    assert list(assignment.values()) == example[name]


@pytest.mark.parametrize("name", ["range", "roundrobin", "sticky", "cooperative-sticky"])
def test_as_many_members_as_partitions_of_each_topic(name):
    assignment = assign(name, uniform(["C0", "C1", "C2"], ["t0", "t1"]), {"t0": 3, "t1": 3})
    assert [len(held) for held in assignment.values()] == [2, 2, 2]


@pytest.mark.statement("K84")
@pytest.mark.parametrize("name", ["range", "roundrobin", "sticky", "cooperative-sticky"])
def test_more_members_than_partitions_leave_one_idle(name):
    assignment = assign(name, uniform(["C0", "C1", "C2"], ["t"]), {"t": 2})
    assert sorted(len(held) for held in assignment.values()) == [0, 1, 1]


@pytest.mark.parametrize(
    ("name", "first"), [("range", 10), ("roundrobin", 5), ("sticky", 5), ("cooperative-sticky", 5)]
)
def test_ten_topics_of_one_partition(name, first):
    topics = {f"t{number}": 1 for number in range(10)}
    assignment = assign(name, uniform(["C0", "C1"], topics), topics)
    assert [len(held) for held in assignment.values()] == [first, 10 - first]


@pytest.mark.statement("K84a")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("range", {"C0": ["t0p0"], "C1": ["t1p0"], "C2": ["t1p1", "t2p0", "t2p1", "t2p2"]}),
        ("roundrobin", {"C0": ["t0p0"], "C1": ["t1p0"], "C2": ["t1p1", "t2p0", "t2p1", "t2p2"]}),
        ("sticky", {"C0": ["t0p0"], "C1": ["t1p0", "t1p1"], "C2": ["t2p0", "t2p1", "t2p2"]}),
        ("cooperative-sticky", {"C0": ["t0p0"], "C1": ["t1p0", "t1p1"], "C2": ["t2p0", "t2p1", "t2p2"]}),
    ],
)
def test_members_that_want_different_topics(name, expected):
    wishes = {"C0": ("t0",), "C1": ("t0", "t1"), "C2": ("t0", "t1", "t2")}
    subscriptions = {member: Subscription(topics) for member, topics in wishes.items()}
    assert shown(assign(name, subscriptions, {"t0": 1, "t1": 2, "t2": 3})) == expected


@pytest.mark.parametrize("name", ["sticky", "cooperative-sticky", "roundrobin"])
def test_a_member_leaves(name):
    before = assign(name, uniform(["C0", "C1", "C2"], FOUR_BY_TWO), FOUR_BY_TWO)
    after = assign(name, uniform(["C0", "C2"], FOUR_BY_TWO, before), FOUR_BY_TWO)
    expected = GOLDEN["assignors"][2]["after_C1_leaves"]
    assert shown(after) == expected["roundrobin" if name == "roundrobin" else "sticky"]


def test_a_member_joins_and_two_partitions_move():
    before = assign("sticky", uniform(["C0", "C1"], ["t"]), {"t": 6})
    assert shown(before) == {"C0": ["tp0", "tp2", "tp4"], "C1": ["tp1", "tp3", "tp5"]}
    after = assign("sticky", uniform(["C0", "C1", "C2"], ["t"], before), {"t": 6})
    assert shown(after) == {"C0": ["tp0", "tp2"], "C1": ["tp1", "tp3"], "C2": ["tp4", "tp5"]}


@pytest.mark.statement("K92")
def test_cooperative_gives_a_moving_partition_only_once_its_holder_let_go():
    members = ["C0", "C1", "C2"]
    before = assign("cooperative-sticky", uniform(members[:2], ["t"]), {"t": 6})
    first = assign("cooperative-sticky", uniform(members, ["t"], before), {"t": 6})
    assert shown(first) == {"C0": ["tp0", "tp2"], "C1": ["tp1", "tp3"], "C2": []}
    second = assign("cooperative-sticky", uniform(members, ["t"], first), {"t": 6})
    assert shown(second) == {"C0": ["tp0", "tp2"], "C1": ["tp1", "tp3"], "C2": ["tp4", "tp5"]}


@pytest.mark.statement("K98")
@pytest.mark.parametrize("name", ["range", "roundrobin"])
def test_static_members_keep_their_share_over_a_bounce(name):
    def held(first_id, second_id):
        static = {first_id: "I0", second_id: "I1"}
        subscriptions = {member: Subscription(("t",), instance_id=instance) for member, instance in static.items()}
        assignment = assign(name, subscriptions, {"t": 5})
        return {"I0": assignment[first_id], "I1": assignment[second_id]}

    assert held("a", "b") == held("z", "c")


def test_dynamic_members_can_swap_over_a_bounce():
    before = assign("range", uniform(["a", "b"], ["t"]), {"t": 2})
    after = assign("range", uniform(["a-again", "Z-was-b"], ["t"]), {"t": 2})
    assert before["a"] == after["Z-was-b"]


@pytest.mark.statement("K84b")
def test_static_members_count_before_dynamic_ones():
    subscriptions = {
        "C0": Subscription(("t",), instance_id="I0"),
        "C1": Subscription(("t",)),
        "C2": Subscription(("t",), instance_id="I2"),
    }
    assert shown(assign("range", subscriptions, {"t": 3})) == {"C0": ["tp0"], "C1": ["tp2"], "C2": ["tp1"]}


def test_of_two_that_claim_a_partition_the_later_generation_keeps_it():
    one = TopicPartition("t", 0)
    subscriptions = {"a": Subscription(("t",), (one,), generation=3), "b": Subscription(("t",), (one,), generation=4)}
    assert assign("sticky", subscriptions, {"t": 1}) == {"a": [], "b": [one]}


def test_a_topic_that_does_not_exist_is_left_out():
    assert assign("range", uniform(["C0"], ["t", "gone"]), {"t": 1}) == {"C0": [TopicPartition("t", 0)]}


def test_an_unknown_assignor_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="'fair': no such assignor; there are range, roundrobin, sticky, cooperative"):
        assign("fair", {}, {})
