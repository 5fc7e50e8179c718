"""The services of the recorded scenarios: those of lessons 05 and 06, and one that sends addresses."""

from __future__ import annotations

from typing import Any

from simlib.data import orders
from simlib.patterns.idempotency import INBOX, first_time

ACCOUNTS = "CREATE TABLE accounts (customer TEXT PRIMARY KEY, owes REAL NOT NULL);"
TABLES = ACCOUNTS + INBOX
CHARGE = """INSERT INTO accounts VALUES (?, ?)
            ON CONFLICT (customer) DO UPDATE SET owes = owes + excluded.owes"""


async def billing(app: Any) -> None:
    """At least once: charge, then commit."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        # charge
        await app.effect("charge", order.value["order_id"])
        # commit
        await consumer.commit()


async def billing_first(app: Any) -> None:
    """At most once: commit, then charge."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        # commit
        await consumer.commit()
        # charge
        await app.effect("charge", order.value["order_id"])


async def billing_auto(app: Any) -> None:
    """Nobody wrote commit: the default commits every five seconds."""
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
    async for order in consumer:
        # charge
        await app.effect("charge", order.value["order_id"])


async def billing_slowly(app: Any) -> None:
    """At least once, and four seconds of work before the bank is asked."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await app.sleep(4)
        # charge
        await app.effect("charge", order.value["order_id"])
        # commit
        await consumer.commit()


async def billing_once(app: Any) -> None:
    """Mark and charge in one transaction: twice equals once."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        async with app.database.transaction():
            # remember
            if await first_time(app.database, "billing", order.value["order_id"]):
                # charge
                await app.database.execute(CHARGE, [order.value["customer"], order.value["amount"]])
        # commit
        await consumer.commit()


async def plain_checkout(app: Any) -> None:
    """Sixty orders one after the other, without idempotence."""
    await _send_all(app.producer(enable_idempotence=False), "a")


async def numbered_checkout(app: Any) -> None:
    """The same with today's default: the producer numbers its records."""
    await _send_all(app.producer(), "b")


async def _send_all(producer: Any, topic: str) -> None:
    for order in orders(60):
        # send
        await producer.send_and_wait(topic, order["value"], key=order["key"])


async def moving(app: Any) -> None:
    """Six people move; the third event was sent without a key, and the topic is compacted."""
    producer = app.producer()
    for number, who in enumerate(("Ada", "Bob", None, "Cem", "Dot", "Eve")):
        try:
            # send
            await producer.send_and_wait("addresses", {"city": "Cologne"}, key=who)
            await app.effect("sent", number)
        except Exception as error:
            await app.effect("refused", f"{number}: {type(error).__name__}")
