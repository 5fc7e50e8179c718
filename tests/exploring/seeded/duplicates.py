"""What remembers that an order was handled, and when does it remember?"""

from __future__ import annotations

from seeded.business import all_in, every_order_is_done, total_is_right
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from simlib import Service, laws

TABLES = """
CREATE TABLE inbox (id PRIMARY KEY);
CREATE TABLE account (total INTEGER);
INSERT INTO account VALUES (0);
CREATE TABLE invoices (id PRIMARY KEY, amount INTEGER);
"""
NEVER_WRITTEN_TWICE = "no public fault writes an input twice: its producer is idempotent"
TOTAL = "SELECT total FROM account"


async def no_memory(app):
    """Safe from its own death, but not from a record that comes twice."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        await app.effect("charge", order.value["order"])


async def no_memory_for_a_batch(app):
    consumer = reader(app)
    while True:
        for batch in (await consumer.getmany(timeout_ms=1_000)).values():
            await consumer.commit()
            for order in batch:
                await app.effect("charge", order.value["order"])


async def set_in_memory(app):
    consumer, seen = reader(app), set()
    async for order in consumer:
        if order.value["order"] not in seen:
            await app.effect("charge", order.value["order"])
            seen.add(order.value["order"])
        await consumer.commit()


async def check_handle_mark(app):
    """C01: the check is in one place, the mark in another."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        name = order.value["order"]
        if not await db.execute("SELECT 1 FROM inbox WHERE id = ?", (name,)):
            await app.effect("charge", name)
            await db.execute("INSERT INTO inbox VALUES (?)", (name,))
        await consumer.commit()


async def mark_then_handle(app):
    consumer, db = reader(app), app.database
    async for order in consumer:
        name = order.value["order"]
        if not await db.execute("SELECT 1 FROM inbox WHERE id = ?", (name,)):
            await db.execute("INSERT INTO inbox VALUES (?)", (name,))
            await app.effect("charge", name)
        await consumer.commit()


async def effect_inside_a_transaction(app):
    """A rollback takes the mark back, but not the charge."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        async with db.transaction():
            if not await db.execute("SELECT 1 FROM inbox WHERE id = ?", (order.value["order"],)):
                await db.execute("INSERT INTO inbox VALUES (?)", (order.value["order"],))
                await app.effect("charge", order.value["order"])
        await consumer.commit()


async def set_nx_then_handle(app):
    """C02: after a crash the key says that the order is handled."""
    consumer = reader(app)
    async for order in consumer:
        if await app.redis.set(order.value["order"], 1, nx=True, ex=86_400):
            await app.effect("charge", order.value["order"])
        await consumer.commit()


async def set_nx_for_too_short(app):
    """The key is gone before the record comes again: a dead member's session lasts 45 s."""
    consumer = reader(app)
    async for order in consumer:
        if await app.redis.set(order.value["order"], 1, nx=True, ex=30):
            await app.effect("charge", order.value["order"])
        await consumer.commit()


async def add_before_commit(app):
    consumer, db = reader(app), app.database
    async for order in consumer:
        await db.execute("UPDATE account SET total = total + ?", (order.value["amount"],))
        await consumer.commit()


async def inbox_in_a_transaction_of_its_own(app):
    consumer, db = reader(app), app.database
    async for order in consumer:
        if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id",
                            (order.value["order"],)):
            await db.execute("UPDATE account SET total = total + ?", (order.value["amount"],))
        await consumer.commit()


async def commit_inside_the_transaction(app):
    """Kafka's commit cannot be rolled back with the database's."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        async with db.transaction():
            await db.execute("UPDATE account SET total = total + ?", (order.value["amount"],))
            await consumer.commit()


async def remember_the_customer(app):
    """The record's key names a customer, not an order: a customer orders twice."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        async with db.transaction():
            if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id", (order.key,)):
                await db.execute("UPDATE account SET total = total + ?", (order.value["amount"],))
        await consumer.commit()


