"""Settings with every value filled in, as a client, broker or topic would have them after reading its configuration."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simlib.scenario.errors import ConfigError
from simlib.scenario.filling import filled, normal_form, remembered
from simlib.scenario.group_protocols import bounds_problem, protocol_problem
from simlib.scenario.idempotence import idempotence_rules

INSTANCE_ID = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True)
class ProducerSettings:
    """A producer's settings; times in ms, sizes in bytes. A setting the client does not have is None."""

    acks: int | str
    enable_idempotence: bool
    max_in_flight_requests_per_connection: int
    transactional_id: str | None
    transaction_timeout_ms: float
    retries: float
    linger_ms: float
    batch_size: int
    request_timeout_ms: float
    delivery_timeout_ms: float
    retry_backoff_ms: float
    retry_backoff_max_ms: float | None
    reconnect_backoff_ms: float
    reconnect_backoff_max_ms: float
    metadata_max_age_ms: float
    max_block_ms: float
    buffer_memory: int | None
    partitioner: str
    partitioner_adaptive_partitioning_enable: bool | None


@dataclass(frozen=True)
class ConsumerSettings:
    """A consumer's settings; times in ms, sizes in bytes. A setting the client does not have is None.

    With group_protocol="consumer" the brokers say how long a session lasts: see `as_brokers_say`.
    """

    group_protocol: str
    group_remote_assignor: str | None
    group_instance_id: str | None
    enable_auto_commit: bool
    auto_commit_interval_ms: float
    auto_offset_reset: str
    session_timeout_ms: float
    heartbeat_interval_ms: float
    max_poll_interval_ms: float
    max_poll_records: int
    fetch_min_bytes: int
    fetch_max_wait_ms: float
    max_partition_fetch_bytes: int
    partition_assignment_strategy: tuple[str, ...]
    isolation_level: str
    retry_backoff_ms: float
    retry_backoff_max_ms: float | None
    reconnect_backoff_ms: float
    reconnect_backoff_max_ms: float
    metadata_max_age_ms: float
    request_timeout_ms: float


@dataclass(frozen=True)
class BrokerSettings:
    """The settings of every broker and of the controller."""

    replica_lag_time_max_ms: float
    broker_heartbeat_interval_ms: float
    broker_session_timeout_ms: float
    min_insync_replicas: int
    unclean_leader_election_enable: bool
    leader_imbalance_check_interval_seconds: float
    leader_imbalance_per_broker_percentage: int
    auto_leader_rebalance_enable: bool
    group_initial_rebalance_delay_ms: float
    group_min_session_timeout_ms: float
    group_max_session_timeout_ms: float
    group_consumer_session_timeout_ms: float
    group_consumer_min_session_timeout_ms: float
    group_consumer_max_session_timeout_ms: float
    group_consumer_heartbeat_interval_ms: float
    group_consumer_min_heartbeat_interval_ms: float
    group_consumer_max_heartbeat_interval_ms: float
    group_consumer_assignors: tuple[str, ...]
    group_share_delivery_count_limit: int
    group_share_record_lock_duration_ms: float
    group_share_min_record_lock_duration_ms: float
    group_share_max_record_lock_duration_ms: float
    group_share_partition_max_record_locks: int
    group_share_session_timeout_ms: float
    group_share_min_session_timeout_ms: float
    group_share_max_session_timeout_ms: float
    group_share_heartbeat_interval_ms: float
    group_share_min_heartbeat_interval_ms: float
    group_share_max_heartbeat_interval_ms: float
    offsets_retention_minutes: float
    message_max_bytes: int
    transaction_max_timeout_ms: float
    transaction_abort_timed_out_transaction_cleanup_interval_ms: float
    controlled_shutdown_enable: bool
    eligible_leader_replicas_version: int
    log_retention_check_interval_ms: float
    log_initial_task_delay_ms: float
    log_cleaner_backoff_ms: float


