"""The settings of share consumers (KIP-932), and what the brokers say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simlib.scenario.settings import filled, remembered
from simlib.scenario.settings_table import GROUP_CONFIG, SHARE

if TYPE_CHECKING:
    from simlib.scenario.settings import BrokerSettings


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
    return ShareSettings(**filled(SHARE, "share consumer", client, overrides))


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
