"""Event notification: the event says that something happened, and to what. Whoever wants to know more asks the source.

    await notify(producer, "orders", order_id)                  # {"id": "o-00017"}
    await app.serve(answering(app, "SELECT ... WHERE id = ?"))  # the source answers questions, too

    order = await ask(app, "shop", event.value["id"])           # each reader, for each event [P39]

The answer is what is so when the source is asked, and not what was so when it happened: a change in between is seen
twice, and the state before it never [P40]. While the source is down, its readers wait. `carried_state.py` has the other
form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from simlib.patterns.retry import again

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.producer import ServiceProducer


async def notify(producer: ServiceProducer, topic: str, id: str) -> None:
    """Say that something happened to this thing. Its events keep their order: the id is their key."""
    await producer.send_and_wait(topic, {"id": id}, key=id)


def answering(app: App, question: str) -> Callable[[Any], Awaitable[Any]]:
    """A handler for `app.serve`: the row that `question`, SQL with one `?`, finds for an id; None if there is none."""

    async def handler(request: Any) -> Any:
        rows = await app.database.execute(question, (request["id"],))
        return dict(rows[0]) if rows else None

    return handler


async def ask(app: App, source: str, id: str, timeout: float = 2.0, attempts: int = 20) -> Any:
    """What the source says of this thing now. While it does not answer, wait and ask again, up to a few minutes.

    Raises the last error after so many attempts. The partition waits meanwhile, so mind max_poll_interval_ms [K88].
    """
    return await again(app, lambda: app.call(source, {"id": id}, timeout=timeout), attempts, base=1.0, cap=10.0)
