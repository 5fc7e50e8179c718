"""The assignors of the installed kafka-python, against Kafka's Javadoc and the simulator's [K84, K84a, K84b]."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from simlib.kafka.assignors import Subscription, assign

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "golden_vectors.json").read_text(encoding="utf-8"))
ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
EXAMPLES = [(name, example) for example in GOLDEN["assignors"] for name in ASSIGNORS if name in example]
DIFFERENT_TOPICS = {"C0": Subscription(("t0",)), "C1": Subscription(("t0", "t1")),
                    "C2": Subscription(("t0", "t1", "t2"))}
STATIC_DYNAMIC_STATIC = {"C0": Subscription(("t",), instance_id="I0"), "C1": Subscription(("t",)),
                         "C2": Subscription(("t",), instance_id="I2")}


def by_kafka_python(name, subscriptions, partitions):
    """What kafka-python's own code assigns, in the words of `simulated`."""
    members = [SimpleNamespace(member_id=member, group_instance_id=one.instance_id,
                               metadata=SimpleNamespace(topics=list(one.topics)))
               for member, one in subscriptions.items()]
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(partitions[topic])))
    assigned = ASSIGNORS[name].assign(cluster, members)
    return {member: [f"{topic}p{number}" for topic, numbers in held.assigned_partitions for number in numbers]
            for member, held in assigned.items()}


def simulated(name, subscriptions, partitions):
    assigned = assign(name, subscriptions, partitions)
    return {member: [f"{topic}p{number}" for topic, number in held] for member, held in assigned.items()}


@pytest.mark.statement("K84")
@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_where_all_members_want_the_same_it_assigns_as_the_javadoc_says(name, example):
    members = {f"C{number}": Subscription(tuple(example["topics"])) for number in range(example["members"])}
    assert [*by_kafka_python(name, members, example["topics"]).values()] == example[name]


@pytest.mark.statement("K84a")
@pytest.mark.differs("K84a")
def test_its_round_robin_cannot_assign_where_members_want_different_topics():
    with pytest.raises(KeyError):
        by_kafka_python("roundrobin", DIFFERENT_TOPICS, {"t0": 1, "t1": 2, "t2": 3})


@pytest.mark.statement("K84b")
@pytest.mark.differs("K84b")
@pytest.mark.parametrize("name", ASSIGNORS)
def test_it_leaves_out_a_static_member_that_a_dynamic_one_parts_from_the_next(name):
    assert by_kafka_python(name, STATIC_DYNAMIC_STATIC, {"t": 6})["C0"] == []
    assert {len(held) for held in simulated(name, STATIC_DYNAMIC_STATIC, {"t": 6}).values()} == {2}
