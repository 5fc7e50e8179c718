"""Settings nobody set: the published defaults of each client, and what a client makes of settings that contradict."""

import math
from dataclasses import asdict

import pytest

from simlib.scenario.errors import ConfigError
from simlib.scenario.settings import producer_notes, resolve_broker, resolve_consumer, resolve_producer, resolve_topic
from simlib.scenario.share_groups import as_brokers_say, resolve_share_consumer

CLIENTS = ["kafka-python", "java"]
MAX_INT = 2_147_483_647

PRODUCER = {  # kafka-python 3.0.12, Java 4
    "acks": ("all", "all"),
    "enable_idempotence": (True, True),
    "max_in_flight_requests_per_connection": (5, 5),
    "transactional_id": (None, None),
    "transaction_timeout_ms": (60_000, 60_000),
    "retries": (math.inf, MAX_INT),
    "delivery_timeout_ms": (120_000, 120_000),
    "linger_ms": (0, 5),
    "batch_size": (16_384, 16_384),
    "request_timeout_ms": (30_000, 30_000),
    "retry_backoff_ms": (100, 100),
    "max_block_ms": (60_000, 60_000),
    "buffer_memory": (None, 32 * 1024 * 1024),
    "partitioner": ("random", "sticky"),
}
CONSUMER = {
    "session_timeout_ms": (45_000, 45_000),
    "heartbeat_interval_ms": (3_000, 3_000),
    "max_poll_interval_ms": (300_000, 300_000),
    "max_poll_records": (500, 500),
    "enable_auto_commit": (True, True),
    "auto_commit_interval_ms": (5_000, 5_000),
    "auto_offset_reset": ("latest", "latest"),
    "isolation_level": ("read_uncommitted", "read_uncommitted"),
    "partition_assignment_strategy": (("range", "roundrobin"), ("range", "cooperative-sticky")),
    "fetch_min_bytes": (1, 1),
    "fetch_max_wait_ms": (500, 500),
}
BROKER = {
    "min_insync_replicas": 1,
    "unclean_leader_election_enable": False,
    "replica_lag_time_max_ms": 30_000,
    "broker_heartbeat_interval_ms": 2_000,
    "broker_session_timeout_ms": 9_000,
    "auto_leader_rebalance_enable": True,
    "leader_imbalance_check_interval_seconds": 300,
    "leader_imbalance_per_broker_percentage": 10,
    "message_max_bytes": 1024 * 1024 + 12,
    "group_initial_rebalance_delay_ms": 3_000,
    "group_min_session_timeout_ms": 6_000,
    "group_max_session_timeout_ms": 30 * 60_000,
    "group_consumer_session_timeout_ms": 45_000,
    "group_consumer_min_session_timeout_ms": 45_000,
    "group_consumer_max_session_timeout_ms": 60_000,
    "group_consumer_heartbeat_interval_ms": 5_000,
    "group_consumer_min_heartbeat_interval_ms": 5_000,
    "group_consumer_max_heartbeat_interval_ms": 15_000,
    "group_consumer_assignors": ("uniform", "range"),
    "group_share_delivery_count_limit": 5,
    "group_share_record_lock_duration_ms": 30_000,
    "group_share_min_record_lock_duration_ms": 15_000,
    "group_share_max_record_lock_duration_ms": 60_000,
    "group_share_partition_max_record_locks": 2_000,
    "group_share_session_timeout_ms": 45_000,
    "group_share_min_session_timeout_ms": 45_000,
    "group_share_max_session_timeout_ms": 60_000,
    "group_share_heartbeat_interval_ms": 5_000,
    "group_share_min_heartbeat_interval_ms": 5_000,
    "group_share_max_heartbeat_interval_ms": 15_000,
    "offsets_retention_minutes": 7 * 24 * 60,
    "controlled_shutdown_enable": True,
    "transaction_max_timeout_ms": 15 * 60_000,
    "transaction_abort_timed_out_transaction_cleanup_interval_ms": 10_000,
    "eligible_leader_replicas_version": 0,  # 1 on clusters that are new with 4.1
    "log_retention_check_interval_ms": 5 * 60_000,
    "log_initial_task_delay_ms": 30_000,
    "log_cleaner_backoff_ms": 15_000,
}
TOPIC = {
    "min_insync_replicas": 1,
    "unclean_leader_election_enable": False,
    "max_message_bytes": 1024 * 1024 + 12,
    "cleanup_policy": "delete",
    "retention_ms": 7 * 24 * 3_600_000,
    "retention_bytes": -1,
    "segment_bytes": 1024**3,
    "segment_ms": 7 * 24 * 3_600_000,
    "message_timestamp_type": "CreateTime",
    "message_timestamp_after_max_ms": 3_600_000,
    "message_timestamp_before_max_ms": 2**63 - 1,
    "min_cleanable_dirty_ratio": 0.5,
    "min_compaction_lag_ms": 0,
    "max_compaction_lag_ms": 2**63 - 1,
    "delete_retention_ms": 24 * 3_600_000,
}


