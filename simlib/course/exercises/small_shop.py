"""Lesson 06's shop, for its judges: a few orders, one loop, one table."""

from typing import Any

from simlib import Scenario, Service, Topic
from simlib.data import orders


def picked(*order_ids: str) -> tuple[dict[str, Any], ...]:
    """Orders of the log in this sequence, as inputs; a name that comes twice is sent twice."""
    log = {row["value"]["order_id"]: row for row in orders(400)}
    return tuple({"key": log[name]["key"], "value": log[name]["value"]} for name in order_ids)


def loop(group: str, handle: Any) -> Any:
    """The lesson's loop around a handler: receive, handle, commit."""

    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await handle(app, order)
            await consumer.commit()

    return main


def opened(table: str, column: str, inputs: Any) -> str:
    """A table with a row for each customer of these orders, and nothing in it yet."""
    customers = dict.fromkeys(row["key"] for row in inputs)
    rows = ", ".join(f"('{customer}', 0)" for customer in customers)
    return f"CREATE TABLE {table} (customer TEXT PRIMARY KEY, {column} REAL); INSERT INTO {table} VALUES {rows};"


def shop(name: str, handle: Any, inputs: Any, tables: str, instances: int = 1) -> Scenario:
    """One topic of orders and one service that works them off."""
    service = Service(name, loop(name, handle), instances=instances, database=tables)
    return Scenario((Topic("orders"),), inputs={"orders": inputs}, services=(service,))
