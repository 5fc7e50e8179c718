"""An order is stored and announced: two systems, and no transaction over both."""

from __future__ import annotations

from seeded.business import column_of, written
from seeded.case import Flaw, Sound, reader, shop
from simlib import Service

INSERT = "INSERT INTO orders VALUES (?) ON CONFLICT DO NOTHING RETURNING id"


async def store_then_announce(app):
    """P01, one order of the two writes: a restart finds the order stored and says nothing."""
    consumer, producer, db = reader(app), app.producer(), app.database
    async for order in consumer:
        if await db.execute(INSERT, (order.value["order"],)):
            await producer.send_and_wait("events", order.value)
        await consumer.commit()


async def announce_then_store(app):
    """Announced twice perhaps, but never one without the other: the order is asked for until both are done."""
    consumer, producer, db = reader(app), app.producer(), app.database
    async for order in consumer:
        await producer.send_and_wait("events", order.value)
        await db.execute(INSERT, (order.value["order"],))
        await consumer.commit()


async def announce_inside_the_transaction(app):
    """P01, the other order: what was announced is rolled back. The request is not repeated."""
    producer, db = app.producer(), app.database

    async def place(order):
        async with db.transaction():
            await db.execute(INSERT, (order["order"],))
            await producer.send_and_wait("events", order)

    await app.serve(place)


async def ask_once(app):
    """A customer who does not ask twice: whatever comes back, the next order is next."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        try:
            await app.call("shop", order.value, timeout=5)
        except (TimeoutError, ConnectionError):
            continue


def stored_and_announced(trace):
    """What is in the shop's database is in the log, and the other way round."""
    return set(column_of(trace, "shop", "SELECT id FROM orders")) == {
        value["order"] for value in written(trace, "events")}


def alone(main, *others):
    return shop(Service("shop", main, database="CREATE TABLE orders (id PRIMARY KEY)"), *others, topics=("events",))


FLAWS = [
    Flaw("store, then announce", alone(store_then_announce), stored_and_announced,
         "crash-after:shop-0.0/execute#1"),
    Flaw("announce inside the transaction", alone(announce_inside_the_transaction, Service("web", ask_once)),
         stored_and_announced, "crash-after:shop-0.0/send#1"),
]

SOUND = [
    Sound("announce, then store", alone(announce_then_store), stored_and_announced, faults=2),
]
