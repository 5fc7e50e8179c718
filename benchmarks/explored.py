"""Schedules a CPU second: the handlers of lesson 06 over three orders, and a producer whose brokers die.

The calm run, which is watched call by call, and the shrinking of a counter-example are not counted; laws, tables and
words are.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

LEAST = 0.7
"""CPU seconds a measurement lasts at least."""

TABLES = """CREATE TABLE accounts (customer TEXT PRIMARY KEY, owes REAL DEFAULT 0);
            INSERT INTO accounts (customer) VALUES ('00001'), ('00004'), ('00005');"""
CHARGE = "UPDATE accounts SET owes = owes + ? WHERE customer = ?"


def explored(what: str) -> dict[str, float]:
    """Schedules a CPU second in one process: over all handlers, and for the slowest of them."""
    from simlib import laws

    if what == "brokers":
        rates = [_rate(_selling(), lambda trace: bool((trace.messages.acked > 0).all()), ("broker",))]
    else:
        as_calm = laws.as_calm("SELECT customer, owes FROM accounts")
        rates = [_rate(_billing(handle), as_calm) for handle in _handlers()]
    return {"rate": len(rates) / sum(1 / rate for rate in rates), "slowest": min(rates)}


def _rate(scenario: Any, law: Any, kinds: tuple[str, ...] | None = None) -> float:
    from simlib.exploring.search import Runner
    from simlib.exploring.space import BY_DEFAULT, Space
    from simlib.supervision import Job

    runner = Runner(scenario, [law])
    schedules = Space(kinds or BY_DEFAULT, frozenset()).after(runner.run_calm())
    job = Job(lambda job: None, {"total": 1})
    tried = len(list(runner.findings(schedules, job, expand=False)))
    gc.collect()
    began, tried = time.process_time(), 0
    while time.process_time() - began < LEAST:
        tried += len(list(runner.findings(schedules, job, expand=False)))
    return tried / (time.process_time() - began)


def _handlers() -> list[Callable[..., Awaitable[None]]]:
    from simlib.patterns.broken_idempotency import (
        check_handle_mark,
        check_then_transaction,
        mark_then_handle,
        naive,
        redis_set_nx,
    )
    from simlib.patterns.idempotency import first_time

    async def inbox(app: Any, event_id: str, work: Callable[[], Awaitable[Any]]) -> None:
        async with app.database.transaction():
            if await first_time(app.database, "billing", event_id):
                await work()

    return [naive, check_handle_mark, check_then_transaction, mark_then_handle, redis_set_nx, inbox]


def _billing(handle: Callable[..., Awaitable[None]]) -> Any:
    from simlib import Scenario, Service, Topic
    from simlib.data import orders
    from simlib.patterns.broken_idempotency import DONE
    from simlib.patterns.idempotency import INBOX

    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            async def work(order: Any = order) -> None:
                await app.database.execute(CHARGE, [order.value["amount"], order.value["customer"]])

            await handle(app, order.value["order_id"], work)
            await consumer.commit()

    return Scenario([Topic("orders")], inputs={"orders": orders(3)},
                    services=[Service("billing", main, database=TABLES + DONE + INBOX)])


def _selling() -> Any:
    """Three records to a topic with three replicas, over a minute of virtual time."""
    from simlib import Scenario, Service, Topic

    async def main(app: Any) -> None:
        async with app.producer(acks="all") as producer:
            for number in range(3):
                await producer.send_and_wait("orders", number)
                await app.sleep(20)

    return Scenario([Topic("orders", replication_factor=3)], services=[Service("selling", main)])
