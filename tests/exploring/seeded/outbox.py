"""The outbox: the event is stored with the order, and a relay announces what is stored."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from seeded.business import column_of, nothing_twice_in, written
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from seeded.dual_writes import INSERT, stored_and_announced
from simlib import Service, laws

TABLES = """
CREATE TABLE orders (id PRIMARY KEY);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, name TEXT UNIQUE, published INTEGER DEFAULT 0);
CREATE TABLE cursor (last INTEGER);
INSERT INTO cursor VALUES (0);
"""
WAITING = "SELECT id, name FROM outbox WHERE NOT published ORDER BY id LIMIT 10"


# -- the shop writes both in one transaction, a relay of its own publishes

async def store_both(app):
    consumer, db = reader(app), app.database
    async for order in consumer:
        async with db.transaction():
            if await db.execute(INSERT, (order.value["order"],)):
                await db.execute("INSERT INTO outbox (name) VALUES (?)", (order.value["order"],))
        await consumer.commit()


async def mark_then_publish(app, producer, row):
    """T5 of the peers: relayed=True before it is delivered."""
    await app.database.execute("UPDATE outbox SET published = 1 WHERE id = ?", (row["id"],))
    await producer.send_and_wait("events", {"order": row["name"]})


async def publish_then_mark(app, producer, row):
    """P03: at least once."""
    await producer.send_and_wait("events", {"order": row["name"]})
    await app.database.execute("UPDATE outbox SET published = 1 WHERE id = ?", (row["id"],))


async def hand_over_then_mark(app, producer, row):
    """C03: `send` without its answer is not published."""
    await producer.send("events", {"order": row["name"]})
    await app.database.execute("UPDATE outbox SET published = 1 WHERE id = ?", (row["id"],))


async def publish_or_go_on(app, producer, row):
    """P08: a row that fails is left for the next round, the rows behind it pass."""
    with suppress(TimeoutError):
        await producer.send_and_wait("events", {"order": row["name"]})
        await app.database.execute("UPDATE outbox SET published = 1 WHERE id = ?", (row["id"],))


async def relay(app, publish, **config):
    producer = app.producer(**config)
    while True:
        for row in await app.database.execute(WAITING):
            await publish(app, producer, row)
        await app.sleep(2)


def with_relay(publish, **config):
    """The shop as one process: one task takes orders, the other relays."""
    async def main(app):
        await asyncio.gather(store_both(app), relay(app, publish, **config))

    return main


async def relay_of_its_own(app):
    """Two roles by name: the first instance takes orders, the second one relays."""
    if app.name == "shop-1":
        await relay(app, publish_then_mark)
    else:
        await store_both(app)


# -- P07: ids are given out before their rows are committed, as by a sequence

async def number_then_store(app):
    consumer, db = reader(app), app.database
    async for order in consumer:
        number = await app.redis.incr("outbox ids")
        await db.execute("INSERT INTO outbox (id, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
                         (number, order.value["order"]))
        await consumer.commit()


async def relay_behind_the_last_id(app):
    db, producer = app.database, app.producer()
    while True:
        for row in await db.execute("SELECT id, name FROM outbox WHERE id > (SELECT last FROM cursor)"):
            await producer.send_and_wait("events", {"order": row["name"]})
            await db.execute("UPDATE cursor SET last = ?", (row["id"],))
        await app.sleep(2)


async def last_id(app):
    if app.name == "shop-2":
        await relay_behind_the_last_id(app)
    else:
        await number_then_store(app)


# -- who listens

async def mail_each_event(app):
    consumer = reader(app, "events")
    async for event in consumer:
        await consumer.commit()
        await app.effect("mail", event.value["order"])


async def book_each_order_once(app):
    consumer, db = reader(app, "events"), app.database
    async for event in consumer:
        await db.execute("INSERT INTO booked VALUES (?) ON CONFLICT DO NOTHING", (event.value["order"],))
        await consumer.commit()


async def book_each_event(app):
    consumer, db = reader(app, "events"), app.database
    async for event in consumer:
        await db.execute("INSERT INTO booked VALUES (?)", (event.value["order"],))
        await consumer.commit()


def announced_in_order(trace):
    """Events appear first in the order in which the outbox has them."""
    first = list(dict.fromkeys(value["order"] for value in written(trace, "events")))
    stored = column_of(trace, "shop", "SELECT name FROM outbox ORDER BY id")
    return first == [name for name in stored if name in first]


def all_rows_announced(trace):
    return set(column_of(trace, "shop", "SELECT name FROM outbox")) <= {
        value["order"] for value in written(trace, "events")}


def alone(main, *others, instances=1, **more):
    return shop(Service("shop", main, instances=instances, database=TABLES), *others, topics=("events",), **more)


MAILS = Service("mails", mail_each_event)
ONCE = Service("billing", book_each_order_once, database="CREATE TABLE booked (id PRIMARY KEY)")
EACH = Service("billing", book_each_event, database="CREATE TABLE booked (id)")
SAME = laws.same_in_both(("shop", "SELECT id FROM orders"), ("billing", "SELECT id FROM booked"))

FLAWS = [
    Flaw("mark, then publish", alone(with_relay(mark_then_publish)), stored_and_announced,
         "crash-after:shop-0.0/execute#10"),
    Flaw("hand over, then mark", alone(with_relay(hand_over_then_mark, linger_ms=100)), stored_and_announced,
         "crash-after:shop-0.0/execute#10"),
    Flaw("publish, then mark; each event is mailed", alone(with_relay(publish_then_mark), MAILS),
         laws.at_most_once("mail"), "crash-after:shop-0.0/send#1"),
    Flaw("publish, then mark; each event is booked", alone(with_relay(publish_then_mark), EACH), SAME,
         "crash-after:shop-0.0/send#1"),
    Flaw("a relay of its own", alone(relay_of_its_own, instances=2), nothing_twice_in("events"),
         "crash-after:shop-1.0/send#1"),
    Flaw("publish or go on", alone(with_relay(publish_or_go_on, delivery_timeout_ms=30_000)), announced_in_order,
         "lose-request:shop-0.0/send#1", records=2),
    Flaw("two relays", alone(with_relay(publish_then_mark), instances=2), nothing_twice_in("events"), CALM),
    Flaw("behind the last id", alone(last_id, instances=3, inputs=orders(2, at=10, partitions=2), partitions=2),
         all_rows_announced, "hold:shop-0.0/execute#1~shop-2.0/execute#7", records=2),
]

SOUND = [
    Sound("outbox: stored and announced", alone(with_relay(publish_then_mark)), stored_and_announced),
    Sound("outbox: announced in order", alone(with_relay(publish_then_mark)), announced_in_order),
    Sound("outbox: each order booked once", alone(with_relay(publish_then_mark), ONCE), SAME),
]
