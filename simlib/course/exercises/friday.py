"""Lesson 15: what its judges share: real orders that are packed, how long they wait."""

from typing import Any

from simlib import ConsumerGroup, Scenario, Topic


def packing(rows: Any, partitions: int, consumers: int, work: Any, duration: float, **more: Any) -> Scenario:
    """The lesson's shop: so many consumers pack these orders."""
    group = ConsumerGroup("pack", "orders", consumers=consumers, service_time=work)
    return Scenario((Topic("orders", partitions=partitions),), inputs={"orders": tuple(rows)}, groups=(group,),
                    brokers=1, duration=duration, **more)


def waits(trace: Any) -> Any:
    """One row a delivery: `wait` is the seconds from written to picked up."""
    both = trace.deliveries.merge(trace.records[["message", "created"]])
    return both.assign(wait=both.time - both.created)


def whole(number: Any) -> bool:
    """A whole number, 1 or more."""
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1
