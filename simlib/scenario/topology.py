"""What a system is made of: topics, producers, consumer groups, services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from functools import cache
from typing import Any

from simlib.scenario.distributions import Distribution
from simlib.scenario.field_info import DISTRIBUTION, LONGEST, declared, how_many
from simlib.scenario.loads import Arrivals, KeyDistribution
from simlib.scenario.plain import FrozenDict, Plain, plain
from simlib.scenario.setting_rows import Setting, setting
from simlib.scenario.settings_table import CONSUMER, PRODUCER


@plain
class Topic(Plain):
    """A topic. `config`: its own settings, such as min_insync_replicas, cleanup_policy, retention_ms, segment_ms."""

    name: str
    partitions: int = how_many(
        "Partitions", 12, help="A group's members share a topic by partitions; order is kept within one."
    )
    replication_factor: int = how_many(
        "Replication factor", 5, help="How many brokers hold a copy of each partition."
    )
    config: Mapping[str, Any] = field(default_factory=FrozenDict)


@plain
class Producer(Plain):
    """A process that creates records at a declared rate. Settings left None are the client's defaults.

    With a `transactional_id` it writes in transactions: the first record that is due begins one, which is committed
    after `transaction_duration`, or aborted if something in it failed. Fenced, its process ends.
    """

    name: str
    topic: str
    rate: float | Distribution | None = declared(
        "Rate",
        default=None,
        kind=DISTRIBUTION,
        unit="records/s",
        low=1,
        high=1_000,
        log=True,
        minimum=0,
        exclusive=True,
        help="Records created each second; a distribution is drawn anew for each gap.",
    )
    keys: int | tuple[str | bytes, ...] | None = declared(
        "Keys",
        default=None,
        kind="keys",
        low=1,
        high=1_000,
        step=1,
        log=True,
        minimum=1,
        help="How many different keys (key-0, key-1, ...), or the keys themselves; None is the null key.",
    )
    key_distribution: KeyDistribution | None = None
    arrivals: str | Arrivals | Distribution = "constant"
    value_bytes: int = declared(
        "Value size",
        default=100,
        kind="whole",
        unit="bytes",
        low=1,
        high=100_000,
        log=True,
        minimum=0,
        help="The size of one record's value.",
    )
    start: float = declared(
        "Start", default=0.0, unit="s", low=0, minimum=0, maximum=LONGEST, help="When the first record may be created."
    )
    stop: float | None = declared(
        "Stop", default=None, unit="s", low=0, minimum=0, maximum=LONGEST, help="No record is created from here on."
    )
    records: int | None = declared(
        "Records",
        default=None,
        kind="whole",
        low=1,
        high=100_000,
        log=True,
        minimum=0,
        help="No more than this many records.",
    )
    acks: int | str | None = setting(PRODUCER, "acks")
    enable_idempotence: bool | None = setting(PRODUCER, "enable_idempotence")
    max_in_flight_requests_per_connection: int | None = setting(PRODUCER, "max_in_flight_requests_per_connection")
    transactional_id: str | None = setting(PRODUCER, "transactional_id")
    transaction_timeout_ms: float | None = setting(PRODUCER, "transaction_timeout_ms")
    transaction_duration: float = declared(
        "Transaction duration", default=3.0, unit="s", low=0.1, high=60, log=True, minimum=0, exclusive=True,
        maximum=LONGEST, help="With a transactional id: how long a transaction stays open before it is committed.")
    retries: int | None = setting(PRODUCER, "retries")
    linger_ms: float | None = setting(PRODUCER, "linger_ms")
    batch_size: int | None = setting(PRODUCER, "batch_size")
    request_timeout_ms: float | None = setting(PRODUCER, "request_timeout_ms")
    delivery_timeout_ms: float | None = setting(PRODUCER, "delivery_timeout_ms")
    retry_backoff_ms: float | None = setting(PRODUCER, "retry_backoff_ms")
    retry_backoff_max_ms: float | None = setting(PRODUCER, "retry_backoff_max_ms")
    reconnect_backoff_ms: float | None = setting(PRODUCER, "reconnect_backoff_ms")
    reconnect_backoff_max_ms: float | None = setting(PRODUCER, "reconnect_backoff_max_ms")
    metadata_max_age_ms: float | None = setting(PRODUCER, "metadata_max_age_ms")
    max_block_ms: float | None = setting(PRODUCER, "max_block_ms")
    buffer_memory: int | None = setting(PRODUCER, "buffer_memory")
    partitioner: str | None = setting(PRODUCER, "partitioner")
    partitioner_adaptive_partitioning_enable: bool | None = setting(
        PRODUCER, "partitioner_adaptive_partitioning_enable"
    )

    def overrides(self) -> dict[str, Any]:
        """The producer settings given explicitly."""
        return given_settings(self, PRODUCER)


@plain
class Readers(Plain):
    """Processes with one name and one task: to read one or several topics."""

    name: str
    topic: str | tuple[str, ...]
    consumers: int = 1
    service_time: float | Distribution = declared(
        "Service time",
        default=0.0,
        kind=DISTRIBUTION,
        unit="s",
        low=0.001,
        high=1,
        log=True,
        minimum=0,
        help="How long a consumer works on one record.",
    )

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics read, also when one was given."""
        return (self.topic,) if isinstance(self.topic, str) else self.topic

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the group's processes."""
        return numbered(self.name, self.consumers)


