"""The outbox: save and announce together, by writing the announcement down beside what it announces.

    async with db.transaction():
        await db.execute("INSERT INTO orders ...")
        await announce(db, "orders", order_id, {"order_id": order_id, "total": 20})

One transaction: both stand there, or neither [P02]. `relay` carries the notes to Kafka, later and from another task:

    await asyncio.gather(serve_customers(app), relay(app))

A relay that dies between sending and marking sends again: an outbox is at least once, so whoever reads must bear
repeats (`idempotency.py`) [P03]. The forms that do not hold are in `broken_outbox.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simlib.patterns.retry import is_transient

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.database import ServiceDatabase
    from simlib.services.producer import ServiceProducer

OUTBOX = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    aggregate TEXT NOT NULL,        -- what the event is about; its events keep their order
    event TEXT NOT NULL,
    published_at REAL,
    leased_by TEXT,
    leased_until REAL NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    error TEXT
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (aggregate, id) WHERE published_at IS NULL;
"""
CLAIM = """
UPDATE outbox SET leased_by = :relay, leased_until = :now + :lease
WHERE id = (
    SELECT id FROM outbox
    WHERE id IN (SELECT min(id) FROM outbox WHERE published_at IS NULL GROUP BY aggregate)
      AND leased_until <= :now AND failures < :failures
    ORDER BY id LIMIT 1)
RETURNING id, topic, aggregate, event
"""
RELEASE = "UPDATE outbox SET leased_until = 0 WHERE leased_by = ? AND published_at IS NULL"
MARK = "UPDATE outbox SET published_at = ? WHERE id = ?"
FAILED = "UPDATE outbox SET error = ?, failures = failures + ?, leased_until = ? WHERE id = ?"


async def announce(db: ServiceDatabase, topic: str, aggregate: str, event: Any) -> None:
    """Write an announcement down. Call it in the transaction that saves what the event tells of [P02]."""
    await db.execute(
        "INSERT INTO outbox (topic, aggregate, event) VALUES (?, ?, ?)", (topic, aggregate, json.dumps(event))
    )


async def relay(app: App, every: float = 1.0, lease: float = 30.0, failures: int = 5) -> None:
    """Publish what waits, oldest first, and look again `every` so many seconds. Never returns.

    Any number of relays may run: each claims one note at a time, for `lease` seconds. Only the oldest note of an
    aggregate can be claimed, so nothing overtakes it: not while it is under way, and not when it cannot be sent [P08].
    While Kafka is silent everything waits. A note that fails for another reason, and so often, waits for somebody who
    looks at its `error`; its aggregate waits with it.
    """
    # a send must have ended before another relay may try the same note
    producer = app.producer(acks="all", delivery_timeout_ms=int(lease * 800), request_timeout_ms=int(lease * 400))
    # whoever had this name is dead, or we would not run: what it had claimed is free
    await app.database.execute(RELEASE, (app.name,))
    while True:
        if note := await claim(app, lease, failures):
            await publish(app, producer, note, every)
        else:
            await app.sleep(every)


async def claim(app: App, lease: float, failures: int) -> Any:
    """Take the oldest note that may be sent now, or None. Looking and taking are one statement [P05]."""
    asked = {"relay": app.name, "now": app.now, "lease": lease, "failures": failures}
    return next(iter(await app.database.execute(CLAIM, asked)), None)


async def publish(app: App, producer: ServiceProducer, note: Any, pause: float) -> None:
    """Send a note, then mark it. A death in between repeats this one note [P03, P04]."""
    try:
        await producer.send_and_wait(
            note["topic"], json.loads(note["event"]), key=note["aggregate"], headers=[("event_id", str(note["id"]))]
        )
    except Exception as error:
        counts = 0 if is_transient(error) else 1
        await app.database.execute(FAILED, (repr(error), counts, app.now + pause, note["id"]))
    else:
        await app.database.execute(MARK, (app.now, note["id"]))


async def forget(db: ServiceDatabase, before: float) -> None:
    """Delete what was published before that second: a table that only grows makes every claim slower."""
    await db.execute("DELETE FROM outbox WHERE published_at < ?", (before,))
