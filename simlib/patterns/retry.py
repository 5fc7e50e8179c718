"""What to do with a record that cannot be handled. Each policy pays with something else [P28, P29]:

    again                wait here          order kept       all of the partition waits, or the group gives us up [K88]
    with_retry_topics    wait elsewhere     order of a key lost       nobody waits
    dead letters         give up            order of a key lost       nobody waits; somebody has to look
    handle_or_park       the key waits      order kept       nobody else waits; somebody has to look

All of them are at least once: what is handled must bear being handled twice (`idempotency.py`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

Handle = Callable[[Any], Awaitable[Any]]
"""Handles one record; raises when it cannot."""


# -- again: worth it?


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: nobody answered, or the database was locked [P30].

    Everything else is taken for permanent: a missing field and a bug are still there on the next attempt.
    """
    return isinstance(error, (TimeoutError, ConnectionError)) or "database is locked" in str(error)


def backoff(attempt: int, random: Random, base: float = 0.1, cap: float = 20.0) -> float:
    """How many seconds to wait after the n-th failure (from 0): anything up to a limit that doubles ("full jitter").

    Marc Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
    """
    return random.uniform(0, min(cap, base * 2.0 ** min(attempt, 60)))  # 2.0**1024 is no float any more


async def again(app: Any, act: Callable[[], Awaitable[Any]], attempts: int = 4, base: float = 0.1,
                cap: float = 20.0, worth: Callable[[Exception], bool] = is_transient) -> Any:
    """Call `act` until it succeeds, at most so often; the last failure, and one that is not worth it, are raised.

    A consumer's partition waits meanwhile: keep attempts times cap below max_poll_interval_ms [K88].
    """
    for attempt in range(attempts):
        try:
            return await act()
        except Exception as error:
            if attempt + 1 == attempts or not worth(error):
                raise
            await app.sleep(backoff(attempt, app.random, base, cap))
    raise ValueError(f"again(attempts={attempts}): give at least 1")


# -- moved aside: retry topics, then the dead letters


DELAYS = {"retry-5s": 5.0, "retry-1m": 60.0}
"""Seconds to wait in each retry topic of a topic: `orders-retry-5s`, then `orders-retry-1m`, then `orders-dlq`."""


async def with_retry_topics(app: Any, topic: str, handle: Handle, group_id: str,
                            delays: dict[str, float] | None = None) -> None:
    """Handle a topic; what fails moves to the next retry topic, in the end to the dead letters. Never returns.

    A later record of the same key overtakes the one that moved [P29]. All these topics must exist.
    """
    ways = DELAYS if delays is None else delays
    names = [topic, *(f"{topic}-{way}" for way in ways), f"{topic}-dlq"]
    async with asyncio.TaskGroup() as tasks:
        for here, there, delay in zip(names, names[1:], [0.0, *ways.values()], strict=False):
            tasks.create_task(_one_topic(app, here, there, names[-1], delay, handle, group_id))


async def _one_topic(app: Any, here: str, there: str, dead: str, delay: float, handle: Handle, group_id: str) -> None:
    consumer = app.consumer(here, group_id=f"{group_id}-{here}", enable_auto_commit=False,
                            auto_offset_reset="earliest")
    producer = app.producer()
    async for record in consumer:
        await app.sleep(max(0.0, float(why(record).get("failed-at", "0")) + delay - app.now))
        try:
            await handle(record)
        except Exception as error:
            await move(producer, there if is_transient(error) else dead, record, error, app.now)
        # commit: whatever became of it, it is not ours any more
        await consumer.commit()


async def move(producer: Any, topic: str, record: Any, error: BaseException, now: float) -> None:
    """Send a record on, with the reason. Back only when the brokers have it: commit after this, not before."""
    first = {"original-topic": record.topic, "original-partition": record.partition, "original-offset": record.offset,
             "first-failure": now}
    last = {"failed-at": now, "error": f"{type(error).__name__}: {error}",
            "attempts": int(why(record).get("attempts", "0")) + 1}
    headers = {name: str(said).encode() for name, said in (first | why(record) | last).items()}
    await producer.send_and_wait(topic, record.value, key=record.key, headers=headers)


def why(letter: Any) -> dict[str, str]:
    """What the headers of a moved record say; empty for a fresh one."""
    return {name: said.decode() if isinstance(said, bytes) else said for name, said in letter.headers}


async def redrive(app: Any, dead: str, group_id: str = "redrive",
                  chosen: Callable[[Any], bool] = lambda letter: True) -> int:
    """Send the dead letters that are `chosen` back to where they came from; how many.

    Ends when none is left, or at the first that failed since it began: what is sent back unrepaired comes again, and
    would come for ever. Killed between sending and the commit it sends one again: the handler must know an order it
    has done [P13].
    """
    began = app.now
    consumer = app.consumer(dead, group_id=group_id, enable_auto_commit=False, auto_offset_reset="earliest")
    producer, sent = app.producer(), 0
    while True:
        joined = bool(consumer.assignment())
        found = await consumer.getmany(timeout_ms=1_000, max_records=1)
        if joined and not found:
            return sent
        for letter in (one for letters in found.values() for one in letters):
            if float(why(letter).get("failed-at", "0")) > began:
                return sent
            if chosen(letter):
                await producer.send_and_wait(why(letter)["original-topic"], letter.value, key=letter.key)
                sent += 1
            await consumer.commit()


# -- parked: the whole key waits


PARKED = """CREATE TABLE IF NOT EXISTS parked (topic TEXT, partition INTEGER, offset INTEGER, key TEXT, value TEXT,
                                               error TEXT, PRIMARY KEY (topic, partition, offset))"""


async def handle_or_park(db: Any, record: Any, handle: Handle) -> None:
    """Handle a record; if that fails, or an earlier one of its key is parked, park it. The order of a key holds [P28].

    `db` has the table PARKED. A record without a key has no order to keep and is parked alone.
    """
    if await is_parked(db, record.key):
        await park(db, record, "an earlier record of this key is parked")
        return
    try:
        await handle(record)
    except Exception as error:
        await park(db, record, f"{type(error).__name__}: {error}")


async def is_parked(db: Any, key: str | None) -> bool:
    """Whether a record of this key waits."""
    return bool(await db.execute("SELECT 1 FROM parked WHERE key = ? LIMIT 1", (key,)))


async def park(db: Any, record: Any, error: str) -> None:
    """Keep a record for later; the same one again changes nothing."""
    row = (record.topic, record.partition, record.offset, record.key, json.dumps(record.value), error)
    await db.execute("INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)


async def release(db: Any, key: str, handle: Handle) -> int:
    """Handle what is parked for a key, oldest first; how many. `handle` gets the value. The first failure is raised.

    The last one leaves the table after it was handled, so newer records of the key queue up behind it until then.
    """
    done = 0
    while rows := await db.execute("SELECT * FROM parked WHERE key = ? ORDER BY offset LIMIT 1", (key,)):
        row = rows[0]
        await handle(json.loads(row["value"]))
        await db.execute("DELETE FROM parked WHERE topic = ? AND partition = ? AND offset = ?",
                         (row["topic"], row["partition"], row["offset"]))
        done += 1
    return done
