"""Settings of a scenario as kafka-python takes them: only those that are given, so that its own defaults hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simlib.scenario.settings import normal_form, resolve_consumer, resolve_producer

CLIENT = "kafka-python"


def consumer_config(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A consumer's. Raises ConfigError."""
    resolve_consumer(CLIENT, overrides)
    config = normal_form(overrides)
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
