"""A small shop whose orders cannot always be charged, and the loops everybody writes around that."""

import json

from simlib import Scenario, Service, Topic
from simlib.patterns import retry

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
    async for record in consumer:
        await retry.handle_or_park(db, record, lambda record: charge(app, record))
        await consumer.commit()


async def parking_in_memory(app):
    """The keys that wait are known to this life only, and what waits is in the dead letters."""
    consumer, producer, waiting = app.consumer("orders", **SETTINGS), app.producer(), set()
    async for record in consumer:
        try:
            if record.key in waiting:
                raise LookupError("an earlier record of this key waits")
            await charge(app, record)
        except Exception as error:
            waiting.add(record.key)
            await retry.move(producer, "orders-dlq", record, error, app.now)
        await consumer.commit()


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


def none_vanishes(trace, calm=None):
    """Each order is charged, or stands where somebody can find it."""
    names = {row["value"]["order_id"] for row in trace.scenario.inputs["orders"]}
    kept = set(charged(trace)) | {name for topic in TOPICS[1:] for name in in_topic(trace, topic)}
    if "billing" in getattr(trace, "databases", {}):
        kept |= set(parked(trace))
    return names <= kept


def good_ones_are_charged(trace, calm=None):
    """Each order that has an amount is charged."""
    good = {row["value"]["order_id"] for row in trace.scenario.inputs["orders"] if row["value"]["amount"]}
    return good <= set(charged(trace))


def key_in_order(trace, calm=None):
    """No order of a customer is charged before an older one of the same customer."""
    seen, last = set(), {}
    for name in charged(trace):
        customer, number = name.split("/")
        if name not in seen and int(number) != last.get(customer, 0) + 1:
            return False
        if name not in seen:
            last[customer] = int(number)
        seen.add(name)
    return True