async def limit_in_memory(app):
    """One order a customer; who has had one is forgotten with the process."""
    consumer, served = reader(app), set()
    async for order in consumer:
        await consumer.commit()
        if order.key not in served:
            served.add(order.key)
            await app.effect("gift", order.key)


async def inbox_in_one_transaction(app):
    """P09: the memory and the work are committed together, or not at all."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        async with db.transaction():
            if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id",
                                (order.value["order"],)):
                await db.execute("UPDATE account SET total = total + ?", (order.value["amount"],))
        await consumer.commit()


async def upsert_by_natural_key(app):
    """P14: setting is idempotent, adding is not."""
    consumer, db = reader(app), app.database
    async for order in consumer:
        await db.execute("INSERT INTO invoices VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount",
                         (order.value["order"], order.value["amount"]))
        await consumer.commit()


def billing(main, **more):
    return shop(Service("billing", main, database=TABLES), **more)


FLAWS = [
    Flaw("no memory", billing(no_memory), laws.at_most_once("charge"), "twice:billing-0.0/receive#1",
         options={"only": "twice"}, beyond=NEVER_WRITTEN_TWICE),
    Flaw("no memory for a batch", billing(no_memory_for_a_batch), laws.at_most_once("charge"),
         "twice:billing-0.0/receive#1", options={"only": "twice"}, beyond=NEVER_WRITTEN_TWICE),
    Flaw("set in memory", billing(set_in_memory), laws.exactly_once("charge"), "crash-after:billing-0.0/charge#1"),
    Flaw("check, handle, mark", billing(check_handle_mark), laws.exactly_once("charge"),
         "crash-after:billing-0.0/charge#1"),
    Flaw("mark, then handle", billing(mark_then_handle), laws.exactly_once("charge"),
         "crash-after:billing-0.0/execute#2"),
    Flaw("effect inside a transaction", billing(effect_inside_a_transaction), laws.exactly_once("charge"),
         "crash-after:billing-0.0/charge#1"),
    Flaw("SET NX, then handle", billing(set_nx_then_handle), laws.at_least_once("charge"),
         "crash-after:billing-0.0/redis#1"),
    Flaw("SET NX for too short", billing(set_nx_for_too_short), laws.at_most_once("charge"),
         "crash-after:billing-0.0/charge#1"),
    Flaw("add before commit", billing(add_before_commit), laws.as_calm(TOTAL),
         "crash-after:billing-0.0/execute#1"),
    Flaw("inbox in a transaction of its own", billing(inbox_in_a_transaction_of_its_own),
         total_is_right("billing", TOTAL), "crash-after:billing-0.0/execute#1"),
    Flaw("commit inside the transaction", billing(commit_inside_the_transaction), total_is_right("billing", TOTAL),
         "crash-after:billing-0.0/commit#1"),
    Flaw("limit in memory", billing(limit_in_memory), laws.at_most_once("gift"),
         "crash-after:billing-0.0/gift#1", records=2),
    Flaw("remember the customer", billing(remember_the_customer), total_is_right("billing", TOTAL), CALM, records=2),
]

SOUND = [
    Sound("mark, then handle: at most once", billing(mark_then_handle), laws.at_most_once("charge"), faults=2),
    Sound("check, handle, mark: at least once", billing(check_handle_mark), every_order_is_done("charge"), faults=2),
    Sound("inbox in one transaction", billing(inbox_in_one_transaction), laws.as_calm(TOTAL), faults=2),
    Sound("inbox in one transaction, delivered twice", billing(inbox_in_one_transaction), laws.as_calm(TOTAL),
          options={"redeliver": True}),
    Sound("inbox in one transaction, two instances",
          shop(Service("billing", inbox_in_one_transaction, instances=2, database=TABLES),
               inputs=orders(2, at=10, partitions=2), partitions=2), total_is_right("billing", TOTAL)),
    Sound("upsert by natural key", billing(upsert_by_natural_key), all_in("billing", "SELECT id FROM invoices"),
          faults=2),
]
