"""A small shop whose orders cannot always be charged, and the loops everybody writes around that."""

import asyncio
import json

from simlib import Scenario, Service, Topic, replace
from simlib.laws import Verdict
from simlib.patterns import retry
from simlib.patterns.idempotency import INBOX, first_time

TOPICS = ("orders", "orders-retry-5s", "orders-retry-1m", "orders-dlq")
SETTINGS = {"group_id": "billing", "enable_auto_commit": False, "auto_offset_reset": "earliest"}


def order(name, amount=1, **more):
    """One order; its name is `<customer>/<number>`, and its key is the customer."""
    return {"key": name.partition("/")[0], "value": {"order_id": name, "amount": amount}, **more}


THREE = (order("ann/1"), order("bob/1", amount=0), order("ann/2"))
ONE_KEY = (order("ann/1"), order("ann/2"), order("bob/1"))


def shop(main, orders=THREE, *, instances=1, database=None, **more):
    """Orders, the topics that a failed one can move to, and a billing service."""
    extra = {} if database is None else {"database": database}
    return Scenario(topics=[Topic(name) for name in TOPICS], inputs={"orders": orders},
                    services=[Service("billing", main, instances=instances, **extra)], **more)


async def charge(app, record):
    """The act: refuses an order without an amount, for ever."""
    if not record.value["amount"]:
        raise ValueError("no amount")
    await app.effect("charge", record.value["order_id"])


async def crashing(app):
    """No `except` at all: the poison record is where every new life begins."""
    consumer = app.consumer("orders", **SETTINGS)
    async for record in consumer:
        await charge(app, record)
        await consumer.commit()


async def skipping(app):
    """Catch, go on, commit."""
    consumer = app.consumer("orders", **SETTINGS)
    async for record in consumer:
        try:
            await charge(app, record)
        except Exception:
            pass
        await consumer.commit()


async def dead_lettering(app):
    """What fails goes to the dead letters, at the first failure; sent before the commit."""
    consumer, producer = app.consumer("orders", **SETTINGS), app.producer()
    async for record in consumer:
        try:
            await charge(app, record)
        except Exception as error:
            await retry.move(producer, "orders-dlq", record, error, app.now)
        await consumer.commit()


async def not_awaiting(app):
    """The dead letter is handed to the producer, and nobody asks whether it arrived."""
    consumer, producer = app.consumer("orders", **SETTINGS), app.producer()
    async for record in consumer:
        try:
            await charge(app, record)
        except Exception:
            await producer.send("orders-dlq", record.value, key=record.key)
        await consumer.commit()


async def committing_first(app):
    """The dead letter is sent after the commit."""
    consumer, producer = app.consumer("orders", **SETTINGS), app.producer()
    async for record in consumer:
        await consumer.commit()
        try:
            await charge(app, record)
        except Exception as error:
            await retry.move(producer, "orders-dlq", record, error, app.now)


async def with_topics(app):
    """The pattern: two retry topics, then the dead letters."""
    await retry.with_retry_topics(app, "orders", lambda record: charge(app, record), "billing")


async def parking(app):
    """The pattern: the whole key waits."""
    consumer, db = app.consumer("orders", **SETTINGS), app.database
    await db.execute(retry.PARKED)
    async for record in consumer:
        await retry.handle_or_park(db, record, lambda record: charge(app, record))
        await consumer.commit()


async def parking_in_memory(app):
    """The keys that wait are known to this life only, and what waits is in the dead letters."""
    consumer, producer, waiting = app.consumer("orders", **SETTINGS), app.producer(), set()
    async for record in consumer:
        try:
            if record.key in waiting:
                raise LookupError("an earlier order of this customer waits")
            await charge(app, record)
        except Exception as error:
            waiting.add(record.key)
            await retry.move(producer, "orders-dlq", record, error, app.now)
        await consumer.commit()


REPAIRED = 20.0
"""When the bank takes everything again, also what has no amount."""


async def charge_when_repaired(app, name):
    if app.now < REPAIRED:
        raise ValueError("not yet")
    await app.effect("charge", name)


