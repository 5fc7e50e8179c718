"""One service asks another, and no answer comes: it may have happened, or not."""

from __future__ import annotations

from seeded.business import column_of, done, none_twice, total_is_right
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from simlib import Service

TABLES = "CREATE TABLE payments (id, amount INTEGER); CREATE TABLE seen (id PRIMARY KEY);"
PAID = "SELECT COALESCE(SUM(amount), 0) FROM payments"


# -- the bank

async def bank_that_books(app):
    """Books whatever it is asked to."""
    async def pay(request):
        await app.database.execute("INSERT INTO payments VALUES (?, ?)", (request["order"], request["amount"]))
        return "paid"

    await app.serve(pay)


async def bank_with_keys(app):
    """Honours an idempotency key: the key and the booking are one transaction."""
    db = app.database

    async def pay(request):
        async with db.transaction():
            if await db.execute("INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING RETURNING id", (request["key"],)):
                await db.execute("INSERT INTO payments VALUES (?, ?)", (request["order"], request["amount"]))
        return "paid"

    await app.serve(pay)


async def bank_that_checks_first(app):
    """Honours a key too, but looks and books in two steps: a retry overtakes a slow first try."""
    db = app.database

    async def pay(request):
        if not await db.execute("SELECT 1 FROM seen WHERE id = ?", (request["key"],)):
            await app.sleep(20)  # asks the card's issuer
            async with db.transaction():
                await db.execute("INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING", (request["key"],))
                await db.execute("INSERT INTO payments VALUES (?, ?)", (request["order"], request["amount"]))
        return "paid"

    await app.serve(pay)


# -- who asks

async def ask_until_answered(app, request):
    while True:
        try:
            return await app.call("bank", request, timeout=5)
        except (TimeoutError, ConnectionError):
            await app.sleep(1)


async def pay_without_key(app):
    """Committed first, so that only the retry can pay twice."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        await ask_until_answered(app, order.value)


async def pay_with_key(app):
    consumer = reader(app)
    async for order in consumer:
        await ask_until_answered(app, {**order.value, "key": order.value["order"]})
        await consumer.commit()


async def pay_with_a_new_key(app):
    """The key names the delivery instead of the order."""
    consumer = reader(app)
    async for order in consumer:
        await ask_until_answered(app, {**order.value, "key": f"{order.value['order']}, {app.now}"})
        await consumer.commit()


async def pay_and_hope(app):
    """A time-out is taken for "no": the order is dropped, the money is gone."""
    consumer = reader(app)
    async for order in consumer:
        try:
            await app.call("bank", order.value, timeout=5)
            await app.effect("ship", order.value["order"])
        except (TimeoutError, ConnectionError):
            await app.effect("cancel", order.value["order"])
        await consumer.commit()


def no_order_is_paid_and_cancelled(trace):
    paid = column_of(trace, "bank", "SELECT id FROM payments")
    return not set(paid) & set(done(trace, "cancel"))


def paid_at_most_once(trace):
    return none_twice(column_of(trace, "bank", "SELECT id FROM payments"))


def with_bank(main, bank, **more):
    return shop(Service("billing", main), Service("bank", bank, database=TABLES), **more)


FLAWS = [
    Flaw("call again without a key", with_bank(pay_without_key, bank_that_books), paid_at_most_once,
         "lose-reply:billing-0.0/call#1"),
    Flaw("a new key for each delivery", with_bank(pay_with_a_new_key, bank_with_keys), total_is_right("bank", PAID),
         "crash-after:billing-0.0/call#1"),
    Flaw("the bank checks first", with_bank(pay_with_key, bank_that_checks_first), total_is_right("bank", PAID),
         CALM),
    Flaw("no answer taken for no", with_bank(pay_and_hope, bank_that_books), no_order_is_paid_and_cancelled,
         "lose-reply:billing-0.0/call#1"),
]

SOUND = [
    Sound("call again with a key", with_bank(pay_with_key, bank_with_keys, inputs=orders(1)),
          total_is_right("bank", PAID), faults=2),
]
