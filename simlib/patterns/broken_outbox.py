"""Ways to save and announce that everybody writes, as exhibits: each loses an announcement, invents one, or doubles it.

Lesson 07 breaks them one by one; `outbox.py` has the form that holds. An order is `{"order_id": ...}`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simlib.patterns.outbox import MARK, announce

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.producer import ServiceProducer

ORDERS = """
CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY);
"""
SAVE = "INSERT INTO orders (order_id) VALUES (?)"
WAITING = "SELECT id, topic, aggregate, event FROM outbox WHERE published_at IS NULL ORDER BY id"
AFTER = "SELECT id, topic, aggregate, event FROM outbox WHERE id > ? ORDER BY id"


# -- two writes


async def save_then_publish(app: App, producer: ServiceProducer, order: Any) -> None:
    """A death in between: saved, and nobody ever hears of it [P01]."""
    await app.database.execute(SAVE, (order["order_id"],))
    await producer.send_and_wait("orders", order, key=order["order_id"])


async def publish_then_save(app: App, producer: ServiceProducer, order: Any) -> None:
    """A death in between: everybody hears of an order that does not exist [P01]."""
    await producer.send_and_wait("orders", order, key=order["order_id"])
    await app.database.execute(SAVE, (order["order_id"],))


async def publish_in_the_transaction(app: App, producer: ServiceProducer, order: Any) -> None:
    """The transaction takes back what is in the database. It does not take back what Kafka was told [P01]."""
    async with app.database.transaction():
        await app.database.execute(SAVE, (order["order_id"],))
        await producer.send_and_wait("orders", order, key=order["order_id"])


async def announce_after_the_commit(app: App, order: Any) -> None:
    """An outbox in a transaction of its own is the second write again [P01]."""
    async with app.database.transaction():
        await app.database.execute(SAVE, (order["order_id"],))
    await announce(app.database, "orders", order["order_id"], order)


# -- relays


async def marks_first(app: App, every: float = 1.0) -> None:
    """A death between mark and send: never announced, and the table says it was [P03]."""
    producer = app.producer()
    while True:
        for note in await app.database.execute(WAITING):
            await app.database.execute(MARK, (app.now, note["id"]))
            await _send(producer, note)
        await app.sleep(every)


async def does_not_wait(app: App, every: float = 1.0) -> None:
    """Marks what was handed to the producer. Whether Kafka has it, nobody has asked [C03]."""
    producer = app.producer()
    while True:
        for note in await app.database.execute(WAITING):
            await producer.send(note["topic"], json.loads(note["event"]), key=note["aggregate"])
            await app.database.execute(MARK, (app.now, note["id"]))
        await app.sleep(every)


async def marks_a_batch(app: App, every: float = 1.0) -> None:
    """Loses nothing. A death repeats all that was sent since the last mark: half a batch on average [P04]."""
    producer = app.producer()
    while True:
        sent = await app.database.execute(WAITING)
        for note in sent:
            await _send(producer, note)
        async with app.database.transaction():
            for note in sent:
                await app.database.execute(MARK, (app.now, note["id"]))
        await app.sleep(every)


async def only_selects(app: App, every: float = 1.0) -> None:
    """Holds alone. Two of them read the same rows and send everything twice, and nobody need die [P05]."""
    producer = app.producer()
    while True:
        for note in await app.database.execute(WAITING):
            await _send(producer, note)
            await app.database.execute(MARK, (app.now, note["id"]))
        await app.sleep(every)


async def remembers_the_last_id(app: App, every: float = 1.0) -> None:
    """An id that is drawn early and committed late is behind the last one: never announced [P07].

    `last` dies with the process, too: then everything is announced again.
    """
    producer, last = app.producer(), 0
    while True:
        for note in await app.database.execute(AFTER, (last,)):
            await _send(producer, note)
            last = note["id"]
        await app.sleep(every)


async def _send(producer: ServiceProducer, note: Any) -> None:
    await producer.send_and_wait(note["topic"], json.loads(note["event"]), key=note["aggregate"])
