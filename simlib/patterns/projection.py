"""A projection: a view for reading, built from a topic, that knows how far it has come.

    async def add(db, record):
        await db.execute("INSERT INTO my_orders ...", ...)

    await asyncio.gather(project(app, "orders", "my_orders", add), app.serve(answer))

The view and the position in the topic change in one transaction: whatever dies, they say the same [P26]. Kafka's
commit comes after it and may be behind: what is handed over again lies below the position and is passed over.

A new form of the view is built from the beginning beside the live one, under another name, and takes its place when it
has seen as much: `switch`. The forms that do not hold are in `broken_projection.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from simlib import TopicPartition

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.consumer import ServiceConsumer
    from simlib.services.database import ServiceDatabase

Apply = Callable[["ServiceDatabase", Any], Awaitable[Any]]
"""Changes the view as one record says. It touches this database and nothing else: it will be done again [P27]."""

POSITIONS = """
CREATE TABLE IF NOT EXISTS positions (
    projection TEXT, topic TEXT, partition INTEGER,
    next_offset INTEGER NOT NULL,       -- the first record that the view has not seen
    PRIMARY KEY (projection, topic, partition)
);
CREATE TABLE IF NOT EXISTS live (view TEXT PRIMARY KEY, projection TEXT NOT NULL);
"""
MOVE = """
INSERT INTO positions (projection, topic, partition, next_offset) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset
WHERE excluded.next_offset > positions.next_offset RETURNING next_offset
"""
SEEN = "SELECT topic, partition, next_offset FROM positions WHERE projection = ?"
BEHIND = """
SELECT old.topic FROM live
JOIN positions AS old ON old.projection = live.projection
LEFT JOIN positions AS new ON (new.projection, new.topic, new.partition) = (?, old.topic, old.partition)
WHERE live.view = ? AND coalesce(new.next_offset, 0) < old.next_offset
LIMIT 1
"""


class LostBeginning(Exception):
    """The topic does not have the records any more that the view still needs [P27, K65]."""


async def project(app: App, topic: str, projection: str, apply: Apply, every: float = 3.0) -> None:
    """Keep a view up to date. Never returns. Raises LostBeginning; looks for it where offsets are missing, and `every`
    so many seconds.

    `projection` names the view's position, and the consumer group. The database has the tables POSITIONS.
    """
    consumer = app.consumer(topic, group_id=projection, enable_auto_commit=False, auto_offset_reset="earliest")
    all_of_it = consumer.partitions_for_topic(topic) or ()

    async def read() -> None:
        expected: dict[int, int] = {}
        async for record in consumer:
            if record.offset != expected.get(record.partition):
                await nothing_missing(app.database, consumer, projection, topic, [record.partition])
            await take(app.database, projection, record, apply)
            expected[record.partition] = record.offset + 1
            # commit: a hint for the next life; what counts is the position
            await consumer.commit()

    async def watch() -> None:
        while True:
            await app.sleep(every)
            with suppress(TimeoutError):  # no leader to ask: next time
                await nothing_missing(app.database, consumer, projection, topic, all_of_it)

    await nothing_missing(app.database, consumer, projection, topic, all_of_it)
    await asyncio.gather(read(), watch())


async def take(db: ServiceDatabase, projection: str, record: Any, apply: Apply) -> bool:
    """Apply a record, unless the view has seen it; False then."""
    async with db.transaction():
        place = (projection, record.topic, record.partition, record.offset + 1)
        if not await db.execute(MOVE, place):
            return False
        await apply(db, record)
        return True


async def seen(db: ServiceDatabase, projection: str) -> dict[TopicPartition, int]:
    """For each partition, the first offset that the view has not seen."""
    rows = await db.execute(SEEN, (projection,))
    return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}


async def lag(db: ServiceDatabase, consumer: ServiceConsumer, projection: str) -> dict[TopicPartition, int]:
    """How many records each partition has that the view has not seen."""
    known = await seen(db, projection)
    ends = await consumer.end_offsets(list(known))
    return {tp: ends[tp] - offset for tp, offset in known.items()}


async def nothing_missing(db: ServiceDatabase, consumer: ServiceConsumer, projection: str, topic: str,
                          partitions: Iterable[int]) -> None:
    """Raises LostBeginning where a partition begins after the first record that the view has not seen."""
    begins = await consumer.beginning_offsets([TopicPartition(topic, partition) for partition in sorted(partitions)])
    known = await seen(db, projection) if any(begins.values()) else {}
    for tp, begin in begins.items():
        if begin > known.get(tp, 0):
            raise LostBeginning(_what_to_do(tp, begin, projection, known.get(tp, 0)))


def _what_to_do(tp: TopicPartition, begin: int, projection: str, seen_up_to: int) -> str:
    return (f"{tp.topic}-{tp.partition} begins at offset {begin}, and {projection!r} has seen it up to {seen_up_to}. "
            "What lay between was deleted; a view without it is wrong, and nobody notices. Copy a view that has seen "
            f"offset {begin}, with its rows in `positions`, or get what is missing from those who wrote it. Then keep "
            "the topic for longer: retention_ms=-1, or cleanup_policy='compact' where the newest event of each key "
            "will do")


# -- another form of the same view


async def live(db: ServiceDatabase, view: str) -> str:
    """The projection that answers for a view."""
    rows = await db.execute("SELECT projection FROM live WHERE view = ?", (view,))
    if not rows:
        raise LookupError(f"nothing is live for {view!r}: switch(db, {view!r}, projection) makes a projection answer")
    return str(rows[0]["projection"])


async def switch(db: ServiceDatabase, view: str, projection: str) -> bool:
    """Let a projection answer, once it has seen all that the one before has; False: not yet.

    Nobody who looks before and after it sees the view go back.
    """
    async with db.transaction():
        if await db.execute(BEHIND, (projection, view)):
            return False
        await db.execute("INSERT INTO live VALUES (?, ?) ON CONFLICT DO UPDATE SET projection = excluded.projection",
                         (view, projection))
        return True


async def rebuild(app: App, topic: str, view: str, projection: str, apply: Apply, every: float = 1.0) -> None:
    """Build a projection beside the live one, and switch to it when it has caught up. Never returns."""

    async def switch_in_time() -> None:
        while not await switch(app.database, view, projection):
            await app.sleep(every)

    await asyncio.gather(project(app, topic, projection, apply), switch_in_time())
