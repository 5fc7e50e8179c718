"""Reserve, pay, ship - and undo what was done when the payment is declined."""

from __future__ import annotations

from seeded.business import column_of, done
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from simlib import Service

STOCK = """
CREATE TABLE shelf (free INTEGER);
INSERT INTO shelf VALUES (10);
CREATE TABLE reserved (id PRIMARY KEY);
CREATE TABLE cancelled (id PRIMARY KEY);
"""
LOST = (TimeoutError, ConnectionError)


# -- the stock

async def stock_that_counts(app):
    """Two plain counters: a release that comes twice gives two articles back."""
    db = app.database

    async def handle(request):
        change = -1 if request["do"] == "reserve" else 1
        await db.execute("UPDATE shelf SET free = free + ?", (change,))

    await app.serve(handle)


async def stock_by_name(app):
    """Reservations have names, so each can be made and released once; but a release may come first."""
    db = app.database

    async def handle(request):
        sql = "INSERT INTO reserved VALUES (?) ON CONFLICT DO NOTHING"
        if request["do"] == "release":
            sql = "DELETE FROM reserved WHERE id = ?"
        await db.execute(sql, (request["order"],))
        return request["do"] == "reserve"

    await app.serve(handle)


async def stock_with_tombstones(app):
    """P20: what was cancelled stays cancelled, also when its reservation arrives late."""
    db = app.database

    async def handle(request):
        name = (request["order"],)
        async with db.transaction():
            if request["do"] == "release":
                await db.execute("INSERT INTO cancelled VALUES (?) ON CONFLICT DO NOTHING", name)
                await db.execute("DELETE FROM reserved WHERE id = ?", name)
                return False
            if await db.execute("SELECT 1 FROM cancelled WHERE id = ?", name):
                return False
            await db.execute("INSERT INTO reserved VALUES (?) ON CONFLICT DO NOTHING", name)
            return True

    await app.serve(handle)


async def bank_that_declines(app):
    """Odd orders have no money."""
    async def pay(order):
        return order["number"] % 2 == 0

    await app.serve(pay)


# -- the shop

async def ask(app, do, order):
    return await app.call("stock", {"do": do, "order": order.value["order"]}, timeout=5)


async def insist(app, service, request):
    while True:
        try:
            return await app.call(service, request, timeout=5)
        except LOST:
            await app.sleep(1)


async def never_release(app):
    consumer = reader(app)
    async for order in consumer:
        await ask(app, "reserve", order)
        if await app.call("bank", order.value, timeout=5):
            await app.effect("ship", order.value["order"])
        await consumer.commit()


async def remember_in_memory(app):
    """P21: what has been reserved is known to the process alone, and the offset is committed."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        await ask(app, "reserve", order)
        if await app.call("bank", order.value, timeout=5):
            await app.effect("ship", order.value["order"])
        else:
            await ask(app, "release", order)


async def release_and_log(app):
    """C04: `catch (e) { log(e) }`."""
    consumer = reader(app)
    async for order in consumer:
        await insist(app, "stock", {"do": "reserve", "order": order.value["order"]})
        if await insist(app, "bank", order.value):
            await app.effect("ship", order.value["order"])
        else:
            try:
                await ask(app, "release", order)
            except LOST:
                pass
        await consumer.commit()


async def release_until_answered(app):
    """C04: the release is repeated, and the stock counts every one."""
    consumer = reader(app)
    async for order in consumer:
        await insist(app, "stock", {"do": "reserve", "order": order.value["order"]})
        if await insist(app, "bank", order.value):
            await app.effect("ship", order.value["order"])
        else:
            await insist(app, "stock", {"do": "release", "order": order.value["order"]})
        await consumer.commit()


async def undo_only_what_was_answered(app):
    """T4 of the peers: the step that timed out is not on the list of what is to be undone."""
    consumer = reader(app)
    async for order in consumer:
        reserved = False
        try:
            await ask(app, "reserve", order)
            reserved = True
            await app.effect("ship", order.value["order"])
        except LOST:
            if reserved:
                await insist(app, "stock", {"do": "release", "order": order.value["order"]})
        await consumer.commit()


async def undo_what_timed_out_too(app):
    """Right, if the stock can stand a release that overtakes its reservation."""
    consumer = reader(app)
    async for order in consumer:
        try:
            reserved = await ask(app, "reserve", order)
        except LOST:
            reserved = await insist(app, "stock", {"do": "release", "order": order.value["order"]})
        if reserved:
            await app.effect("ship", order.value["order"])
        await consumer.commit()


def nothing_reserved_for_nothing(trace):
    """Who has a reservation gets the goods."""
    return set(column_of(trace, "stock", "SELECT id FROM reserved")) <= set(done(trace, "ship"))


def shelf_is_right(trace):
    """Nothing is shipped twice here, so what left the shelf was shipped."""
    free = column_of(trace, "stock", "SELECT free FROM shelf")[0]
    return free == 10 - len(set(done(trace, "ship")))


def trading(main, stock, instances=1, **more):
    return shop(Service("shop", main), Service("stock", stock, instances=instances, database=STOCK),
                Service("bank", bank_that_declines), **more)


FLAWS = [
    Flaw("never release", trading(never_release, stock_by_name), nothing_reserved_for_nothing, CALM),
    Flaw("remember in memory", trading(remember_in_memory, stock_by_name), nothing_reserved_for_nothing,
         "crash-after:shop-0.0/call#1"),
    Flaw("release and log", trading(release_and_log, stock_by_name), nothing_reserved_for_nothing,
         "lose-request:shop-0.0/call#3"),
    Flaw("release until answered", trading(release_until_answered, stock_that_counts), shelf_is_right,
         "lose-reply:shop-0.0/call#3"),
    Flaw("undo only what was answered", trading(undo_only_what_was_answered, stock_by_name),
         nothing_reserved_for_nothing, "lose-reply:shop-0.0/call#1"),
    Flaw("a release overtakes its reservation", trading(undo_what_timed_out_too, stock_by_name, instances=2),
         nothing_reserved_for_nothing, "stall-after:stock-0.0/receive#1"),
]

SOUND = [
    Sound("release until answered, by name", trading(release_until_answered, stock_by_name, inputs=orders(1)),
          nothing_reserved_for_nothing, faults=2),
    Sound("tombstones", trading(undo_what_timed_out_too, stock_with_tombstones, instances=2),
          nothing_reserved_for_nothing),
]
