"""What a producer promises, and what its callers take for a promise."""

from __future__ import annotations

from seeded.business import always, every_order_is_written_to, nothing_twice_in, written
from seeded.case import Flaw, Sound, reader, shop
from simlib import Scenario, Service, Topic, laws

THREE = [{"order": f"order-{number}", "amount": 10} for number in (1, 2, 3)]
INBOX = "CREATE TABLE inbox (id PRIMARY KEY); CREATE TABLE account (total INTEGER); INSERT INTO account VALUES (0);"
TOTAL = "SELECT total FROM account"


async def forget_then_commit(app):
    """`send` hands the record to the producer's buffer; the commit does not wait for it."""
    consumer, producer = reader(app), app.producer(linger_ms=100)
    async for order in consumer:
        await producer.send("invoices", order.value)
        await consumer.commit()


async def forget_without_linger(app):
    """The request leaves at once, so it takes a lost request and a crash to lose the record."""
    consumer, producer = reader(app), app.producer()
    async for order in consumer:
        await producer.send("invoices", order.value)
        await consumer.commit()


async def nobody_confirms(app):
    consumer, producer = reader(app), app.producer(acks=0)
    async for order in consumer:
        await producer.send_and_wait("invoices", order.value)
        await consumer.commit()


async def wait_then_commit(app):
    consumer, producer = reader(app), app.producer()
    async for order in consumer:
        await producer.send_and_wait("invoices", order.value)
        await consumer.commit()


async def start_again_from_the_top(app):
    """The producer's idempotence ends with its session: a new process sends everything again."""
    producer = app.producer(enable_idempotence=True)
    for order in THREE:
        await producer.send_and_wait("invoices", order)


async def several_in_flight(app):
    """The second request overtakes the first one's retry (K27)."""
    producer = app.producer(enable_idempotence=False, max_in_flight_requests_per_connection=5)
    for order in THREE:
        await producer.send("invoices", order, key="customer-1")
    await producer.flush()


async def several_in_flight_idempotent(app):
    """The broker refuses what comes too early (K25)."""
    producer = app.producer(enable_idempotence=True, max_in_flight_requests_per_connection=5)
    for order in THREE:
        await producer.send("invoices", order, key="customer-1")
    await producer.flush()


async def retry_without_idempotence(app):
    producer = app.producer(enable_idempotence=False)
    for order in THREE:
        await producer.send_and_wait("invoices", order)


async def remember_the_offset(app):
    """P15: a copy that a producer's retry wrote has an offset of its own."""
    consumer, db = reader(app, "invoices"), app.database
    async for invoice in consumer:
        async with db.transaction():
            if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id",
                                (f"{invoice.partition}/{invoice.offset}",)):
                await db.execute("UPDATE account SET total = total + ?", (invoice.value["amount"],))
        await consumer.commit()


async def remember_the_order(app):
    consumer, db = reader(app, "invoices"), app.database
    async for invoice in consumer:
        async with db.transaction():
            if await db.execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING RETURNING id",
                                (invoice.value["order"],)):
                await db.execute("UPDATE account SET total = total + ?", (invoice.value["amount"],))
        await consumer.commit()


async def read_and_mail(app):
    consumer = reader(app, "invoices")
    async for invoice in consumer:
        await app.effect("mail", invoice.value["order"])
        await consumer.commit()


def invoicing(main):
    """Orders come in, an invoice goes out for each."""
    return shop(Service("invoicing", main), topics=("invoices",))


def selling(main, *others):
    """A producer with a list of its own."""
    return shop(Service("shop", main), *others, inputs=[], topics=("invoices",))


def replicated(main):
    """The same on three brokers, of which one may die."""
    return Scenario(topics=[Topic("invoices", replication_factor=3)], services=[Service("shop", main)])


def all_are_written(trace):
    return {value["order"] for value in written(trace, "invoices")} == {order["order"] for order in THREE}


MAILS = Service("mails", read_and_mail)
BILLED_BY_OFFSET = Service("billing", remember_the_offset, database=INBOX)
BILLED_BY_ORDER = Service("billing", remember_the_order, database=INBOX)

FLAWS = [
    Flaw("forget, then commit", invoicing(forget_then_commit), every_order_is_written_to("invoices"),
         "crash-after:invoicing-0.0/commit#1"),
    Flaw("forget without linger", invoicing(forget_without_linger), every_order_is_written_to("invoices"),
         "lose-request:invoicing-0.0/send#1+crash-after:invoicing-0.0/commit#1"),
    Flaw("nobody confirms", invoicing(nobody_confirms), every_order_is_written_to("invoices"),
         "lose-request:invoicing-0.0/send#1"),
    Flaw("start again from the top", selling(start_again_from_the_top), nothing_twice_in("invoices"),
         "crash-after:shop-0.0/send#1", records=0),
    Flaw("retry without idempotence", selling(retry_without_idempotence), nothing_twice_in("invoices"),
         "lose-reply:shop-0.0/send#1", records=0, options={"only": "lost reply"}),
    Flaw("retry when a leader dies", replicated(retry_without_idempotence), nothing_twice_in("invoices"),
         "kill-before-ack:shop-0.0/send#1", records=0, options={"only": "broker"}),
    Flaw("several in flight", selling(several_in_flight, MAILS), laws.order_per_key,
         "lose-request:shop-0.0/send#1", records=0),
    Flaw("remember the offset", selling(retry_without_idempotence, BILLED_BY_OFFSET), always("billing", TOTAL, 30),
         "lose-reply:shop-0.0/send#1", records=0),
]

SOUND = [
    Sound("wait, then commit", invoicing(wait_then_commit), every_order_is_written_to("invoices"), faults=2),
    Sound("idempotent, a leader dies", replicated(several_in_flight_idempotent), [nothing_twice_in("invoices"),
          all_are_written], options={"only": ("lost request", "lost reply", "broker")}),
    Sound("several in flight, idempotent", selling(several_in_flight_idempotent, MAILS),
          [laws.order_per_key, laws.nothing_lost("mails")]),
    Sound("start again, nothing missing", selling(start_again_from_the_top), all_are_written, faults=2),
    Sound("remember the order", selling(retry_without_idempotence, BILLED_BY_ORDER), always("billing", TOTAL, 30)),
]