@dataclass(frozen=True)
class TopicSettings:
    """A topic's settings; what it leaves open is the broker's."""

    min_insync_replicas: int
    unclean_leader_election_enable: bool
    max_message_bytes: int
    cleanup_policy: str
    retention_ms: int
    retention_bytes: int
    segment_bytes: int
    segment_ms: int
    message_timestamp_type: str
    message_timestamp_after_max_ms: int
    message_timestamp_before_max_ms: int
    min_cleanable_dirty_ratio: float
    min_compaction_lag_ms: int
    max_compaction_lag_ms: int
    delete_retention_ms: int

    @cached_property
    def compacts(self) -> bool:
        """Is only the last value of each key kept?"""
        return "compact" in self.cleanup_policy

    @property
    def longest_segment_ms(self) -> int:
        """Where compaction must not wait for ever, segments are closed in time."""
        return min(self.segment_ms, self.max_compaction_lag_ms) if self.compacts else self.segment_ms

    @property
    def deletes(self) -> bool:
        """Are old segments deleted?"""
        return "delete" in self.cleanup_policy

    @cached_property
    def forgets_within(self) -> float:
        """After how long (ms) something may be deleted; infinite if never."""
        if not self.deletes or (self.retention_ms < 0 and self.retention_bytes < 0):
            return math.inf
        return 0 if self.retention_bytes >= 0 else self.retention_ms


@remembered
def resolve_producer(client: str, overrides: Mapping[str, Any]) -> ProducerSettings:
    """A producer's settings in this client (K12, K22, K23). Raises ConfigError."""
    overrides = normal_form(overrides)
    values = filled("producer", client, overrides)
    problems, _notes = idempotence_rules(client, overrides, values)
    if problems:
        raise ConfigError("; ".join(problems))
    return ProducerSettings(**values)


def producer_notes(client: str, overrides: Mapping[str, Any]) -> list[str]:
    """What the client changes by itself without raising: one line each."""
    overrides = normal_form(overrides)
    return idempotence_rules(client, overrides, filled("producer", client, overrides))[1]


@remembered
def resolve_consumer(client: str, overrides: Mapping[str, Any]) -> ConsumerSettings:
    """A consumer's settings in this client. Raises ConfigError."""
    overrides = normal_form(overrides)
    values = filled("consumer", client, overrides)
    if problem := protocol_problem(values["group_protocol"], overrides):
        raise ConfigError(problem)
    heartbeat, session = values["heartbeat_interval_ms"], values["session_timeout_ms"]
    if heartbeat >= session:
        raise ConfigError(
            f"heartbeat_interval_ms={heartbeat} must be lower than session_timeout_ms={session}; "
            "Kafka advises a third of it"
        )
    instance = values["group_instance_id"]
    if instance is not None and not INSTANCE_ID.fullmatch(instance):
        raise ConfigError(f"group_instance_id={instance!r} must be 1 to 249 letters, digits, '.', '_' or '-'")
    return ConsumerSettings(**values)


def resolve_broker(overrides: Mapping[str, Any]) -> BrokerSettings:
    """The brokers' settings. Raises ConfigError."""
    return _resolve_broker("java", overrides)


@remembered
def _resolve_broker(client: str, overrides: Mapping[str, Any]) -> BrokerSettings:
    values = filled("broker", client, normal_form(overrides))
    _increasing(values, "broker_heartbeat_interval_ms", "broker_session_timeout_ms")
    _increasing(values, "group_min_session_timeout_ms", "group_max_session_timeout_ms")
    _increasing(values, "group_consumer_heartbeat_interval_ms", "group_consumer_session_timeout_ms")
    _increasing(values, "group_share_heartbeat_interval_ms", "group_share_session_timeout_ms")
    broker = BrokerSettings(**values)
    if problem := bounds_problem(broker):
        raise ConfigError(problem)
    return broker


def resolve_topic(overrides: Mapping[str, Any], broker: BrokerSettings) -> TopicSettings:
    """A topic's settings: its own, else the broker's. Raises ConfigError."""
    inherited = {
        "min_insync_replicas": broker.min_insync_replicas,
        "unclean_leader_election_enable": broker.unclean_leader_election_enable,
        "max_message_bytes": broker.message_max_bytes,
    }
    return _resolve_topic("java", {**inherited, **overrides})


@remembered
def _resolve_topic(client: str, values: Mapping[str, Any]) -> TopicSettings:
    settings = TopicSettings(**filled("topic", client, values))
    if settings.min_compaction_lag_ms > settings.max_compaction_lag_ms:
        raise ConfigError(f"min_compaction_lag_ms={settings.min_compaction_lag_ms} must not be above "
                          f"max_compaction_lag_ms={settings.max_compaction_lag_ms}")
    return settings


def _increasing(values: Mapping[str, Any], lower: str, upper: str) -> None:
    if values[lower] >= values[upper]:
        raise ConfigError(f"{lower}={values[lower]} must be lower than {upper}={values[upper]}")
