"""The cures against duplicates that everybody copies, as exhibits: each loses work or does it twice.

Each gets the event's id and `work`, which does what the event asks for. Lesson 06 breaks them one by one;
`idempotency.py` has the form that holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simlib.services.app import App

Work = Callable[[], Awaitable[Any]]

DONE = """
CREATE TABLE IF NOT EXISTS done (event_id TEXT PRIMARY KEY);
"""
LOOK = "SELECT event_id FROM done WHERE event_id = ?"
MARK = "INSERT INTO done (event_id) VALUES (?) ON CONFLICT DO NOTHING RETURNING event_id"


async def naive(app: App, event_id: str, work: Work) -> None:
    """No memory: a death between the work and the consumer's commit repeats the work [K74]."""
    await work()


async def in_memory(seen: set[str], event_id: str, work: Work) -> None:
    """A set dies with its process, and the next instance has another: the work is repeated [C01]."""
    if event_id not in seen:
        await work()
        seen.add(event_id)


async def check_handle_mark(app: App, event_id: str, work: Work) -> None:
    """A death between work and mark repeats the work [P10]; two at once both find no mark [P11]."""
    if not await app.database.execute(LOOK, (event_id,)):
        await work()
        await app.database.execute(MARK, (event_id,))


async def check_then_transaction(app: App, event_id: str, work: Work) -> None:
    """Survives every death; but the look is outside, so that two at once both find no mark [P11]."""
    if not await app.database.execute(LOOK, (event_id,)):
        async with app.database.transaction():
            await work()
            await app.database.execute(MARK, (event_id,))


async def mark_then_handle(app: App, event_id: str, work: Work) -> None:
    """A death between mark and work loses the work: whoever comes later finds the mark [P10]."""
    if await app.database.execute(MARK, (event_id,)):
        await work()


async def redis_set_nx(app: App, event_id: str, work: Work, ex: int = 86_400) -> None:
    """As mark_then_handle; and when the mark has expired, a replay is worked again [P12, C02]."""
    if await app.redis.set(event_id, "1", nx=True, ex=ex):
        await work()


async def redis_forgives(app: App, event_id: str, work: Work, ex: int = 86_400) -> None:
    """Takes the mark away after an error. A killed process takes nothing away [C02]."""
    if await app.redis.set(event_id, "1", nx=True, ex=ex):
        try:
            await work()
        except Exception:
            await app.redis.delete(event_id)
            raise


async def redis_lease(app: App, event_id: str, work: Work, lease: int = 30) -> None:
    """Two marks: "in work", which expires; "done". Nothing is lost; a death before "done" repeats the work [C02]."""
    if await app.redis.get(event_id) == b"done":        # redis-py gives bytes
        return
    if not await app.redis.set(event_id, "in work", nx=True, ex=lease):
        raise RuntimeError(f"{event_id} is in work elsewhere: come back when that lease is over")
    await work()
    await app.redis.set(event_id, "done")
