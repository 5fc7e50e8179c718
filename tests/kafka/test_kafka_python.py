"""The installed kafka-python without a broker: its assignors, and settings that contradict each other."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from kafka import KafkaProducer
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaConfigurationError

from simlib.kafka.assignors import Subscription, assign
from simlib.scenario.errors import ConfigError
from simlib.scenario.settings import resolve_producer

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


SIX = {"max_in_flight_requests_per_connection": 6}
CONTRADICTIONS = [("K22", {"acks": 1}), ("K22", {"retries": 0}), ("K22", {"acks": 1, "enable_idempotence": True}),
                  ("K23", SIX), ("K23", {**SIX, "enable_idempotence": True}),
                  ("K12", {"delivery_timeout_ms": 20_000}), ("K12", {"acks": 1, "delivery_timeout_ms": 30_000}),
                  ("K12", {"request_timeout_ms": 150_000, "linger_ms": 10}),
                  ("K38", {"transactional_id": "bank", "enable_idempotence": False}),
                  ("K38", {"transactional_id": "bank", "acks": 1}), ("K38", {"transactional_id": "bank", "retries": 0})]


def idempotence_of_kafka_python(settings):
    """True or False, or "refused". Told the brokers' version, its producer asks nobody before it is used."""
    try:
        producer = KafkaProducer(bootstrap_servers="127.0.0.1:1", api_version=(2, 8), **settings)
    except KafkaConfigurationError:
        return "refused"
    producer.close(timeout=0)
    return producer.config["enable_idempotence"]


def idempotence_in_the_simulator(settings):
    try:
        return resolve_producer("kafka-python", settings).enable_idempotence
    except ConfigError:
        return "refused"


@pytest.mark.parametrize("settings", [pytest.param(settings, marks=pytest.mark.statement(name))
                                      for name, settings in CONTRADICTIONS], ids=str)
def test_it_makes_of_contradictions_what_the_simulator_makes_of_them(settings):
    assert idempotence_of_kafka_python(settings) == idempotence_in_the_simulator(settings)
    assert idempotence_of_kafka_python(settings) is not True
