"""What happens to a record that cannot be handled now, or ever?"""

from __future__ import annotations

import asyncio

from seeded.business import done, done_in_order, every_order_is_done, ordered, written
from seeded.case import CALM, Flaw, Sound, reader, shop
from simlib import Service, laws, replace

POISON = 1
"""The number of the order that no code can handle."""


def parse(order):
    if order.value["number"] == POISON:
        raise ValueError(f"{order.value['order']}: no such product")
    return order.value["order"]


async def poison_blocks(app):
    """The exception kills the process, the restart reads the same record."""
    consumer = reader(app)
    async for order in consumer:
        await app.effect("charge", parse(order))
        await consumer.commit()


async def park_unconfirmed(app):
    """The dead letter sits in the producer's buffer when its order is committed."""
    consumer, producer = reader(app), app.producer(linger_ms=100)
    async for order in consumer:
        try:
            await app.effect("charge", parse(order))
        except ValueError:
            await producer.send("dead", order.value)
        await consumer.commit()


async def park_confirmed(app):
    consumer, producer = reader(app), app.producer()
    async for order in consumer:
        try:
            await app.effect("charge", parse(order))
        except ValueError:
            await producer.send_and_wait("dead", order.value)
        await consumer.commit()


async def park_and_redrive(app):
    """P28: what was parked comes back behind the customer's later orders."""
    await asyncio.gather(park_confirmed(app), redrive(app))


async def redrive(app):
    """The fix is deployed half a minute later."""
    consumer = reader(app, "dead")
    async for order in consumer:
        await app.sleep(30)
        await app.effect("charge", order.value["order"])
        await consumer.commit()


async def retry_later(app):
    """P29: the retry topic lets the customer's next order pass."""
    consumer, producer = app.consumer("orders", "again", **READ), app.producer()
    async for order in consumer:
        try:
            await app.effect("charge", order.value["order"])
        except TimeoutError:
            await producer.send_and_wait("again", order.value, key=order.key)
        await consumer.commit()


async def retry_at_once(app):
    """The partition waits: order is kept."""
    consumer = reader(app)
    async for order in consumer:
        await keep_trying(app, order.value["order"])
        await consumer.commit()


async def keep_trying(app, name):
    pause = 1.0
    while True:
        try:
            return await app.effect("charge", name)
        except TimeoutError:
            await app.sleep(pause)
            pause = min(2 * pause, 60)


async def drop_after_a_timeout(app):
    """A transient error is treated like poison: parked, and nobody looks at what is parked."""
    consumer, producer = reader(app), app.producer()
    async for order in consumer:
        try:
            await app.effect("charge", order.value["order"])
        except TimeoutError:
            await producer.send_and_wait("dead", order.value)
        await consumer.commit()


async def park_what_was_tried_twice(app):
    """A count of deliveries cannot tell a poison record from a process that died for another reason."""
    consumer, producer, db = reader(app), app.producer(), app.database
    async for order in consumer:
        tries = await db.execute("INSERT INTO tries VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1 RETURNING n",
                                 (order.value["order"],))
        if tries[0]["n"] <= 2:
            await app.effect("charge", order.value["order"])
        else:
            await producer.send_and_wait("dead", order.value)
        await consumer.commit()


async def back_to_the_tail(app):
    """A failed order is written to the end of its own topic; a crash before the commit leaves two of it."""
    consumer, producer = reader(app), app.producer()
    async for order in consumer:
        tries = order.value.get("tries", 0)
        if order.value["number"] == POISON and tries < 1:
            await producer.send_and_wait("orders", {**order.value, "tries": tries + 1}, key=order.key)
            await consumer.commit()
        else:
            await consumer.commit()
            await app.effect("charge", order.value["order"])


READ = {"group_id": "billing", "enable_auto_commit": False, "auto_offset_reset": "earliest"}


def charged_or_parked(trace):
    """Every order was charged, or lies among the dead letters."""
    parked = [value["order"] for value in written(trace, "dead")]
    return set(ordered(trace)) <= {*done(trace, "charge"), *parked}


def billing(main):
    return shop(Service("billing", main), topics=("dead", "again"))


FLAWS = [
    Flaw("poison blocks", replace(billing(poison_blocks), "duration", 1_200), laws.nothing_lost("billing"), CALM),
    Flaw("park unconfirmed", billing(park_unconfirmed), charged_or_parked, "crash-after:billing-0.0/commit#1"),
    Flaw("retry later", billing(retry_later), done_in_order("charge"), "lose-request:billing-0.0/charge#1", records=2),
    Flaw("park and redrive", billing(park_and_redrive), done_in_order("charge"), CALM, records=2),
    Flaw("drop after a timeout", billing(drop_after_a_timeout), every_order_is_done("charge"),
         "lose-request:billing-0.0/charge#1"),
    Flaw("park what was tried twice",
         shop(Service("billing", park_what_was_tried_twice, database="CREATE TABLE tries (id PRIMARY KEY, n)"),
              topics=("dead",)), every_order_is_done("charge"),
         "crash-after:billing-0.0/execute#1+crash-after:billing-0.1/execute#1"),
    Flaw("back to the tail", billing(back_to_the_tail), laws.at_most_once("charge"),
         "crash-after:billing-0.0/send#1"),
]

SOUND = [
    Sound("park confirmed", billing(park_confirmed), charged_or_parked, faults=2),
    Sound("park and redrive: nothing missing", billing(park_and_redrive), every_order_is_done("charge")),
    Sound("retry at once: in order", billing(retry_at_once), [done_in_order("charge"), every_order_is_done("charge")],
          faults=2),
    Sound("retry later: nothing missing", billing(retry_later), every_order_is_done("charge"), faults=2),
]
