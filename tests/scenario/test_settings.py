"""The defaults table, and what the clients do with settings that contradict each other."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from simlib.scenario import (
    BrokerSettings,
    ConfigError,
    ConsumerSettings,
    ProducerSettings,
    TopicSettings,
    resolve_broker,
    resolve_consumer,
    resolve_producer,
    resolve_topic,
    session_problem,
)
from simlib.scenario.setting_rows import ABSENT
from simlib.scenario.settings import producer_notes
from simlib.scenario.settings_table import BROKER, CLIENTS, CONSUMER, PRODUCER, SHARE, SIMULATED_ONLY, TOPIC

SIMLIB = Path(__file__).parents[2] / "simlib"

# What kafka-python writes as an object or number stands here as Kafka's name.
OWN_NAMES = {"acks": {-1: "all"}}
OBJECTS = ("partitioner", "partition_assignment_strategy")


def kafka_python(table):
    from kafka import KafkaConsumer, KafkaProducer

    return (KafkaProducer if table is PRODUCER else KafkaConsumer).DEFAULT_CONFIG


@pytest.mark.parametrize("table", [pytest.param(PRODUCER, marks=pytest.mark.statement("D-producer")),
                                   pytest.param(CONSUMER, marks=pytest.mark.statement("D-consumer"))],
                         ids=["producer", "consumer"])
def test_kafka_python_s_column_is_the_installed_client_s(table):
    installed = kafka_python(table)
    compared = [name for name in table if name in installed and name not in OBJECTS]
    assert len(compared) >= 13
    for name in compared:
        default = OWN_NAMES.get(name, {}).get(installed[name], installed[name])
        assert table[name].kafka_python == default, name


@pytest.mark.parametrize("table", [PRODUCER, CONSUMER], ids=["producer", "consumer"])
def test_what_kafka_python_does_not_have_is_absent(table):
    for name in set(table) - set(kafka_python(table)) - set(SIMULATED_ONLY):
        assert table[name].kafka_python == ABSENT, name


def test_what_is_only_simulated_kafka_python_does_not_have():
    """Real runs refuse it by name: tests/real."""
    assert SIMULATED_ONLY and not set(SIMULATED_ONLY) & set(kafka_python(CONSUMER))


def test_kafka_python_s_objects_are_the_ones_named():
    from kafka import KafkaConsumer, KafkaProducer

    assert type(KafkaProducer.DEFAULT_CONFIG["partitioner"]).__name__ == "DefaultPartitioner"
    assignors = [each.name for each in KafkaConsumer.DEFAULT_CONFIG["partition_assignment_strategy"]]
    assert tuple(assignors) == CONSUMER["partition_assignment_strategy"].kafka_python


def test_java_s_column_differs_where_the_client_does():
    """The Java client 4.x, from ProducerConfig and ConsumerConfig."""
    producer, consumer = resolve_producer("java", {}), resolve_consumer("java", {})
    assert (producer.linger_ms, producer.retries, producer.buffer_memory) == (5, 2**31 - 1, 32 * 2**20)
    assert (producer.reconnect_backoff_max_ms, producer.retry_backoff_max_ms) == (1_000, 1_000)
    assert producer.partitioner == "sticky"
    assert consumer.partition_assignment_strategy == ("range", "cooperative-sticky")


def test_broker_defaults():
    """Kafka 4.x: ReplicationConfigs, KRaftConfigs, GroupCoordinatorConfig, ServerLogConfigs."""
    assert resolve_broker({}) == BrokerSettings(
        replica_lag_time_max_ms=30_000,
        broker_heartbeat_interval_ms=2_000,
        broker_session_timeout_ms=9_000,
        min_insync_replicas=1,
        unclean_leader_election_enable=False,
        leader_imbalance_check_interval_seconds=300,
        leader_imbalance_per_broker_percentage=10,
        auto_leader_rebalance_enable=True,
        group_initial_rebalance_delay_ms=3_000,
        group_min_session_timeout_ms=6_000,
        group_max_session_timeout_ms=1_800_000,
        group_consumer_session_timeout_ms=45_000,
        group_consumer_min_session_timeout_ms=45_000,
        group_consumer_max_session_timeout_ms=60_000,
        group_consumer_heartbeat_interval_ms=5_000,
        group_consumer_min_heartbeat_interval_ms=5_000,
        group_consumer_max_heartbeat_interval_ms=15_000,
        group_consumer_assignors=("uniform", "range"),
        group_share_delivery_count_limit=5,
        group_share_record_lock_duration_ms=30_000,
        group_share_min_record_lock_duration_ms=15_000,
        group_share_max_record_lock_duration_ms=60_000,
        group_share_partition_max_record_locks=2_000,
        group_share_session_timeout_ms=45_000,
        group_share_min_session_timeout_ms=45_000,
        group_share_max_session_timeout_ms=60_000,
        group_share_heartbeat_interval_ms=5_000,
        group_share_min_heartbeat_interval_ms=5_000,
        group_share_max_heartbeat_interval_ms=15_000,
        offsets_retention_minutes=10_080,
        message_max_bytes=1_048_588,
        transaction_max_timeout_ms=900_000,
        transaction_abort_timed_out_transaction_cleanup_interval_ms=10_000,
        controlled_shutdown_enable=True,
        eligible_leader_replicas_version=0,
        log_retention_check_interval_ms=300_000,
        log_initial_task_delay_ms=30_000,
        log_cleaner_backoff_ms=15_000,
    )


@pytest.mark.parametrize(
    ("table", "settings"),
    [(PRODUCER, ProducerSettings), (CONSUMER, ConsumerSettings), (BROKER, BrokerSettings), (TOPIC, TopicSettings)],
)
def test_every_row_of_the_table_is_a_setting_and_the_reverse(table, settings):
    assert list(table) == [each.name for each in fields(settings)]


@pytest.mark.parametrize("table", [PRODUCER, CONSUMER, BROKER, TOPIC])
def test_every_row_says_what_it_is_and_its_slider_can_hold_its_default(table):
    for name, row in table.items():
        assert row.info.label and row.info.help.endswith("."), name
        for client in CLIENTS:
            default = row.default(client)
            if row.info.kind in ("number", "whole") and default != ABSENT and name != "retries":
                assert row.info.low <= default <= row.info.high, name
                assert row.info.complaint(default) is None, name


def test_an_absent_setting_is_none_after_resolving():
    assert resolve_producer("kafka-python", {}).buffer_memory is None


def test_a_topic_inherits_from_the_broker_what_it_leaves_open():
    broker = resolve_broker({"min_insync_replicas": 2, "message_max_bytes": 5_000})
    inherited = resolve_topic({}, broker)
    own = resolve_topic({"min_insync_replicas": 1, "max_message_bytes": 9}, broker)
    assert (inherited.min_insync_replicas, inherited.max_message_bytes) == (2, 5_000)
    assert (own.min_insync_replicas, own.max_message_bytes) == (1, 9)


@pytest.mark.parametrize(("given", "meant"), [(-1, "all"), ("-1", "all"), ("1", 1), ("0", 0), ("all", "all")])
def test_acks_may_be_written_in_kafka_s_ways(given, meant):
    assert resolve_producer("kafka-python", {"acks": given}).acks == meant


def test_one_assignor_may_be_given_by_its_name_alone():
    settings = resolve_consumer("java", {"partition_assignment_strategy": "sticky"})
    assert settings.partition_assignment_strategy == ("sticky",)


# K12: the delivery timeout holds at least one request


@pytest.mark.statement("K12")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_given_delivery_timeout_that_is_too_small_is_refused(client):
    with pytest.raises(ConfigError, match="at least linger_ms \\+ request_timeout_ms = 30005"):
        resolve_producer(client, {"delivery_timeout_ms": 30_004, "linger_ms": 5})
    assert resolve_producer(client, {"delivery_timeout_ms": 30_005, "linger_ms": 5}).delivery_timeout_ms == 30_005


@pytest.mark.statement("K12")
def test_a_default_delivery_timeout_is_raised_by_java():
    given = {"request_timeout_ms": 150_000}
    assert resolve_producer("java", given).delivery_timeout_ms == 150_005
    assert producer_notes("java", given) == [
        "delivery_timeout_ms is raised from 120000 to 150005, which is linger_ms + request_timeout_ms"
    ]


@pytest.mark.statement("K12")
def test_a_default_delivery_timeout_is_not_raised_by_kafka_python():
    with pytest.raises(ConfigError, match="delivery_timeout_ms=120000 must be at least"):
        resolve_producer("kafka-python", {"request_timeout_ms": 150_000})


@pytest.mark.statement("K12")
def test_the_installed_kafka_python_refuses_the_same():
    from kafka.errors import KafkaConfigurationError
    from kafka.producer.record_accumulator import RecordAccumulator

    with pytest.raises(KafkaConfigurationError):
        RecordAccumulator(delivery_timeout_ms=120_000, request_timeout_ms=150_000, linger_ms=0)


# K22, K23: what idempotence needs


@pytest.mark.statement("K22")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("given", [{"acks": 1}, {"acks": 0}, {"retries": 0}, {"acks": 1, "retries": 0}])
def test_idempotence_left_default_is_switched_off_silently(client, given):
    assert resolve_producer(client, {}).enable_idempotence
    assert not resolve_producer(client, given).enable_idempotence
    assert "switches idempotence off" in producer_notes(client, given)[0]


@pytest.mark.statement("K22")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("given", [{"acks": 1}, {"retries": 0}])
def test_idempotence_asked_for_is_an_error(client, given):
    with pytest.raises(ConfigError, match="idempotence needs acks='all'"):
        resolve_producer(client, {**given, "enable_idempotence": True})


@pytest.mark.statement("K22")
def test_no_idempotence_has_no_needs():
    given = {"acks": 0, "retries": 0, "max_in_flight_requests_per_connection": 100, "enable_idempotence": False}
    for client in CLIENTS:
        assert resolve_producer(client, given).acks == 0
        assert producer_notes(client, given) == []


@pytest.mark.statement("K23")
def test_more_than_five_in_flight_is_refused_by_java():
    given = {"max_in_flight_requests_per_connection": 6}
    with pytest.raises(ConfigError, match="max_in_flight_requests_per_connection=6"):
        resolve_producer("java", given)
    assert resolve_producer("java", {"max_in_flight_requests_per_connection": 5}).enable_idempotence


@pytest.mark.statement("K23")
def test_more_than_five_in_flight_switches_idempotence_off_in_kafka_python():
    given = {"max_in_flight_requests_per_connection": 6}
    assert not resolve_producer("kafka-python", given).enable_idempotence
    with pytest.raises(ConfigError, match="max_in_flight_requests_per_connection=6"):
        resolve_producer("kafka-python", {**given, "enable_idempotence": True})


# Refusals


def test_every_setting_is_read_by_somebody():
    """Only settings that do something are in the table; the others are refused by name."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in SIMLIB.rglob("*.py"))
    names = {**PRODUCER, **CONSUMER, **SHARE, **BROKER, **TOPIC}
    assert [name for name in names if not re.search(rf"\.{name}\b", code)] == []


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="'linger' is no setting of a producer.*did you mean linger_ms?"):
        resolve_producer("kafka-python", {"linger": 5})
    with pytest.raises(ConfigError, match="no setting of a broker"):
        resolve_broker({"min_insync": 2})
    with pytest.raises(ConfigError, match="no setting of a topic"):
        resolve_topic({"partitions": 2}, resolve_broker({}))