def published(table, client):
    return {name: values[CLIENTS.index(client)] for name, values in table.items()}


@pytest.mark.statement("D-producer")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_producer_has_the_published_defaults(client):
    expected = published(PRODUCER, client)
    assert {name: asdict(resolve_producer(client, {}))[name] for name in expected} == expected


@pytest.mark.statement("D-consumer", "K93")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_consumer_has_the_published_defaults(client):
    expected = published(CONSUMER, client)
    assert {name: asdict(resolve_consumer(client, {}))[name] for name in expected} == expected


SHARE = {  # Kafka 4.2
    "share_acknowledgement_mode": "implicit",
    "share_acquire_mode": "batch_optimized",
    "share_auto_offset_reset": "latest",
    "share_isolation_level": "read_uncommitted",
    "share_record_lock_duration_ms": None,
    "max_poll_records": 500,
    "max_poll_interval_ms": 300_000,
    "session_timeout_ms": 45_000,
    "heartbeat_interval_ms": 5_000,
}


@pytest.mark.statement("D-consumer", "K102g")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_share_consumer_has_the_published_defaults(client):
    found = asdict(resolve_share_consumer(client, {}))
    assert {name: found[name] for name in SHARE} == SHARE
    joined = as_brokers_say(resolve_share_consumer(client, {}), resolve_broker({}))
    assert joined.share_record_lock_duration_ms == 30_000


@pytest.mark.statement("D-broker")
def test_brokers_have_the_published_defaults():
    assert asdict(resolve_broker({})) == BROKER


@pytest.mark.statement("D-topic")
def test_a_topic_has_the_published_defaults():
    assert asdict(resolve_topic({}, resolve_broker({}))) == TOPIC


@pytest.mark.statement("K12")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_given_delivery_timeout_that_is_too_short_is_an_error(client):
    with pytest.raises(ConfigError, match="delivery_timeout_ms=20000 must be at least"):
        resolve_producer(client, {"delivery_timeout_ms": 20_000})


@pytest.mark.statement("K12")
def test_java_raises_its_default_delivery_timeout_and_kafka_python_refuses():
    settings = {"request_timeout_ms": 150_000, "linger_ms": 10}
    assert resolve_producer("java", settings).delivery_timeout_ms == 150_010
    with pytest.raises(ConfigError, match="150010"):
        resolve_producer("kafka-python", settings)


@pytest.mark.statement("K22")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("setting", [{"acks": 1}, {"acks": 0}, {"retries": 0}])
def test_a_weaker_setting_switches_idempotence_off_unless_it_was_asked_for(client, setting):
    assert resolve_producer(client, setting).enable_idempotence is False
    assert len(producer_notes(client, setting)) == 1
    with pytest.raises(ConfigError, match="idempotence needs"):
        resolve_producer(client, {**setting, "enable_idempotence": True})


@pytest.mark.statement("K23")
def test_more_than_five_requests_in_flight_java_refuses_and_kafka_python_gives_up_idempotence():
    six = {"max_in_flight_requests_per_connection": 6}
    with pytest.raises(ConfigError, match="at most 5 requests in flight"):
        resolve_producer("java", six)
    assert resolve_producer("kafka-python", six).enable_idempotence is False
    with pytest.raises(ConfigError, match="at most 5 requests in flight"):
        resolve_producer("kafka-python", {**six, "enable_idempotence": True})
    for client in CLIENTS:
        assert resolve_producer(client, {"max_in_flight_requests_per_connection": 5}).enable_idempotence is True
        assert resolve_producer(client, {**six, "enable_idempotence": False}).enable_idempotence is False


@pytest.mark.statement("K16")
def test_kafka_python_has_no_buffer_memory():
    with pytest.raises(ConfigError, match="buffer_memory is a setting of .*java"):
        resolve_producer("kafka-python", {"buffer_memory": 1_000_000})


@pytest.mark.statement("K26", "K79")
def test_librdkafka_is_not_modelled_and_says_so():
    for resolve in (resolve_producer, resolve_consumer):
        with pytest.raises(ConfigError, match="client='librdkafka' is not modelled; there are kafka-python, java"):
            resolve("librdkafka", {})
