"""Projections as they are often written, as exhibits: each makes a view that is wrong, and says nothing.

`projection.py` has the form that holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.patterns.projection import MOVE, Apply

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.consumer import ServiceConsumer


def reading(app: App, topic: str, projection: str) -> ServiceConsumer:
    """From the beginning, or from the group's last commit."""
    return app.consumer(topic, group_id=projection, enable_auto_commit=False, auto_offset_reset="earliest")


async def trusts_the_commit(app: App, topic: str, projection: str, apply: Apply) -> None:
    """Kafka's commit is the only position. A death between view and commit applies a record twice [P10]."""
    consumer = reading(app, topic, projection)
    async for record in consumer:
        await apply(app.database, record)
        await consumer.commit()


async def commits_first(app: App, topic: str, projection: str, apply: Apply) -> None:
    """A death between commit and view: the record never reaches the view [P10]."""
    consumer = reading(app, topic, projection)
    async for record in consumer:
        await consumer.commit()
        await apply(app.database, record)


async def position_afterwards(app: App, topic: str, projection: str, apply: Apply) -> None:
    """A position of its own, in a second step: a death in between applies the record twice [P26]."""
    consumer, db = reading(app, topic, projection), app.database
    async for record in consumer:
        if await _is_new(db, projection, record):
            await apply(db, record)
            await db.execute(MOVE, (projection, record.topic, record.partition, record.offset + 1))
        await consumer.commit()


async def position_first(app: App, topic: str, projection: str, apply: Apply) -> None:
    """The position in a step of its own, before: a death in between leaves the record out [P26]."""
    consumer, db = reading(app, topic, projection), app.database
    async for record in consumer:
        if await db.execute(MOVE, (projection, record.topic, record.partition, record.offset + 1)):
            await apply(db, record)
        await consumer.commit()


async def empties_and_refills(app: App, topic: str, table: str, projection: str, apply: Apply) -> None:
    """Rebuilds in place: until it has caught up, the customers see a part of their orders, or none [P26]."""
    await app.database.execute(f'DELETE FROM "{table}"')
    await trusts_the_commit(app, topic, projection, apply)


async def _is_new(db: Any, projection: str, record: Any) -> bool:
    known = await db.execute("SELECT 1 FROM positions WHERE projection = ? AND topic = ? AND partition = ? "
                             "AND next_offset > ?", (projection, record.topic, record.partition, record.offset))
    return not known
