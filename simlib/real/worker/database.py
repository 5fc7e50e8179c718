"""`app.database` on a real run: a SQLite file, or a schema in PostgreSQL, that all instances of the service share."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simlib.real.postgresql import PostgresConnection
from simlib.services.faces import DatabaseTransaction, Statements
from simlib.services.stored_database import Act, shortened
from simlib.sql.connection import Connection, DatabaseFile
from simlib.sql.rows import Rows

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


class RealDatabase(Statements):
    """Statements run in threads: a wait for a lock holds up one task, not the whole service."""

    def __init__(self, app: RealApp, place: Path | str) -> None:
        self._app = app
        self._place = place
        self._idle: list[Connection] = []
        self._open: dict[asyncio.Task[Any] | None, Connection] = {}

    def transaction(self) -> DatabaseTransaction[RealDatabase]:
        """`async with app.database.transaction():` - all statements of the block are committed together, or none."""
        return DatabaseTransaction(self)

    # -- statements

    async def _step(self, sql: str, act: Act) -> Rows:
        rows: Rows = await self._app.step("execute", lambda: self._carry_out(sql, act), what=shortened(sql))
        return rows

    async def _carry_out(self, sql: str, act: Act) -> Rows:
        transaction = self._open.get(asyncio.current_task())
        database = transaction or await self._connection()
        try:
            rows = await asyncio.to_thread(act, database)
        except sqlite3.Error as error:
            self._app.marks.write("executed", -1, f"{shortened(sql)} -> {error}", False)
            if transaction is None:
                self._give_back(database)
            raise
        count = rows.rowcount if rows.rowcount >= 0 else len(rows)
        self._app.marks.write("executed", count, shortened(sql), rows.rowcount > 0)
        if transaction is None:
            self._give_back(database)
        return rows

    async def _connection(self) -> Connection:
        """One that nobody else uses now."""
        return self._idle.pop() if self._idle else await asyncio.to_thread(self._opened)

    def _give_back(self, database: Connection) -> None:
        if database.works:
            self._idle.append(database)

    def _opened(self) -> Connection:
        if isinstance(self._place, str):
            return PostgresConnection(self._place)
        return DatabaseFile(self._place, lambda: self._app.now, self._app.random)

    # -- transactions

    async def begin(self) -> None:
        if asyncio.current_task() in self._open:
            raise sqlite3.OperationalError("cannot start a transaction within a transaction")
        database = await self._connection()
        try:
            await asyncio.to_thread(database.control, "BEGIN IMMEDIATE")
        except sqlite3.Error:
            self._give_back(database)
            raise
        self._open[asyncio.current_task()] = database

    async def commit(self) -> None:
        database = self._open[asyncio.current_task()]
        try:
            await self._app.step("execute", lambda: asyncio.to_thread(database.control, "COMMIT"),
                                 what="COMMIT")
        except BaseException as error:
            self.roll_back(error)
            raise
        self._over("committed")

    def roll_back(self, error: BaseException) -> None:
        self._open[asyncio.current_task()].roll_back()
        self._over(f"rolled back: {type(error).__name__}: {error}")

    def _over(self, how: str) -> None:
        self._give_back(self._open.pop(asyncio.current_task()))
        self._app.marks.write("transaction", how)
