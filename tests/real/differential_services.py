"""Small services for runs on both sides: what they do with an order, and when they say that it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from real_shop import QUICK

from simlib import TopicPartition
from simlib.patterns.idempotency import INBOX, first_time
from simlib.services.errors import KafkaError

BY_HAND = {**QUICK, "enable_auto_commit": False}
TABLES = INBOX + "CREATE TABLE booked (order_id INTEGER); CREATE TABLE sent (order_id INTEGER);"
PATIENCE = 1.5
"""Seconds until somebody who asked asks again."""

Work = Callable[[Any, Any, Any], Any]


# -- what is done with an order


async def charge(app: Any, producer: Any, order: Any) -> None:
    await app.effect("charge", order.value["order_id"])


async def charge_and_mail(app: Any, producer: Any, order: Any) -> None:
    await app.effect("charge", order.value["order_id"])
    await app.effect("mail", order.value["order_id"])


async def ask_again(app: Any, producer: Any, order: Any) -> None:
    """Takes silence for a no."""
    try:
        async with asyncio.timeout(PATIENCE):
            await app.effect("charge", order.value["order_id"])
    except TimeoutError:
        await app.effect("charge", order.value["order_id"])


async def book(app: Any, producer: Any, order: Any) -> None:
    """Once, by an inbox."""
    async with app.database.transaction():
        if await first_time(app.database, "billing", str(order.value["order_id"])):
            await app.database.execute("INSERT INTO booked VALUES (?)", (order.value["order_id"],))


async def book_and_charge(app: Any, producer: Any, order: Any) -> None:
    """Two writes, and nothing holds them together."""
    await app.database.execute("INSERT INTO booked VALUES (?)", (order.value["order_id"],))
    await app.effect("charge", order.value["order_id"])


async def pass_on(app: Any, producer: Any, order: Any) -> None:
    await producer.send_and_wait("paid", order.value, key=order.key)


WORK: tuple[Work, ...] = (charge, charge_and_mail, ask_again, book, book_and_charge)


# -- when it is said that it is done


def one_by_one(work: Work, commits: str, every: int = 1, topic: str = "orders", group: str = "billing",
               **config: Any) -> Any:
    """`commits`: first, after (each, or every so many), never."""
    async def main(app: Any) -> None:
        consumer, done = app.consumer(topic, group_id=group, **{**BY_HAND, **config}), 0
        producer = app.producer() if work is pass_on else None
        async for order in consumer:
            if commits == "first":
                await consumer.commit()
            await work(app, producer, order)
            done += 1
            if commits == "after" and done % every == 0:
                await consumer.commit()

    return main


def by_batches(work: Work, commits: str, most: int | None) -> Any:
    """`commits`: first, after (the whole batch) or each."""
    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", **BY_HAND)
        while True:
            polled = await consumer.getmany(timeout_ms=1_000, max_records=most)
            if polled and commits == "first":
                await consumer.commit()
            for order in [order for orders in polled.values() for order in orders]:
                await work(app, None, order)
                if commits == "each":
                    await consumer.commit({TopicPartition("orders", order.partition): order.offset + 1})
            if polled and commits == "after":
                await consumer.commit()

    return main


def by_itself(work: Work, interval_ms: int, pause: float) -> Any:
    """Auto-commit: with each poll if an order takes longer than the interval, or not at all while the run lasts."""
    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", max_poll_records=1,
                                auto_commit_interval_ms=interval_ms, **QUICK)
        async for order in consumer:
            await app.sleep(pause)
            await work(app, None, order)

    return main


async def in_transactions(app: Any) -> None:
    """What is sent and what is committed belong together."""
    producer = app.producer(transactional_id=app.name)
    await producer.init_transactions()
    consumer = app.consumer("orders", group_id="billing", isolation_level="read_committed", **BY_HAND)
    async for order in consumer:
        async with producer.transaction():
            await producer.send_and_wait("paid", order.value, key=order.key)
            done = {TopicPartition("orders", order.partition): order.offset + 1}
            await producer.send_offsets_to_transaction(done, consumer.group_metadata())


# -- who sends


def sends(orders: list[Any], remembers: bool, **config: Any) -> Any:
    """One after the other; after a death all again, or those it has not noted as sent."""
    async def main(app: Any) -> None:
        producer = app.producer(**config)
        for key, order_id in orders:
            if remembers and await app.database.execute("SELECT * FROM sent WHERE order_id = ?", (order_id,)):
                continue
            try:
                await producer.send_and_wait("orders", {"order_id": order_id}, key=key)
            except KafkaError:
                await app.effect("refused", order_id)
            if remembers:
                await app.database.execute("INSERT INTO sent VALUES (?)", (order_id,))

    return main


def sends_in_a_hurry(orders: list[Any], **config: Any) -> Any:
    """Waits for no answer before the next one."""
    async def main(app: Any) -> None:
        producer = app.producer(**config)
        for key, order_id in orders:
            await producer.send("orders", {"order_id": order_id}, key=key)
            await app.sleep(0.05)
        await producer.flush()

    return main
