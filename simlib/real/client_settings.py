"""Settings of a scenario as kafka-python takes them: only those that are given, so that its own defaults hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simlib.scenario.errors import ConfigError
from simlib.scenario.filling import normal_form
from simlib.scenario.settings import resolve_consumer, resolve_producer
from simlib.scenario.settings_table import SIMULATED_ONLY

CLIENT = "kafka-python"
SIMULATED_PROTOCOL = ("group_protocol='consumer' (KIP-848) is simulated only: real runs use kafka-python, which speaks "
                      "the classic protocol alone. Leave it out, or run it in virtual time")

SIMULATED_SHARING = ("share groups (KIP-932) are simulated only: real runs use kafka-python, which has none. Use a "
                     "ConsumerGroup, or run it in virtual time")


def consumer_config(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A consumer's. Raises ConfigError."""
    if resolve_consumer(CLIENT, overrides).group_protocol == "consumer":
        raise ConfigError(SIMULATED_PROTOCOL)
    config = {name: value for name, value in normal_form(overrides).items() if name not in SIMULATED_ONLY}
    if "partition_assignment_strategy" in config:
        config["partition_assignment_strategy"] = [_assignor(name) for name in config["partition_assignment_strategy"]]
    return config


def producer_config(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A producer's. Raises ConfigError."""
    resolve_producer(CLIENT, overrides)
    config = normal_form(overrides)
    partitioner = config.pop("partitioner", "random")
    if partitioner == "sticky":
        from kafka.partitioner import StickyPartitioner

        config["partitioner"] = StickyPartitioner()
    return config


def _assignor(name: str) -> Any:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

    return {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor,
            "sticky": StickyPartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}[name]
