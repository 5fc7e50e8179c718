"""Read your writes: what to show to somebody who has just written, while the view is behind [P26].

    version token    the writer is told how far a view must have come, and takes no older answer     he waits
    deadline         the view's owner waits for him, and says when it waited in vain                 he waits so long
    pending          he is shown what he did beside what the view knows                             he need not wait
    optimistic       he is shown it before it is saved; where it is refused, it is taken back        he need not wait

A version is JSON: for each partition the first offset that has not been seen, `{"orders-0": 17}`. It is what a write
asks for, and what a view has.

    # whoever writes
    return token(await producer.send_and_wait("orders", order, key=...))
    # whoever owns the view (projection.py)
    await seen_within(app, "my_orders", request["after"], 2.0)
    return {"orders": ..., "version": await version(app.database, "my_orders")}
    # whoever reads
    if covers(answer["version"], my_token): ...

The token is the reader's to keep: a page that is loaded anew has none, unless it lies in the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from simlib.patterns.projection import seen

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.database import ServiceDatabase

Version = Mapping[str, int]


def token(sent: Any) -> dict[str, int]:
    """The version that knows of a record; `sent` is what `send_and_wait` gave."""
    return {f"{sent.topic}-{sent.partition}": sent.offset + 1}


async def version(db: ServiceDatabase, projection: str) -> dict[str, int]:
    """How far a projection has come. Ask before you read the view: then the view may be newer, and never older."""
    return {f"{tp.topic}-{tp.partition}": offset for tp, offset in (await seen(db, projection)).items()}


def covers(has: Version, wanted: Version) -> bool:
    """Whether a version knows all that another one knows."""
    return all(has.get(partition, 0) >= offset for partition, offset in wanted.items())


def newest(one: Version, other: Version) -> dict[str, int]:
    """What knows of both: keep it, and your reader never sees a view go back either."""
    return {partition: max(one.get(partition, 0), other.get(partition, 0)) for partition in [*one, *other]}


async def seen_within(app: App, projection: str, wanted: Version, seconds: float, every: float = 0.05) -> bool:
    """Wait until a projection has come so far, at most for so many seconds; False if that was not enough."""
    until = app.now + seconds
    while not covers(await version(app.database, projection), wanted):
        if app.now + every > until:
            return False
        await app.sleep(every)
    return True


def with_pending(known: Iterable[str], mine: Iterable[str], mark: str = "{} (pending)") -> list[str]:
    """What the view knows, then what its reader has just done and the view does not know yet, marked as such."""
    there = list(known)
    return [*there, *(mark.format(one) for one in mine if one not in there)]
