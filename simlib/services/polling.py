"""How a service's consumer polls and how it ends: the same for both kinds of consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from simlib.services.errors import error_for, settle
from simlib.services.handing import Handing
from simlib.world.event_loop import forget

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class Polling(Handing):
    """Several tasks may want records: the one that has the lock `_polling` polls, and waits for `_waiting`."""

    def __init__(self, app: App, process: ServiceProcess) -> None:
        self._app = app
        self._process = process
        self._records_in_hand: list[int] = []
        self._polling = asyncio.Lock()
        self._waiting = app.future()
        self._waiting.cancel()  # nobody waits yet
        self._error: str | None = None
        self._closed = False
        self._ready = app.future()

    def _begin(self) -> None:
        """The client is made: where the partitions are is the first that it has to know."""
        self._client.metadata.refresh(lambda: self._ready.set_result(None))

    def __aiter__(self) -> Self:
        return self

    async def _may_poll(self) -> None:
        """Raises what stands in the way."""
        if not self._ready.done():
            await asyncio.shield(self._ready)
        if self._closed:
            raise RuntimeError("this consumer is closed")
        if self._error:
            raise error_for(self._error)

    async def _at_most_for(self, timeout_ms: float, poll: Callable[[], Awaitable[None]]) -> None:
        """Poll, and give up after `timeout_ms`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                self._app.limit_poll(limit, timeout_ms / 1000)
                await poll()

    def _wake(self) -> None:
        if not self._waiting.done():
            self._waiting.set_result(None)

    def _failed(self, error: str) -> None:
        self._error = error
        if not self._waiting.done():
            self._waiting.set_exception(error_for(error))

    # -- closing

    async def stop(self) -> None:
        """Leave the group.

        With auto-commit on it commits first (K77, K78); a share consumer gives back what it did not acknowledge.
        """
        if not self._closed:
            self._closed = True
            self._before_leaving()
            done = self._app.future()
            self._client.close(lambda: settle(done, None))
            await done

    close = stop

    def _before_leaving(self) -> None:
        """What is still to be done with the records in hand."""

    def abandon(self) -> None:
        """Suspended coroutines refer to this for ever."""
        self._client.forget()
        forget(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.stop()


def check_most(max_records: Any) -> None:
    """Raises ValueError for anything that is no number of records."""
    if max_records is not None and (isinstance(max_records, bool) or max_records < 1):
        raise ValueError(f"getmany(max_records={max_records!r}): a whole number from 1, or None")
