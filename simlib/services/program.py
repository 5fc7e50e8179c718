"""`main` on its event loop, the way `asyncio.run` runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from simlib.world.event_loop import VirtualLoop


class Program:
    """Calls `on_end(None)` when all is over, or `on_end(error)` when `main` has raised."""

    def __init__(self, loop: VirtualLoop, main: Coroutine[Any, Any, Any],
                 on_end: Callable[[BaseException | None], None]) -> None:
        self._loop = loop
        self._on_end = on_end
        self._stopping = False
        self._main = loop.create_task(main)
        self._main.add_done_callback(self._main_is_over)

    def stop(self) -> None:
        """SIGTERM, as asyncio programs take it: main is cancelled, so `finally` and `async with` run."""
        self._stopping = True
        self._loop.call_soon(self._main.cancel)

    def _main_is_over(self, main: asyncio.Task[Any]) -> None:
        if main.cancelled():
            error: BaseException | None = None if self._stopping else asyncio.CancelledError("main cancelled itself")
        else:
            error = main.exception()
        if error is None:
            self._cancel_the_rest()
        else:
            self._on_end(error)

    def _cancel_the_rest(self) -> None:
        rest = self._loop.unfinished()
        for task in rest:
            task.cancel()
        if rest:
            asyncio.gather(*rest, return_exceptions=True).add_done_callback(self._all_over)
        else:
            self._on_end(None)

    def _all_over(self, done: asyncio.Future[Any]) -> None:
        self._on_end(None)
