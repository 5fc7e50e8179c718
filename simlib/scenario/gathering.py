"""How long before time 0 brokers and declared groups start."""

from __future__ import annotations

from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import resolve_broker

HEAD_START = 10.0
ROUNDS = {"classic": 0, "consumer": 3, "share": 1}
"""A group of KIP-848 gathers by heartbeats: one to hear of the others, one to be given what they gave up. In a share
group (KIP-932) nobody gives anything up first."""


def head_start(scenario: Scenario) -> float:
    """In seconds."""
    protocols = {group.group_protocol or "classic" for group in scenario.groups} - {"classic"}
    return HEAD_START + max([_rounds(scenario, protocol) for protocol in sorted(protocols)], default=0)


def _rounds(scenario: Scenario, protocol: str) -> float:
    broker = resolve_broker(scenario.broker_config)
    return ROUNDS[protocol] * float(getattr(broker, f"group_{protocol}_heartbeat_interval_ms")) / 1000
