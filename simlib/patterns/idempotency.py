"""Idempotency: an event that comes twice changes nothing the second time.

An inbox, where the work changes your own database: the event is remembered in the work's transaction [P09].

    async with db.transaction():
        if await first_time(db, "billing", order.value["order_id"]):
            await db.execute("UPDATE accounts ...")
    await consumer.commit()

No memory at all, where the event says what is so, and not what to add: `keep_newest` [P14].
A key for the one you call, where the work is done elsewhere: `answer_once` is the callee's side [P10].
The forms that do not hold are in `broken_idempotency.py`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simlib.services.database import ServiceDatabase

INBOX = """
CREATE TABLE IF NOT EXISTS inbox (consumer TEXT, event_id TEXT, PRIMARY KEY (consumer, event_id));
"""
REMEMBER = """
INSERT INTO inbox (consumer, event_id) VALUES (?, ?)
ON CONFLICT DO NOTHING RETURNING event_id
"""
NEWEST = """
CREATE TABLE IF NOT EXISTS newest (key TEXT PRIMARY KEY, value TEXT, version INTEGER NOT NULL);
"""
ANSWERS = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer TEXT);
"""


async def first_time(
    db: ServiceDatabase, consumer: str, event_id: str
) -> bool:
    """Remember an event; False if it was remembered before.

    Call it in the transaction that does the work: whoever comes second
    waits there until the first commits, or does the work if the first
    dies [P09]. `consumer` says who remembers: two that share a database
    each handle every event. `event_id` is the name of what happened; an
    offset is a place in a log, and a copy of the event has another [P15].
    """
    new = await db.execute(REMEMBER, (consumer, event_id))
    return bool(new)


async def keep_newest(db: ServiceDatabase, key: str, value: str, version: int) -> bool:
    """Write a value unless a newer one stands there: repeats and late arrivals change nothing [P14]."""
    written = await db.execute(
        "INSERT INTO newest (key, value, version) VALUES (?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version "
        "WHERE excluded.version > newest.version RETURNING key",
        (key, value, version),
    )
    return bool(written)


async def answer_once(db: ServiceDatabase, key: str, request: Any, work: Callable[[], Awaitable[Any]]) -> Any:
    """Answer a request, and a repeat of it with the same answer; `work()` is done once for each idempotency key.

    The work may touch this database alone: its rows and the answer commit together. `request` and answer are JSON.
    Raises ValueError where one key comes with two different requests.
    """
    asked = json.dumps(request, sort_keys=True)
    async with db.transaction():
        await db.execute("INSERT INTO answers (key, request) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, asked))
        (known,) = await db.execute("SELECT request, answer FROM answers WHERE key = ?", (key,))
        if known["request"] != asked:
            raise ValueError(f"idempotency key {key!r} came with {known['request']} before, and now with {asked}")
        if known["answer"] is not None:
            return json.loads(known["answer"])
        answer = await work()
        await db.execute("UPDATE answers SET answer = ? WHERE key = ?", (json.dumps(answer), key))
    return answer
