"""`app.database`: a service's SQLite database. It survives the process; what was not committed does not.

A statement outside a transaction commits by itself. A transaction takes the right to write when it begins (BEGIN
IMMEDIATE), so that what it has read is still true when it writes; one that only reads needs none. A transaction belongs
to one task: other tasks, instances and processes are other connections.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from simlib.services.faces import DatabaseTransaction, Statements
from simlib.services.stored_database import Act, Locked, Ownership, StoredDatabase, shortened
from simlib.sql.rows import Rows
from simlib.units import MS
from simlib.world.event_loop import forget

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
"""How long a lock is waited for: the default `timeout` of Python's sqlite3."""

FIRST_WAITS_MS = (1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50)
THEN_MS = 100


class ServiceDatabase(Statements):
    """One process's way to the database of its service. Errors are sqlite3's own."""

    def __init__(self, app: App, process: ServiceProcess) -> None:
        self._app = app
        self._process = process
        self._service = process.service
        self._open: dict[asyncio.Task[Any] | None, Ownership] = {}

    def transaction(self) -> DatabaseTransaction[ServiceDatabase]:
        """`async with app.database.transaction():` - all statements of the block are committed together, or none."""
        return DatabaseTransaction(self)

    # -- steps

    async def _step(self, sql: str, act: Act) -> Rows:
        rows: Rows = await self._app.step("execute", lambda: self._asked(sql, act), on=self._on(), what=shortened(sql))
        return rows

    async def _asked(self, sql: str, act: Act) -> Rows:
        owner = self._open.get(asyncio.current_task())
        return await self._answered(lambda: self._store().carry_out(act, sql, self._process, owner))

    async def _answered(self, act: Callable[[], T]) -> T:
        """Wait for the lock if need be, then for the answer, which takes its time like every other."""
        outcome = await self._outcome(act)
        await self._pause(2 * self._process.network.latency)
        if isinstance(outcome, sqlite3.Error):
            raise outcome
        return outcome

    async def _outcome(self, act: Callable[[], T]) -> T | sqlite3.Error:
        """Try again and again, as SQLite's own busy handler does, but in virtual time."""
        for wait in waits():
            outcome = attempt(act)
            if not isinstance(outcome, Locked):
                return outcome
            await self._pause(wait * MS)
        outcome = attempt(act)
        return sqlite3.OperationalError("database is locked") if isinstance(outcome, Locked) else outcome

    async def _pause(self, length: int) -> None:
        over = self._app.future()
        self._process.busy(1)
        self._process.after(length, self._over, over)
        await over

    def _over(self, over: asyncio.Future[None]) -> None:
        self._process.busy(-1)
        if not over.done():
            over.set_result(None)

    def _store(self) -> StoredDatabase:
        return self._process.world.stores.database(self._service)

    def _on(self) -> tuple[str, str]:
        return "database", self._service.name

    # -- transactions

    async def begin(self) -> None:
        if asyncio.current_task() in self._open:
            raise sqlite3.OperationalError("cannot start a transaction within a transaction")
        owner = await self._outcome(lambda: self._store().begin(self._process))
        if isinstance(owner, sqlite3.Error):
            raise owner
        self._open[asyncio.current_task()] = owner

    async def commit(self) -> None:
        try:
            await self._app.step("execute", self._commit, on=self._on(), what="COMMIT")
        except BaseException as error:
            self.roll_back(error)
            raise
        del self._open[asyncio.current_task()]

    async def _commit(self) -> None:
        owner = self._open[asyncio.current_task()]
        await self._answered(lambda: self._store().commit(owner))

    def abandon(self) -> None:
        """Suspended coroutines refer to this and to their transaction for ever."""
        for thing in (*self._open.values(), self):
            forget(thing)

    def roll_back(self, error: BaseException) -> None:
        owner = self._open.pop(asyncio.current_task())
        self._store().roll_back(owner, f"{type(error).__name__}: {error}")


def waits() -> Iterator[int]:
    """Milliseconds between SQLite's attempts to get a lock, five seconds in all."""
    left = BUSY_TIMEOUT_MS
    for wait in FIRST_WAITS_MS:
        left -= wait
        yield wait
    while left > 0:
        yield min(THEN_MS, left)
        left -= THEN_MS


def attempt(act: Callable[[], T]) -> T | sqlite3.Error | Locked:
    """What comes of it. Suspended coroutines may hold an error for ever: it must not refer to the run."""
    try:
        return act()
    except (sqlite3.Error, Locked) as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
