"""Share groups (KIP-932): as they are declared, their settings, and what the brokers say about those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simlib.scenario.field_info import how_many
from simlib.scenario.filling import filled, remembered
from simlib.scenario.plain import plain
from simlib.scenario.setting_rows import setting
from simlib.scenario.settings_table import GROUP_CONFIG, SHARE
from simlib.scenario.topology import Readers, given_settings

if TYPE_CHECKING:
    from simlib.scenario.settings import BrokerSettings


@plain
class ShareGroup(Readers):
    """Consumers that take records of one or several topics one by one (KIP-932): poll, work each record, poll again.

    Nobody owns a partition. Settings left None are the client's defaults; those of the group (`share_...`) are Kafka's
    group configuration. With share_acknowledgement_mode="explicit" a member waits until all it has done is accepted.
    """

    consumers: int = how_many("Consumers", 12, help="Members of the group; there may be more than partitions.")
    share_acknowledgement_mode: str | None = setting(SHARE, "share_acknowledgement_mode")
    share_acquire_mode: str | None = setting(SHARE, "share_acquire_mode")
    share_auto_offset_reset: str | None = setting(SHARE, "share_auto_offset_reset")
    share_isolation_level: str | None = setting(SHARE, "share_isolation_level")
    share_record_lock_duration_ms: float | None = setting(SHARE, "share_record_lock_duration_ms")
    max_poll_records: int | None = setting(SHARE, "max_poll_records")
    max_poll_interval_ms: float | None = setting(SHARE, "max_poll_interval_ms")
    fetch_max_wait_ms: float | None = setting(SHARE, "fetch_max_wait_ms")
    retry_backoff_ms: float | None = setting(SHARE, "retry_backoff_ms")
    retry_backoff_max_ms: float | None = setting(SHARE, "retry_backoff_max_ms")
    reconnect_backoff_ms: float | None = setting(SHARE, "reconnect_backoff_ms")
    reconnect_backoff_max_ms: float | None = setting(SHARE, "reconnect_backoff_max_ms")
    metadata_max_age_ms: float | None = setting(SHARE, "metadata_max_age_ms")
    request_timeout_ms: float | None = setting(SHARE, "request_timeout_ms")

    @property
    def group_protocol(self) -> str:
        """What its members speak."""
        return "share"

    def overrides(self, member: str | None = None) -> dict[str, Any]:
        """The settings given explicitly."""
        return given_settings(self, SHARE)


@dataclass(frozen=True)
class ShareSettings:
    """A share consumer's settings; times in ms. `session_timeout_ms` and `heartbeat_interval_ms` are the brokers'."""

    share_acknowledgement_mode: str
    share_acquire_mode: str
    share_auto_offset_reset: str
    share_isolation_level: str
    share_record_lock_duration_ms: float | None
    max_poll_records: int
    max_poll_interval_ms: float
    fetch_max_wait_ms: float
    retry_backoff_ms: float
    retry_backoff_max_ms: float | None
    reconnect_backoff_ms: float
    reconnect_backoff_max_ms: float
    metadata_max_age_ms: float
    request_timeout_ms: float
    session_timeout_ms: float = 45_000
    heartbeat_interval_ms: float = 5_000

    @property
    def isolation_level(self) -> str:
        """The group's, under the name of other consumers' setting."""
        return self.share_isolation_level

    @property
    def is_explicit(self) -> bool:
        """Must the application answer for every record?"""
        return self.share_acknowledgement_mode == "explicit"

    def group_config(self) -> dict[str, Any]:
        """What all members of a group must have the same."""
        return {name: getattr(self, name) for name in GROUP_CONFIG}


@remembered
def resolve_share_consumer(client: str, overrides: Mapping[str, Any]) -> ShareSettings:
    """A share consumer's settings. Raises ConfigError."""
    return ShareSettings(**filled("share consumer", client, overrides))


def as_brokers_say(settings: ShareSettings, broker: BrokerSettings) -> ShareSettings:
    """The same when it has joined: session, heartbeats and, where the group has no own, the record lock."""
    lock = settings.share_record_lock_duration_ms
    return replace(settings, session_timeout_ms=broker.group_share_session_timeout_ms,
                   heartbeat_interval_ms=broker.group_share_heartbeat_interval_ms,
                   share_record_lock_duration_ms=broker.group_share_record_lock_duration_ms if lock is None else lock)


def lock_problem(settings: ShareSettings, broker: BrokerSettings) -> str | None:
    """Why the brokers would refuse a group's own record lock; None if they would not."""
    lock = settings.share_record_lock_duration_ms
    low, high = broker.group_share_min_record_lock_duration_ms, broker.group_share_max_record_lock_duration_ms
    if lock is None or low <= lock <= high:
        return None
    return (f"share_record_lock_duration_ms={lock} is refused by the brokers, who allow {low} to {high}; change it, or "
            "broker_config's group_share_min_record_lock_duration_ms and group_share_max_record_lock_duration_ms")
