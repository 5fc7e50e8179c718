"""No answer came, or the answer was an exception: what does a service take it for?"""

from __future__ import annotations

from seeded.business import done, every_order_is_done, none_twice
from seeded.case import CALM, Flaw, Sound, reader, shop
from simlib import Service, laws


async def swallow_and_commit(app):
    consumer = reader(app)
    async for order in consumer:
        try:
            await app.effect("charge", order.value["order"])
        except TimeoutError:
            pass  # "will be in the log file"
        await consumer.commit()


async def auto_commit_at_close(app):
    """The position moves before the record is seen, and close() commits the position (K77, K78)."""
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
    try:
        async for order in consumer:
            await app.effect("charge", order.value["order"])
    finally:
        await consumer.close()


async def give_up_after_two(app):
    """One retry, then the order is skipped: it takes two faults to lose it."""
    consumer = reader(app)
    async for order in consumer:
        for _ in range(2):
            try:
                await app.effect("charge", order.value["order"])
                break
            except TimeoutError:
                continue
        await consumer.commit()


async def charge_again_after_a_timeout(app):
    """A time-out is taken for "it did not happen"."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        try:
            await app.effect("charge", order.value["order"])
        except TimeoutError:
            await app.effect("charge", order.value["order"])


async def one_try(app):
    """Without a memory and without a key: who must not charge twice may not try twice."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        try:
            await app.effect("charge", order.value["order"])
        except TimeoutError:
            await app.effect("ask a human", order.value["order"])


async def refund_again_after_a_timeout(app):
    """Two time-outs in a row: the refund is an act like the charge, but nothing calls for it without a fault."""
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        try:
            await app.effect("charge", order.value["order"])
        except TimeoutError:
            await refund(app, order.value["order"])


async def refund(app, name):
    try:
        await app.effect("refund", name)
    except TimeoutError:
        await app.effect("refund", name)


async def slower_than_the_poll_interval(app):
    """Out of its group while it works (K88), it may not commit, dies of that, and starts again."""
    consumer = reader(app, max_poll_interval_ms=10_000)
    async for order in consumer:
        await app.effect("charge", order.value["order"])
        await app.sleep(20)
        await consumer.commit()


def nothing_is_refunded_twice(trace):
    return none_twice(done(trace, "refund"))


def billing(main, **more):
    return shop(Service("billing", main), **more)


FLAWS = [
    Flaw("swallow and commit", billing(swallow_and_commit), laws.at_least_once("charge"),
         "lose-request:billing-0.0/charge#1"),
    Flaw("auto-commit at close", billing(auto_commit_at_close), laws.at_least_once("charge"),
         "lose-request:billing-0.0/charge#1"),
    Flaw("give up after two", billing(give_up_after_two), every_order_is_done("charge"),
         "lose-request:billing-0.0/charge#1+lose-request:billing-0.0/charge#2"),
    Flaw("refund again after a timeout", billing(refund_again_after_a_timeout), nothing_is_refunded_twice,
         "lose-reply:billing-0.0/charge#1+lose-reply:billing-0.0/refund#1"),
    Flaw("slower than the poll interval", billing(slower_than_the_poll_interval, duration=60),
         laws.at_most_once("charge"), CALM),
    Flaw("charge again after a timeout", billing(charge_again_after_a_timeout), laws.at_most_once("charge"),
         "lose-reply:billing-0.0/charge#1"),
]

SOUND = [
    Sound("one try: at most once", billing(one_try), laws.at_most_once("charge"), faults=2),
]
