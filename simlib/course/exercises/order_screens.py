"""Lesson 10 B's shop, for its judges: a till, a window that comes later, and Ada before her screen."""

import asyncio
from functools import partial
from typing import Any

from simlib import Scenario, Service, Topic
from simlib.laws import Law, Verdict
from simlib.laws.verdict import broken, holds
from simlib.patterns.projection import POSITIONS, project
from simlib.patterns.reading_your_writes import seen_within, token, version
from simlib.patterns.retry import again

ORDER = {"order_id": "o-17", "customer": "Ada"}
WINDOW = "CREATE TABLE my_orders (order_id TEXT PRIMARY KEY, customer TEXT);" + POSITIONS
ADD = "INSERT INTO my_orders VALUES (?, ?) ON CONFLICT DO NOTHING"
MINE = "SELECT order_id FROM my_orders WHERE customer = ?"
DURATION = 120.0
"""Seconds: longer than a group waits for a dead member."""


def shop(screen: Any, patient: bool = True, sold_out: bool = False) -> Scenario:
    """`screen(app, press, look)` is Ada's page; `patient`: press() and look() ask again until somebody answers."""
    services = (Service("till", partial(_till, sold_out)), Service("window", _window, database=WINDOW),
                Service("ada", partial(_ada, screen, patient)))
    return Scenario((Topic("orders"),), services=services, duration=DURATION)


async def _till(sold_out: bool, app: Any) -> None:
    producer = app.producer(request_timeout_ms=1_000)

    async def save(order: Any) -> Any:
        if sold_out:
            raise LookupError("sold out")
        return token(await producer.send_and_wait("orders", order, key=order["customer"]))

    await app.serve(save)


async def _window(app: Any) -> None:
    async def add(db: Any, order: Any) -> None:
        await app.sleep(2)
        await db.execute(ADD, [order.value["order_id"], order.value["customer"]])

    async def my_orders(asked: Any) -> Any:
        await seen_within(app, "my_orders", asked["after"], asked["within"])
        has = await version(app.database, "my_orders")
        return {"orders": [row["order_id"] for row in await app.database.execute(MINE, [asked["customer"]])],
                "version": has}

    await asyncio.gather(project(app, "orders", "my_orders", add), app.serve(my_orders))


async def _ada(screen: Any, patient: bool, app: Any) -> None:
    async def press() -> Any:
        return await ask(partial(app.call, "till", ORDER, timeout=2))

    async def look(after: Any = None, within: float = 0) -> Any:
        asked = {"customer": "Ada", "after": after or {}, "within": within}
        return await ask(partial(app.call, "window", asked, timeout=within + 2))

    async def ask(call: Any) -> Any:
        return await again(app, call, attempts=6, base=0.5) if patient else await call()

    await app.sleep(5)
    await screen(app, press, look)


# -- what her screen says


def listed(text: str) -> bool:
    """Whether a screen has the order in a list, as one that is there."""
    return ORDER["order_id"] in text.split("\n")


def pending(text: str) -> bool:
    """Whether a screen has it in a list, as one that is under way."""
    return any(line.startswith(f"{ORDER['order_id']} (") for line in text.split("\n"))


def last(trace: Any) -> str:
    """The last screen; empty if there was none."""
    texts = trace.screens.text.tolist()
    return str(texts[-1]) if texts else ""


def law(name: str, condition: Any, otherwise: str) -> Law:
    """A rule about a run, however it ended, and what to say where it is broken."""

    def judge(trace: Any, calm: Any = None) -> Verdict:
        return holds(name, "so it is") if condition(trace) else broken(name, otherwise)

    return judge
