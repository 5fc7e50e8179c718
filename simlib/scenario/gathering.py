"""How long before time 0 brokers and declared groups start."""

from __future__ import annotations

from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import resolve_broker

HEAD_START = 10.0
ROUNDS = 3
"""A group of KIP-848 gathers by heartbeats: one to hear of the others, one to be given what they gave up."""


def head_start(scenario: Scenario) -> float:
    """In seconds."""
    if all([group.group_protocol != "consumer" for group in scenario.groups]):
        return HEAD_START
    return HEAD_START + ROUNDS * resolve_broker(scenario.broker_config).group_consumer_heartbeat_interval_ms / 1000