def test_a_setting_of_the_other_client_is_refused_by_name():
    with pytest.raises(ConfigError, match="buffer_memory is a setting of java alone, not of kafka-python"):
        resolve_producer("kafka-python", {"buffer_memory": 1_000_000})
    assert resolve_producer("java", {"buffer_memory": 1_000_000}).buffer_memory == 1_000_000


def test_an_unknown_client_is_refused():
    with pytest.raises(ConfigError, match="'librdkafka' is not modelled; there are kafka-python, java"):
        resolve_producer("librdkafka", {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("acks", 2), ("acks", True), ("acks", "none"), ("linger_ms", "5"), ("linger_ms", -1), ("batch_size", 1.5),
     ("retries", float("inf")), ("enable_idempotence", 1), ("partitioner", "murmur"), ("max_block_ms", float("nan")),
     ("max_in_flight_requests_per_connection", 0)],
)
def test_a_value_that_is_not_allowed_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"{name}=.* must be"):
        resolve_producer("kafka-python", {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("auto_offset_reset", "first"), ("partition_assignment_strategy", ("range", "best")), ("max_poll_records", 0),
     ("partition_assignment_strategy", ()), ("isolation_level", None),
     ("group_instance_id", "a b"), ("group_instance_id", "")],
)
def test_a_consumer_s_value_that_is_not_allowed_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"{name}=.* must be"):
        resolve_consumer("kafka-python", {name: value})


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ConfigError) as error:
        resolve_producer("kafka-python", {"linger": 5, "acks": 7, "buffer_memory": 1})
    assert all(word in str(error.value) for word in ("linger_ms", "acks=7", "buffer_memory"))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_heartbeat_must_be_shorter_than_the_session(client):
    with pytest.raises(ConfigError, match="heartbeat_interval_ms=6000 must be lower than session_timeout_ms=6000"):
        resolve_consumer(client, {"heartbeat_interval_ms": 6_000, "session_timeout_ms": 6_000})


def test_a_session_outside_the_brokers_bounds_is_a_problem():
    consumer = resolve_consumer("java", {"session_timeout_ms": 4_000})
    assert "who allow 6000 to 1800000" in session_problem(consumer, resolve_broker({}))
    assert session_problem(consumer, resolve_broker({"group_min_session_timeout_ms": 1_000})) is None
    assert session_problem(resolve_consumer("java", {"session_timeout_ms": 6_000}), resolve_broker({})) is None


def test_a_broker_s_heartbeat_must_be_shorter_than_its_session():
    with pytest.raises(ConfigError, match="must be lower than broker_session_timeout_ms"):
        resolve_broker({"broker_heartbeat_interval_ms": 9_000})
