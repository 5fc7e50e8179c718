"""Lesson 02's shop for its judges: customers who click once and read an answer, and what came of their orders."""

import asyncio
from typing import Any

from simlib import Scenario, Service, Topic
from simlib.data import orders

COUNT = 3
THANKS = "thank you"
TOO_LONG = 0.5
"""Seconds that a customer waits for a page."""


async def customers(app: Any) -> None:
    """Each clicks once, about one a second; what they read is an effect named by it."""

    async def click(row: Any) -> None:
        await app.sleep(row["at"] - app.now)
        try:
            answer = await app.call("shop", row["value"])
        except Exception:
            answer = "an error"
        await app.effect(str(answer), row["value"]["order_id"])

    await asyncio.gather(*(click(row) for row in orders(COUNT, rate=1) if row["at"] >= app.now))


def town(main: Any, tables: str, *others: Service, faults: Any = (), brokers: int = 3) -> Scenario:
    """The shop, whose `main` serves these customers, and other services beside it."""
    services = (Service("shop", main, database=tables), Service("customers", customers), *others)
    return Scenario((Topic("orders"),), services=services, faults=faults, brokers=brokers)


def done(trace: Any, name: str) -> set[str]:
    """The orders for which this was done."""
    return set(trace.effects.key[trace.effects.name == name])


def rows(trace: Any, table: str, service: str = "shop") -> set[str]:
    """The orders that stand in a table."""
    return {row[0] for row in trace.databases[service].execute(f"SELECT order_id FROM {table}")}


def longest_wait(trace: Any) -> float:
    """Seconds from the click to the answer, of whoever waited longest."""
    return float((trace.calls.answered - trace.calls.sent).max())