async def parking_and_releasing(app):
    """Orders of ann and bob are parked until the bank is repaired; then somebody releases both, three times."""
    db = app.database
    await db.execute(retry.PARKED)

    async def read():
        consumer = app.consumer("orders", **SETTINGS)
        async for record in consumer:
            await retry.handle_or_park(db, record,
                                       lambda record: charge_when_repaired(app, record.value["order_id"]))
            await consumer.commit()

    async def release():
        for at in (30, 150, 300):
            await app.sleep(max(0.0, at - app.now))
            for key in ("ann", "bob"):
                await retry.release(db, key, lambda value: charge_when_repaired(app, value["order_id"]))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        tasks.create_task(release())


async def giving_up_until_repaired(app):
    """Everything is a dead letter until the bank is repaired."""
    consumer, producer = app.consumer("orders", **SETTINGS), app.producer()
    async for record in consumer:
        try:
            await charge_when_repaired(app, record.value["order_id"])
        except ValueError as error:
            await retry.move(producer, "orders-dlq", record, error, app.now)
        await consumer.commit()


async def remembering(app):
    """The same, but what is done is remembered in the transaction that does it: `total` is what was taken."""
    consumer, producer, db = app.consumer("orders", **SETTINGS), app.producer(), app.database
    await db.execute(INBOX)
    await db.execute("CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY, taken INTEGER)")
    async for record in consumer:
        if app.now < REPAIRED:
            await retry.move(producer, "orders-dlq", record, ValueError("not yet"), app.now)
        else:
            async with db.transaction():
                if await first_time(db, "billing", record.value["order_id"]):
                    await db.execute("INSERT INTO total VALUES (1, 1) ON CONFLICT DO UPDATE SET taken = taken + 1")
        await consumer.commit()


async def redriving(app):
    """A clerk who sends the dead letters back when the bank is repaired."""
    await app.sleep(max(0.0, REPAIRED + 10 - app.now))
    await retry.redrive(app, "orders-dlq")


def with_clerk(billing, orders=ONE_KEY):
    """The shop, and a clerk who redrives."""
    return replace(shop(billing, orders), "services", [Service("billing", billing), Service("clerk", redriving)])


def charged(trace):
    """What was charged, in order of time."""
    return trace.effects.key[trace.effects.name == "charge"].tolist()


def in_topic(trace, topic):
    """The orders that stand in a topic."""
    records = trace.records[(trace.records.topic == topic) & (trace.records.copies > 0)]
    return [value["order_id"] for value in records.value]


def parked(trace):
    """The orders that wait in the database, oldest first."""
    rows = trace.databases["billing"].execute("SELECT value FROM parked ORDER BY partition, offset")
    return [json.loads(row[0])["order_id"] for row in rows]


# -- laws


def _verdict(law, wrong):
    return Verdict(law, not wrong, f"{law}: {', '.join(wrong) or 'nothing wrong'}")


def none_vanishes(trace, calm=None):
    """Each order is charged, or stands where somebody can find it."""
    kept = set(charged(trace)) | {name for topic in TOPICS[1:] for name in in_topic(trace, topic)}
    if trace.scenario.services[0].main in (parking, parking_and_releasing):
        kept |= set(parked(trace))
    return _verdict("none vanishes", [name for name in _names(trace) if name not in kept])


def good_ones_are_charged(trace, calm=None):
    """Each order that has an amount is charged."""
    good = [row["value"]["order_id"] for row in trace.scenario.inputs["orders"] if row["value"]["amount"]]
    return _verdict("good ones are charged", [name for name in good if name not in charged(trace)])


def key_in_order(trace, calm=None):
    """No order of a customer is charged before all older ones of the same customer."""
    late, done = [], {}
    for name in dict.fromkeys(charged(trace)):
        customer, number = name.split("/")
        done[customer] = done.get(customer, 0) + 1
        if int(number) != done[customer]:
            late.append(name)
    return _verdict("key in order", late)


def charged_once(trace, calm=None):
    """No order is charged twice."""
    names = charged(trace)
    return _verdict("charged once", sorted({name for name in names if names.count(name) > 1}))


def all_are_charged(trace, calm=None):
    """Every order is charged in the end."""
    return _verdict("all are charged", [name for name in _names(trace) if name not in charged(trace)])


def taken_once(trace, calm=None):
    """The total says as many orders as there are."""
    rows = trace.databases["billing"].execute("SELECT taken FROM total")
    return _verdict("taken once", [] if [row[0] for row in rows] == [len(_names(trace))] else [f"taken: {rows}"])


def _names(trace):
    return [row["value"]["order_id"] for row in trace.scenario.inputs["orders"]]
