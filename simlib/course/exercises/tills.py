"""What the judges of lesson 04 share: the shop's sale, and how long its orders wait."""

from collections import Counter
from functools import cache
from typing import Any

from simlib import ConsumerGroup, Scenario, Topic
from simlib.data import orders

RATE = 6                # orders a second
ORDERS = 300
GUESTS = 30             # the best customers, invited for the evening


@cache
def evening() -> tuple[Any, ...]:
    """The first orders of the best customers, evenly spaced: the lesson's evening sale."""
    best = {customer for customer, _ in Counter(row["key"] for row in orders()).most_common(GUESTS)}
    visits = [row for row in orders() if row["key"] in best][:ORDERS]
    return tuple({**row, "at": number / RATE} for number, row in enumerate(visits))


def sale(rows: Any, tills: int, packers: int, duration: float = 75, **settings: Any) -> Scenario:
    """The lesson's shop: so many tills (partitions) and packers (consumers)."""
    group = ConsumerGroup("pack", "orders", consumers=packers, service_time=0.6, **settings)
    return Scenario((Topic("orders", partitions=tills),), inputs={"orders": rows}, groups=(group,), duration=duration)


PICKY = {"max_poll_records": 1, "auto_commit_interval_ms": 1_000}       # one order at a time, ticked off each second


def longest_wait(trace: Any) -> float:
    """Seconds from written to picked up, for the order that waited longest."""
    both = trace.deliveries.merge(trace.records[["message", "created"]])
    return float((both.time - both.created).max())


def overtaken(trace: Any) -> Any:
    """The orders that were packed after a later order of the same customer."""
    packed = trace.deliveries.merge(trace.records[["message", "created", "value"]])
    customer = packed["value"].str["customer"]
    return packed[packed.created < packed.groupby(customer).created.cummax()]


def packed_by(trace: Any) -> Any:
    """Who minded which tills at the start, and how many orders each packer got."""
    first = trace.control[(trace.control.kind == "assigned") & (trace.control.time < 0)]
    tills = first.groupby("process", observed=True).partition.agg(lambda rows: ", ".join(map(str, rows)))
    members = list(trace.scenario.members_of("pack"))
    counts = trace.deliveries.member.value_counts().reindex(members, fill_value=0)
    table = counts.rename("orders packed").rename_axis(None).to_frame()
    table.insert(0, "tills", tills.reindex(members).astype(object).fillna("none"))
    return table
