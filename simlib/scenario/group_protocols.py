"""What consumers and brokers may say about a group, by its protocol: classic, or that of KIP-848."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simlib.scenario.errors import listed

if TYPE_CHECKING:
    from simlib.scenario.settings import BrokerSettings, ConsumerSettings

CLASSIC_ONLY = {
    "session_timeout_ms": "the brokers say how long a session lasts: broker_config's group_consumer_session_timeout_ms",
    "heartbeat_interval_ms": "the brokers say how often: broker_config's group_consumer_heartbeat_interval_ms",
    "partition_assignment_strategy": "the brokers assign: group_remote_assignor is 'uniform' or 'range'",
}


def protocol_problem(protocol: str, overrides: Mapping[str, Any]) -> str | None:
    """What cannot be set with this group protocol, as in Java's client (K94); None if all can."""
    if protocol == "classic":
        if overrides.get("group_remote_assignor") is None:
            return None
        return (f"group_remote_assignor={overrides['group_remote_assignor']!r} is for group_protocol='consumer'; set "
                "that too, or partition_assignment_strategy instead")
    wrong = [f"{name} cannot be set with group_protocol='consumer', where {why}"
             for name, why in CLASSIC_ONLY.items() if name in overrides]
    return "; ".join(wrong) or None


def as_brokers_say(consumer: ConsumerSettings, broker: BrokerSettings) -> ConsumerSettings:
    """A consumer's settings when it has joined: with KIP-848 session and heartbeats are the brokers' to choose."""
    if consumer.group_protocol == "classic":
        return consumer
    return replace(consumer, session_timeout_ms=broker.group_consumer_session_timeout_ms,
                   heartbeat_interval_ms=broker.group_consumer_heartbeat_interval_ms)


def group_problem(consumer: ConsumerSettings, broker: BrokerSettings) -> str | None:
    """Why the group coordinator would refuse this consumer; None if it would not."""
    if consumer.group_protocol == "classic":
        return session_problem(consumer, broker)
    wanted = consumer.group_remote_assignor
    if wanted is None or wanted in broker.group_consumer_assignors:
        return None
    return (f"group_remote_assignor={wanted!r} is refused by the brokers (UNSUPPORTED_ASSIGNOR), who have "
            f"{listed(broker.group_consumer_assignors)}; change it, or broker_config's group_consumer_assignors")


def session_problem(consumer: ConsumerSettings, broker: BrokerSettings) -> str | None:
    """Why the group coordinator would refuse this session timeout (INVALID_SESSION_TIMEOUT); None if it would not."""
    low, high = broker.group_min_session_timeout_ms, broker.group_max_session_timeout_ms
    if low <= consumer.session_timeout_ms <= high:
        return None
    return (
        f"session_timeout_ms={consumer.session_timeout_ms} is refused by the brokers, who allow {low} to {high}; "
        "change it, or broker_config's group_min_session_timeout_ms and group_max_session_timeout_ms"
    )


def bounds_problem(broker: BrokerSettings) -> str | None:
    """Why a broker would not start: what it says to groups of KIP-848 and KIP-932 must be within bounds of its own."""
    bounds = {
        ("consumer", "session_timeout_ms"): (
            broker.group_consumer_min_session_timeout_ms, broker.group_consumer_session_timeout_ms,
            broker.group_consumer_max_session_timeout_ms),
        ("consumer", "heartbeat_interval_ms"): (
            broker.group_consumer_min_heartbeat_interval_ms, broker.group_consumer_heartbeat_interval_ms,
            broker.group_consumer_max_heartbeat_interval_ms),
        ("share", "session_timeout_ms"): (
            broker.group_share_min_session_timeout_ms, broker.group_share_session_timeout_ms,
            broker.group_share_max_session_timeout_ms),
        ("share", "heartbeat_interval_ms"): (
            broker.group_share_min_heartbeat_interval_ms, broker.group_share_heartbeat_interval_ms,
            broker.group_share_max_heartbeat_interval_ms),
        ("share", "record_lock_duration_ms"): (
            broker.group_share_min_record_lock_duration_ms, broker.group_share_record_lock_duration_ms,
            broker.group_share_max_record_lock_duration_ms),
    }
    wrong = [f"group_{kind}_{what}={value} must be between group_{kind}_min_{what}={low} and "
             f"group_{kind}_max_{what}={high}; a broker does not start otherwise: change those too"
             for (kind, what), (low, value, high) in bounds.items() if not low <= value <= high]
    return "; ".join(wrong) or None
