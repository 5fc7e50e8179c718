"""Two instances of one service: one is slow for a moment, or comes back from the dead."""

from __future__ import annotations

import asyncio
import sqlite3

from seeded.business import column_of, ordered, total_is_right
from seeded.case import Flaw, Sound, orders, reader, shop
from simlib import Service, laws

TABLES = """
CREATE TABLE inbox (id PRIMARY KEY);
CREATE TABLE account (total INTEGER);
INSERT INTO account VALUES (0);
CREATE TABLE newest (number INTEGER);
INSERT INTO newest VALUES (0);
CREATE TABLE moves (version INTEGER, amount INTEGER, id PRIMARY KEY);
INSERT INTO moves VALUES (1, 100, 'opening');
CREATE TABLE versions (version INTEGER PRIMARY KEY);
"""


async def check_mark_handle(app):
    """P11: two deliveries can both pass the check, however early the mark is made."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        if not await db.execute("SELECT 1 FROM inbox WHERE id = ?", (order.value["order"],)):
            await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING", (order.value["order"],))
            await app.effect("charge", order.value["order"])
        await consumer.commit()


async def claim_then_handle(app):
    """The insert is the check: one of two gets the row."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id",
                            (order.value["order"],)):
            await app.effect("charge", order.value["order"])
        await consumer.commit()


async def commit_then_charge(app):
    """Who has lost its partitions cannot commit (K97): the generation is the fence."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        await app.effect("charge", order.value["order"])


async def read_add_write(app):
    """A lost update: the inbox is right, but the total was read before the transaction."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        total = (await db.execute("SELECT total FROM account"))[0]["total"]
        async with db.transaction():
            if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id",
                                (order.value["order"],)):
                await db.execute("UPDATE account SET total = ?", (total + order.value["amount"],))
        await consumer.commit()


async def last_writer_wins(app):
    """A zombie writes what was new when it fell asleep."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        await db.execute("UPDATE newest SET number = ?", (order.value["number"],))
        await consumer.commit()


async def newer_version_wins(app):
    """P14: comparing versions settles zombies, repeats and disorder."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        await db.execute("UPDATE newest SET number = ? WHERE number < ?", 2 * (order.value["number"],))
        await consumer.commit()


async def look_then_withdraw(app):
    """C05: the balance is looked up in one step and used in another."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        balance = (await db.execute("SELECT SUM(amount) FROM moves"))[0][0]
        if balance >= 80:
            await db.execute("INSERT INTO moves VALUES (0, -80, ?) ON CONFLICT DO NOTHING", (order.value["order"],))
        await consumer.commit()


async def withdraw_at_version(app):
    """P23: the move says which version it was decided on; if another came first, decide again."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        while not await withdraw(db, order.value["order"]):
            pass
        await consumer.commit()


async def withdraw(db, name):
    balance, version = (await db.execute("SELECT SUM(amount), MAX(version) FROM moves"))[0]
    if balance < 80 or await db.execute("SELECT 1 FROM moves WHERE id = ?", (name,)):
        return True
    try:
        async with db.transaction():
            await db.execute("INSERT INTO versions VALUES (?)", (version + 1,))
            await db.execute("INSERT INTO moves VALUES (?, -80, ?)", (version + 1, name))
        return True
    except sqlite3.IntegrityError:
        return False


async def keep_a_copy(app):
    """Each instance reads everything and keeps it in memory for a minute: one may die, but not both."""
    async def archive(order):
        await app.sleep(60)
        await app.effect("archive", order)

    consumer = app.consumer("orders", group_id=app.name, enable_auto_commit=False, auto_offset_reset="earliest")
    tasks = []
    async for order in consumer:
        tasks.append(asyncio.create_task(archive(order.value["order"])))
        await consumer.commit()


def newest_is_right(trace):
    return column_of(trace, "billing", "SELECT number FROM newest") == [len(ordered(trace))]


def two(main, partitions=1, **times):
    """Two instances; with one partition the second one waits for the first one to fail."""
    return shop(Service("billing", main, instances=2, database=TABLES), partitions=partitions,
                inputs=orders(2, at=10, partitions=partitions, **times))


TOTAL = total_is_right("billing", "SELECT total FROM account")
SOLVENT = laws.balance_never_negative("SELECT SUM(amount) FROM moves")

FLAWS = [
    Flaw("two copies in memory", shop(Service("store", keep_a_copy, instances=2), inputs=orders(1)),
         laws.at_least_once("archive"), "crash-after:store-0.0/commit#1+crash-after:store-1.0/commit#1"),
    Flaw("check, mark, handle", two(check_mark_handle), laws.at_most_once("charge"),
         "stall-after:billing-0.0/execute#1"),
    Flaw("read, add, write", two(read_add_write, partitions=2), TOTAL,
         "hold:billing-0.0/execute#4~billing-1.0/execute#1", records=2),
    Flaw("last writer wins", two(last_writer_wins), newest_is_right, "stall-after:billing-0.0/receive#1", records=2),
    Flaw("look, then withdraw", two(look_then_withdraw, partitions=2), SOLVENT,
         "hold:billing-0.0/execute#2~billing-1.0/execute#1", records=2),
]

SOUND = [
    Sound("two copies in memory: one may die", shop(Service("store", keep_a_copy, instances=2), inputs=orders(1)),
          laws.at_least_once("archive")),
    Sound("claim, then handle", two(claim_then_handle), laws.at_most_once("charge")),
    Sound("fenced by generation", two(commit_then_charge), laws.at_most_once("charge")),
    Sound("newer version wins", two(newer_version_wins), newest_is_right),
    Sound("withdraw at a version", two(withdraw_at_version, partitions=2), SOLVENT),
]
