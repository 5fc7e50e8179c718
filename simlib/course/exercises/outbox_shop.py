"""Lesson 07's shop for its judges: customers who come once, a table of orders, an outbox; and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from simlib import Scenario, Service, Topic
from simlib.course.exercise import Verdict
from simlib.course.exercises import refusals
from simlib.data import orders
from simlib.laws import Law
from simlib.laws import Verdict as Judgement
from simlib.laws.verdict import broken, holds
from simlib.patterns.broken_outbox import ORDERS, SAVE
from simlib.patterns.outbox import OUTBOX, announce

LONG_ENOUGH = 120       # seconds: a relay that never marks would go on for ever


def shop(place: Any, *tasks: Any, count: int, rate: float = 1.0, instances: int = 1) -> Scenario:
    """The shop: `place(app, producer, order)` serves the customers of its first instance; all instances do `tasks`."""
    rows = orders(count, rate=rate)

    async def click(app: Any, producer: Any, row: Any) -> None:
        await app.sleep(row["at"] - app.now)
        await place(app, producer, row["value"])

    async def main(app: Any) -> None:
        producer = app.producer()
        still_to_come = [row for row in rows if row["at"] >= app.now and app.name == "shop-0"]
        clicks = [click(app, producer, row) for row in still_to_come]
        await asyncio.gather(*clicks, *(task(app) for task in tasks))

    service = Service("shop", main, instances=instances, database=ORDERS + OUTBOX)
    return Scenario((Topic("orders"),), services=(service,), duration=LONG_ENOUGH)


async def save_and_announce(app: Any, producer: Any, order: Mapping[str, Any]) -> None:
    """A placing that holds."""
    async with app.database.transaction():
        await app.database.execute(SAVE, (order["order_id"],))
        await announce(app.database, "orders", order["order_id"], order)


def saved(trace: Any) -> list[str]:
    """The orders in the shop's table, in the order of their ids."""
    return [row[0] for row in trace.databases["shop"].execute("SELECT order_id FROM orders ORDER BY order_id")]


def announced(trace: Any) -> list[dict[str, Any]]:
    """What stands in the topic at the end, one value for each copy, in the order of the log."""
    records = trace.records[trace.records.copies > 0].sort_values("offset")
    copies = zip(records.value, records.copies, strict=True)
    return [value for value, number in copies for _ in range(number)]


def times(trace: Any) -> Counter[str]:
    """How often each order stands in the topic."""
    return Counter(value["order_id"] for value in announced(trace))


def anomaly(trace: Any) -> str:
    """What parts the table from the topic, as half a sentence; empty where nothing does."""
    kept, told = saved(trace), times(trace)
    if unheard := [name for name in kept if name not in told]:
        return f"order {unheard[0]} is saved, and nobody hears of it"
    if invented := sorted(set(told) - set(kept)):
        return f"everybody hears of order {invented[0]}, and it is not in the table"
    return ""


def saved_and_announced(most: int | None = None) -> Law:
    """The law that table and topic have the same orders, and that `most` of them are announced again."""

    def judge(trace: Any) -> Judgement:
        if wrong := anomaly(trace):
            return broken("saved_and_announced", wrong)
        again = sum(number - 1 for number in times(trace).values())
        if most is not None and again > most:
            return broken("saved_and_announced", f"{again} orders are announced again")
        return holds("saved_and_announced", "table and topic have the same orders")

    return judge


def refused(id: str, idea: str, found: Any) -> Verdict:
    """A refusal by a counter-example, with the picture of what matters of it."""
    return refusals.refused(id, idea, found, found.trace.plot.sequence(_what_matters(found.trace)))


def _what_matters(trace: Any) -> tuple[float, float]:
    """From just before the accident to the last announcement: a relay that looks in vain is no part of the story."""
    accidents = trace.control.time[trace.control.kind.isin(["crashed", "restarted", "paused", "resumed"])]
    moments = [*accidents, *trace.records.created, *trace.records.acked.dropna()]
    return max(0.0, min(moments) - 0.01), max(moments) + 0.01
