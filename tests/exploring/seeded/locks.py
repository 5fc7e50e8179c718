"""Locks and leases: who holds one may be slow, dead, or out of date - and there may be nobody to ask."""

from __future__ import annotations

import sqlite3

from seeded.business import all_in, always
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from simlib import Service, laws

TABLES = """
CREATE TABLE seat (holder TEXT, token INTEGER);
INSERT INTO seat VALUES (NULL, 0);
CREATE TABLE tickets (id PRIMARY KEY);
"""


async def lock(app):
    while not await app.redis.set("seat", app.name, nx=True, px=30_000):
        await app.sleep(1)


async def lock_that_expires(app):
    """The lock is gone after 30 s, its holder does not know."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        await lock(app)
        if (await db.execute("SELECT holder FROM seat"))[0]["holder"] is None:
            async with db.transaction():
                await db.execute("UPDATE seat SET holder = ?", (order.value["order"],))
                await db.execute("INSERT INTO tickets VALUES (?) ON CONFLICT DO NOTHING", (order.value["order"],))
        await app.redis.delete("seat")
        await consumer.commit()


async def lock_with_token(app):
    """The same lock with a fencing token: the seat remembers the newest token it has seen."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        await lock(app)
        token = await app.redis.incr("token")
        await db.execute("UPDATE seat SET token = ? WHERE token < ?", (token, token))
        if (await db.execute("SELECT holder FROM seat"))[0]["holder"] is None:
            async with db.transaction():
                if await db.execute("UPDATE seat SET holder = ? WHERE token = ? AND holder IS NULL RETURNING holder",
                                    (order.value["order"], token)):
                    await db.execute("INSERT INTO tickets VALUES (?)", (order.value["order"],))
        await app.redis.delete("seat")
        await consumer.commit()


async def lock_for_ever(app):
    """No expiry: a dead holder's lock is never released."""
    consumer = reader(app)
    async for order in consumer:
        while not await app.redis.set("charging", app.name, nx=True):
            await app.sleep(1)
        await app.effect("charge", order.value["order"])
        await app.redis.delete("charging")
        await consumer.commit()


async def sell_the_seat(app):
    """The same flaw between two services with one instance each: stalls of these are tried on request."""
    consumer = reader(app)
    async for _ in consumer:
        await lock(app)
        if await app.redis.get("sold") is None:
            await app.redis.set("sold", app.name)
            await app.effect("sell", "seat 1")
        await app.redis.delete("seat")
        await consumer.commit()


async def locked_taken_for_done(app):
    """While one instance waits for an answer inside its transaction, the other finds the database locked."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        try:
            async with db.transaction():
                await db.execute("INSERT INTO tickets VALUES (?) ON CONFLICT DO NOTHING", (order.value["order"],))
                await app.effect("print", order.value["order"])
        except sqlite3.OperationalError:
            pass  # "it is being worked on"
        await consumer.commit()


async def report_of_the_day(app):
    """Every instance has the same timetable."""
    await app.sleep(60)
    await app.effect("report", "Monday")


async def report_of_one(app):
    """The day is claimed for good before the report is sent."""
    await app.sleep(60)
    if await app.redis.set("report of Monday", app.name, nx=True):
        await app.effect("report", "Monday")


def two(main, partitions=2):
    """Two instances, and an order for each."""
    return shop(Service("billing", main, instances=2, database=TABLES), partitions=partitions,
                inputs=orders(2, at=10, partitions=partitions))


def timetable(main):
    return shop(Service("office", main, instances=2), inputs=[])


ONE_SEAT = always("billing", "SELECT COUNT(*) <= 1 FROM tickets", 1)

FLAWS = [
    Flaw("a lock that expires", two(lock_that_expires), ONE_SEAT,
         "stall-after:billing-0.0/execute#1", records=2),
    Flaw("a lock of two services", shop(Service("app", sell_the_seat), Service("web", sell_the_seat)),
         laws.at_most_once("sell"), "stall-after:app-0.0/redis#2", options={"only": "stall"}),
    Flaw("a lock for ever", two(lock_for_ever, partitions=1), laws.at_least_once("charge"),
         "crash-after:billing-0.0/redis#1"),
    Flaw("locked taken for done", two(locked_taken_for_done), all_in("billing", "SELECT id FROM tickets"),
         "lose-request:billing-0.0/print#1", records=2),
    Flaw("report of the day", timetable(report_of_the_day), laws.at_most_once("report"), CALM, records=0),
]

SOUND = [
    Sound("a lock with a token", two(lock_with_token), ONE_SEAT),
    Sound("report of one", timetable(report_of_one), laws.at_most_once("report"), faults=2),
]