@plain
class ConsumerGroup(Readers):
    """Consumers that share the partitions of one or several topics: poll, work each record, poll again.

    Settings left None are the client's defaults. `static_membership` gives each member its name as `group_instance_id`.
    """

    consumers: int = how_many("Consumers", 12, help="Members of the group; more than partitions are idle.")
    enable_auto_commit: bool | None = setting(CONSUMER, "enable_auto_commit")
    auto_commit_interval_ms: float | None = setting(CONSUMER, "auto_commit_interval_ms")
    auto_offset_reset: str | None = setting(CONSUMER, "auto_offset_reset")
    session_timeout_ms: float | None = setting(CONSUMER, "session_timeout_ms")
    heartbeat_interval_ms: float | None = setting(CONSUMER, "heartbeat_interval_ms")
    max_poll_interval_ms: float | None = setting(CONSUMER, "max_poll_interval_ms")
    max_poll_records: int | None = setting(CONSUMER, "max_poll_records")
    fetch_min_bytes: int | None = setting(CONSUMER, "fetch_min_bytes")
    fetch_max_wait_ms: float | None = setting(CONSUMER, "fetch_max_wait_ms")
    max_partition_fetch_bytes: int | None = setting(CONSUMER, "max_partition_fetch_bytes")
    partition_assignment_strategy: str | tuple[str, ...] | None = setting(CONSUMER, "partition_assignment_strategy")
    isolation_level: str | None = setting(CONSUMER, "isolation_level")
    retry_backoff_ms: float | None = setting(CONSUMER, "retry_backoff_ms")
    retry_backoff_max_ms: float | None = setting(CONSUMER, "retry_backoff_max_ms")
    reconnect_backoff_ms: float | None = setting(CONSUMER, "reconnect_backoff_ms")
    reconnect_backoff_max_ms: float | None = setting(CONSUMER, "reconnect_backoff_max_ms")
    metadata_max_age_ms: float | None = setting(CONSUMER, "metadata_max_age_ms")
    request_timeout_ms: float | None = setting(CONSUMER, "request_timeout_ms")
    group_protocol: str | None = setting(CONSUMER, "group_protocol")
    group_remote_assignor: str | None = setting(CONSUMER, "group_remote_assignor")
    static_membership: bool = declared(
        "Static membership",
        default=False,
        kind="flag",
        help="A member that restarts within its session keeps its partitions.",
    )

    def overrides(self, member: str | None = None) -> dict[str, Any]:
        """The consumer settings given explicitly, with the instance id of a static member."""
        own = {"group_instance_id": member} if self.static_membership and member else {}
        return {**given_settings(self, CONSUMER), **own}


@plain
class Service(Plain):
    """Your own code: `main` is an `async def` that takes its `app`. Each instance is a process of its own."""

    name: str
    main: Callable[[Any], Any]
    instances: int = how_many("Instances", 12, help="Processes that run the same code.")
    start: float = declared("Start", default=0.0, unit="s", low=0, minimum=0, maximum=LONGEST, help="When they start.")
    restart_after: float | None = declared(
        "Restart after",
        default=1.0,
        unit="s",
        low=0,
        high=60,
        minimum=0,
        maximum=LONGEST,
        help="How long after an exception it is started again; None: never.",
        optional=True,
    )

    database: str | None = None
    """A script of SQL statements that makes the tables of `app.database`, before time 0."""

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the service's processes."""
        return numbered(self.name, self.instances)


@cache
def numbered(name: str, count: int) -> tuple[str, ...]:
    """billing-0, billing-1, ..."""
    return tuple(f"{name}-{i}" for i in range(count))


def replicas_of(partition: int, replication_factor: int, brokers: int) -> tuple[int, ...]:
    """Replicas of a partition: the leaders go round, the followers after them."""
    return tuple((partition + i) % brokers for i in range(replication_factor))


def given_settings(thing: Plain, table: dict[str, Setting]) -> dict[str, Any]:
    """The settings of a table that are not left to the client."""
    return {
        each.name: value
        for each in fields(thing)
        if each.name in table and (value := getattr(thing, each.name)) is not None
    }
