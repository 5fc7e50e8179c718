"""An event bus: who publishes does not know who listens. It lives in the memory of one process.

    bus = Bus()
    bus.on("order placed", reserve)                 # now: the publisher waits for it
    bus.on("order placed", thank, later=True)       # later: nobody waits for it
    await bus.publish("order placed", order)        # await reserve(order); thank(order) is put aside

`await bus.work()`, in a task of its own, does what was put aside. This is no broker: what is aside dies with the
process [P36], another process has a bus of its own [P37], who comes today hears nothing of yesterday [P38].
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

Handler = Callable[..., Awaitable[Any]]


class Bus:
    """Who listens to which event, and what is put aside for later."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[Handler, bool]]] = {}
        self._aside: asyncio.Queue[tuple[Handler, tuple[Any, ...]]] = asyncio.Queue()

    def on(self, event: str, handler: Handler, later: bool = False) -> None:
        """From now on, call `handler` for each event of this name. Raises TypeError for what is no `async def`."""
        if not inspect.iscoroutinefunction(handler):
            raise TypeError(f"on({event!r}, {handler!r}): a handler is an `async def`; give the function, not a call")
        self._listeners.setdefault(event, []).append((handler, later))

    async def publish(self, event: str, *facts: Any) -> None:
        """Call who listens, in turn; back when all for now are done [P34]. Errors come together, at the end [P35]."""
        errors = []
        for handler, later in tuple(self._listeners.get(event, ())):
            if later:
                self._aside.put_nowait((handler, facts))
            elif error := await _error_of(handler, facts):
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} of those who listen to {event!r} raised", errors)

    async def work(self) -> None:
        """Do what was put aside, oldest first, for ever. An error is told where asyncio tells those nobody awaits."""
        while True:
            handler, facts = await self._aside.get()
            if error := await _error_of(handler, facts):
                asyncio.get_running_loop().call_exception_handler({"message": str(handler), "exception": error})


async def _error_of(handler: Handler, facts: tuple[Any, ...]) -> Exception | None:
    try:
        await handler(*facts)
    except Exception as error:
        return error
    return None
