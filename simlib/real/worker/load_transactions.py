"""The transactions of a declared producer on a real run: as in virtual time, one begins with the first record due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from simlib.services.errors import KafkaError, ProducerFencedError

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp
    from simlib.real.worker.producer import RealProducer


class LoadTransactions:
    """Begin, wait, commit, begin again; what has failed is aborted. A fenced producer ends with its error."""

    def __init__(self, app: RealApp, producer: RealProducer, duration: float) -> None:
        """`duration`: seconds that a transaction stays open."""
        self._app = app
        self._producer = producer
        self._duration = duration
        self._ends = math.inf
        self._spoilt = False

    async def wait_until(self, at: float) -> None:
        """For an instant of the scenario; a transaction whose time is over before it ends."""
        if self._ends <= at:
            await until(self._app, self._ends)
            await self.end()
        await until(self._app, at)

    async def send(self, record: Callable[[], Awaitable[None]]) -> None:
        """A record is due. One that fails is written down as failed, and spoils its transaction."""
        if self._ends == math.inf:
            await self._producer.begin_transaction()
            self._ends = self._app.now + self._duration
        try:
            await record()
        except ProducerFencedError:
            raise
        except KafkaError:
            self._spoilt = True

    async def finish(self) -> None:
        """No more records come."""
        if self._ends < math.inf:
            await self.wait_until(self._ends)

    async def end(self) -> None:
        """Commit what is open, or abort it if something in it failed."""
        if self._ends == math.inf:
            return
        self._ends, spoilt = math.inf, self._spoilt
        self._spoilt = False
        try:
            if not spoilt:
                await self._producer.commit_transaction()
        except ProducerFencedError:
            raise
        except KafkaError:
            spoilt = True
        if spoilt:
            await self._producer.abort_transaction()


async def until(app: RealApp, at: float) -> None:
    """Wait for an instant of the scenario."""
    if at > app.now:
        await asyncio.sleep(at - app.now)
