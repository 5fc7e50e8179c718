"""When is an offset committed, and what does it stand for?"""

from __future__ import annotations

import asyncio

from seeded.business import every_order_is_done
from seeded.case import Flaw, Sound, orders, reader, shop
from simlib import Service, TopicPartition, laws


async def charge_then_commit(app):
    consumer = reader(app)
    async for order in consumer:
        await app.effect("charge", order.value["order"])
        await consumer.commit()


async def commit_then_charge(app):
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        await app.effect("charge", order.value["order"])


async def commit_then_insert(app):
    consumer = reader(app)
    async for order in consumer:
        await consumer.commit()
        await app.database.execute("INSERT INTO invoices VALUES (?)", (order.value["order"],))


async def commit_then_send(app):
    consumer, producer = reader(app), app.producer()
    async for order in consumer:
        await consumer.commit()
        await producer.send_and_wait("invoices", order.value)


async def commit_in_the_middle_of_a_batch(app):
    """A commit stores the position, and the position is behind the whole batch (K78)."""
    consumer = reader(app)
    while True:
        for batch in (await consumer.getmany(timeout_ms=1_000)).values():
            for order in batch:
                await app.effect("charge", order.value["order"])
                await consumer.commit()


async def commit_at_the_end_of_a_batch(app):
    consumer = reader(app)
    while True:
        for batch in (await consumer.getmany(timeout_ms=1_000)).values():
            for order in batch:
                await app.effect("charge", order.value["order"])
            await consumer.commit()


async def auto_commit_of_what_is_done(app):
    """What a poll commits was handed over by the poll before, and is done by then."""
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", auto_commit_interval_ms=100)
    while True:
        for batch in (await consumer.getmany(timeout_ms=1_000)).values():
            for order in batch:
                await app.effect("charge", order.value["order"])


async def task_then_commit(app):
    consumer = reader(app)
    tasks = []
    async for order in consumer:
        tasks.append(asyncio.create_task(app.effect("charge", order.value["order"])))
        await consumer.commit()


async def timer_in_memory(app):
    """A reminder is to go out a minute later; only the process knows about it."""
    async def remind(order):
        await app.sleep(60)
        await app.effect("remind", order)

    consumer = reader(app)
    tasks = []
    async for order in consumer:
        tasks.append(asyncio.create_task(remind(order.value["order"])))
        await consumer.commit()


async def offset_without_plus_one(app):
    consumer = reader(app)
    async for order in consumer:
        await app.effect("charge", order.value["order"])
        await consumer.commit({TopicPartition(order.topic, order.partition): order.offset})


async def highest_offset_of_a_pool(app):
    """Two workers; whoever finishes commits behind its own record, whatever the other one is doing."""
    consumer = reader(app)

    async def work(order):
        await app.sleep(1 if order.value["number"] == 1 else 0.1)
        await app.effect("charge", order.value["order"])
        await consumer.commit({TopicPartition(order.topic, order.partition): order.offset + 1})

    async with asyncio.TaskGroup() as workers:
        async for order in consumer:
            workers.create_task(work(order))


async def lowest_offset_of_a_pool(app):
    """Two workers; the commit stands where everything before it is done."""
    consumer, unfinished = reader(app), {}

    async def work(order):
        await app.sleep(1 if order.value["number"] == 1 else 0.1)
        await app.effect("charge", order.value["order"])
        del unfinished[order.offset]
        position = consumer.position(TopicPartition(order.topic, order.partition))
        await consumer.commit({TopicPartition(order.topic, order.partition): min(unfinished, default=position)})

    async with asyncio.TaskGroup() as workers:
        async for order in consumer:
            unfinished[order.offset] = True
            workers.create_task(work(order))


def no_work_is_repeated_after_its_commit(trace):
    """What was charged before a commit is not handed over after it."""
    charged, handed = trace.effects, trace.deliveries
    return not any(set(charged.message[charged.time <= time]) & set(handed.message[handed.time > time])
                   for time in trace.commits.time)


def billing(main, **more):
    return shop(Service("billing", main), **more)


FLAWS = [
    Flaw("charge, then commit", billing(charge_then_commit), laws.exactly_once("charge"),
         "crash-after:billing-0.0/charge#1"),
    Flaw("commit, then charge", billing(commit_then_charge), laws.at_least_once("charge"),
         "crash-after:billing-0.0/commit#1"),
    Flaw("commit, then insert", shop(Service("billing", commit_then_insert, database="CREATE TABLE invoices (id)")),
         laws.nothing_lost("billing"), "crash-after:billing-0.0/commit#1"),
    Flaw("commit, then send", billing(commit_then_send, topics=("invoices",)), laws.nothing_lost("billing"),
         "crash-after:billing-0.0/commit#1"),
    Flaw("commit in the middle of a batch", billing(commit_in_the_middle_of_a_batch), laws.at_least_once("charge"),
         "crash-after:billing-0.0/commit#1", records=2),
    Flaw("task then commit", billing(task_then_commit), laws.at_least_once("charge"),
         "lose-request:billing-0.0/charge#1"),
    Flaw("task then commit, crashes alone", billing(task_then_commit), laws.at_least_once("charge"),
         "crash-before:billing-0.0/charge#1", options={"only": "crash"}),
    Flaw("timer in memory", billing(timer_in_memory), laws.at_least_once("remind"),
         "crash-after:billing-0.0/commit#1"),
    Flaw("offset without plus one", billing(offset_without_plus_one), no_work_is_repeated_after_its_commit,
         "crash-after:billing-0.0/commit#1"),
    Flaw("highest offset of a pool", billing(highest_offset_of_a_pool), every_order_is_done("charge"),
         "crash-after:billing-0.0/commit#1", records=2),
]

SOUND = [
    Sound("at least once: commit after", billing(charge_then_commit), laws.at_least_once("charge"), faults=2),
    Sound("nothing lost: commit after", billing(charge_then_commit), laws.nothing_lost("billing"), faults=2),
    Sound("offset plus one", billing(charge_then_commit), no_work_is_repeated_after_its_commit, faults=2),
    Sound("at most once: commit before", billing(commit_then_charge), laws.at_most_once("charge"), faults=2),
    Sound("at least once: commit at the end of a batch", billing(commit_at_the_end_of_a_batch),
          [laws.at_least_once("charge"), laws.nothing_lost("billing")], faults=2),
    Sound("at least once: lowest offset of a pool", billing(lowest_offset_of_a_pool), laws.at_least_once("charge")),
    Sound("at least once: auto-commit of what is done", billing(auto_commit_of_what_is_done),
          laws.at_least_once("charge"), faults=2),
    Sound("at least once: on the wire", billing(charge_then_commit, inputs=orders(1)), laws.at_least_once("charge"),
          options={"wire": True}),
]
