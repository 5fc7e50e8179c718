"""Servers with few workers, and callers that protect themselves: what is a no, and what is only silence?"""

from __future__ import annotations

import asyncio

from seeded.asking import PAID, TABLES, no_order_is_paid_and_cancelled, paid_at_most_once
from seeded.business import every_order_is_done, total_is_right
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from simlib import Overloaded, Service
from simlib.patterns.resilience import Breaker, CircuitOpen, RetryBudget, hedged

SILENCE = (TimeoutError, ConnectionResetError)
NO = (ConnectionRefusedError, Overloaded)


# -- the bank

def slow_bank(handled_for: float, **limits):
    """Books whatever it is asked to, a few requests at a time; knows a key if it is given one."""
    async def main(app):
        async def pay(request):
            await app.sleep(handled_for)
            if "key" in request:
                await book_once(app.database, request)
            else:
                await app.database.execute("INSERT INTO payments VALUES (?, ?)", (request["order"], request["amount"]))
            return "paid"

        await app.serve(pay, **limits)

    return main


async def book_once(db, request):
    async with db.transaction():
        if await db.execute("INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING RETURNING id", (request["key"],)):
            await db.execute("INSERT INTO payments VALUES (?, ?)", (request["order"], request["amount"]))


async def bank_that_books_and_ships(app):
    async def pay(request):
        await app.effect("charge", request["order"])

    await app.serve(pay)


# -- who asks

async def every_connection_error_is_a_no(app):
    """Also the one that says: it broke before the answer."""
    consumer = reader(app)
    async for order in consumer:
        try:
            await app.call("bank", order.value, timeout=300)
            await app.effect("ship", order.value["order"])
        except ConnectionError:
            await app.effect("cancel", order.value["order"])
        await consumer.commit()


async def all_at_once(app, **how_long):
    """A crowd before one worker. Who gives up tells the customer that nothing was paid."""
    consumer = reader(app)

    async def ask(order):
        try:
            await app.call("bank", order.value, **how_long)
        except (*SILENCE, *NO):
            await app.effect("cancel", order.value["order"])

    batch = await consumer.getmany(timeout_ms=10_000)
    await asyncio.gather(*(ask(order) for records in batch.values() for order in records))


async def giving_up(app):
    await all_at_once(app, timeout=5)


async def one_of_two(app):
    """Hedged, without a key."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()

        async def ask(request=order.value):
            return await app.call("bank", request, timeout=5)

        try:
            await hedged(app, 2.0, ask, ask)
        except (*SILENCE, *NO):
            await app.effect("ask a human", order.value["order"])


async def open_breaker_is_a_no(app):
    """Who is not asked has not answered: the order is dropped."""
    consumer, breaker = reader(app), Breaker(app, failures=1, rest=5)
    async for order in consumer:
        while True:
            try:
                await breaker.call(lambda request=order.value: app.call("bank", request, timeout=3))
                break
            except CircuitOpen:
                break
            except (TimeoutError, ConnectionError):
                await app.sleep(0.5)
        await consumer.commit()


async def until_the_breaker_closes(app):
    consumer, breaker = reader(app), Breaker(app, failures=2, rest=5)
    async for order in consumer:
        while True:
            try:
                await breaker.call(lambda request=order.value: app.call("bank", request, timeout=3))
                break
            except (TimeoutError, ConnectionError):
                await breaker.rested()
        await consumer.commit()


def with_key(order):
    return {**order.value, "key": order.value["order"]}


async def hedged_with_key(app):
    consumer = reader(app)
    async for order in consumer:
        async def ask(request=order):
            return await app.call("bank", with_key(request), timeout=5)

        while True:
            try:
                await hedged(app, 2.0, ask, ask)
                break
            except (*SILENCE, *NO):
                await app.sleep(1)
        await consumer.commit()


async def again_after_silence_only(app):
    """A no is believed, silence is not: it is asked again, with the key, until it is one or the other."""
    consumer = reader(app)

    async def ask(order):
        while True:
            try:
                return await app.call("bank", with_key(order), timeout=9)
            except SILENCE:
                await app.sleep(1)
            except NO:
                await app.sleep(3)

    async for order in consumer:
        await ask(order)
        await consumer.commit()


async def with_deadline_and_budget(app):
    """The server drops what nobody waits for; the caller asks again, with the key."""
    consumer, budget = reader(app), RetryBudget(share=1, most=5)
    async for order in consumer:
        async def ask(request=order):
            return await app.call("bank", with_key(request), deadline=app.now + 4)

        while True:
            try:
                await budget.again(app, ask)
                break
            except (TimeoutError, ConnectionError):
                await app.sleep(1)
        await consumer.commit()


def with_bank(main, bank, **more):
    return shop(Service("billing", main), Service("bank", bank, database=TABLES), **more)


def breaking(main):
    return shop(Service("billing", main), Service("bank", bank_that_books_and_ships))


FLAWS = [
    Flaw("a broken connection taken for no", with_bank(every_connection_error_is_a_no, slow_bank(0.1)),
         no_order_is_paid_and_cancelled, "crash-after:bank-0.0/execute#1"),
    Flaw("gone from the caller, not from the queue",
         with_bank(giving_up, slow_bank(3, workers=1), inputs=orders(2, at=0.0, apart=0.0)),
         no_order_is_paid_and_cancelled, CALM, records=2),
    Flaw("hedged without a key", with_bank(one_of_two, slow_bank(0.1)), paid_at_most_once,
         "lose-reply:billing-0.0/call#1"),
    Flaw("an open breaker taken for no", breaking(open_breaker_is_a_no), every_order_is_done("charge"),
         "lose-request:billing-0.0/call#1"),
]

SOUND = [
    Sound("hedged with a key", with_bank(hedged_with_key, slow_bank(0.1, workers=2)), total_is_right("bank", PAID)),
    Sound("again after silence, with a key", with_bank(again_after_silence_only, slow_bank(1, workers=1, queue=0)),
          total_is_right("bank", PAID)),
    Sound("a deadline and a budget", with_bank(with_deadline_and_budget, slow_bank(1, workers=1, queue=3)),
          total_is_right("bank", PAID)),
    Sound("wait until the breaker closes", breaking(until_the_breaker_closes), every_order_is_done("charge")),
]
