"""Event-carried state transfer: the event brings along what its readers need, and each reader keeps a copy.

    await carry(producer, "orders", order_id, version, state)   # {"id": "o-00017", "version": 2, "state": {...}}

    await keep(app.database, event.value)                       # in a reader whose database has COPIES
    order = await copy_of(app.database, order_id)               # asks nobody, also while the source is down [P41]

A copy is as old as its last event. Each event has the whole state and a version that its source counts up, so that
repeats and late arrivals change nothing [P42]. `notification.py` has the other form.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simlib.patterns.idempotency import NEWEST, keep_newest

if TYPE_CHECKING:
    from simlib.services.database import ServiceDatabase
    from simlib.services.producer import ServiceProducer

COPIES = NEWEST


async def carry(producer: ServiceProducer, topic: str, id: str, version: int, state: Any) -> None:
    """Say what is so with this thing from now on; `state` is JSON, and None where it is gone.

    The id is the key, so that the events of one thing keep their order.
    """
    await producer.send_and_wait(topic, {"id": id, "version": version, "state": state}, key=id)


async def keep(db: ServiceDatabase, event: Any) -> bool:
    """Take over what an event carries, unless the copy is newer; whether it was taken.

    Of a thing that is gone its version stays, or a late event would bring it back.
    """
    return await keep_newest(db, event["id"], json.dumps(event["state"]), event["version"])


async def copy_of(db: ServiceDatabase, id: str) -> Any:
    """What this reader knows of a thing; None if nothing, or if it is gone."""
    rows = await db.execute("SELECT value FROM newest WHERE key = ?", (id,))
    return json.loads(rows[0]["value"]) if rows else None
