"""One service's database: what is in it, who may write, what the others see meanwhile.

SQLite's rules with write-ahead logging: one transaction writes at a time; who only reads sees the last committed state
and waits for nobody.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from simlib.sql.connection import Connection, Database
from simlib.sql.rows import Rows
from simlib.sql.schema import initial_image
from simlib.units import SECOND

if TYPE_CHECKING:
    from simlib.world.process import Process
    from simlib.world.world import World

Act = Callable[[Connection], Rows]

HEADER = 100
"""Bytes of a SQLite file before its first page's content: counters, versions."""

LARGE = 1_000_000
"""Bytes; of a larger database every UPDATE is taken for a change."""

NO_LONGER_OPEN = "the transaction was rolled back already, by an ON CONFLICT ROLLBACK or RAISE(ROLLBACK)"


class Locked(Exception):
    """Somebody else's transaction writes."""


class Ownership:
    """An open transaction: whose it is, and what it has done so far."""

    def __init__(self, process: Process, rows_changed: int) -> None:
        self.process = process
        self.rows_changed = rows_changed
        self.counts_tell = True


class StoredDatabase:
    """Shared by the instances of a service; survives them."""

    def __init__(self, service: Any, world: World) -> None:
        self._clock = world.clock
        self._recorder = world.recorder
        self._random = Random(f"{world.scenario.seed}/{service.name}/database")
        self._database = self._opened(initial_image(service.database or ""))
        self._is_large = False
        self._owner: Ownership | None = None
        self._snapshot: Database | None = None

    def _opened(self, image: bytes) -> Database:
        clock = self._clock
        return Database(image, lambda: clock.now / SECOND, self._random)

    # -- one statement

    def carry_out(self, act: Act, sql: str, process: Process, owner: Ownership | None) -> Rows:
        """Do it now, inside a transaction or by itself. Raises Locked, or SQLite's errors."""
        try:
            rows = self._inside(act, sql, owner) if owner is not None else self._alone(act, sql)
        except sqlite3.Error as error:
            self._recorder.event("executed", process, detail=f"{shortened(sql)} -> {error}")
            raise
        changed = rows.rowcount if rows.rowcount >= 0 else len(rows)
        self._recorder.event("executed", process, a=changed, detail=shortened(sql))
        return rows

    def _inside(self, act: Act, sql: str, owner: Ownership) -> Rows:
        if not self._database.sqlite.in_transaction:
            raise sqlite3.OperationalError(NO_LONGER_OPEN)
        owner.counts_tell = owner.counts_tell and counts_tell(sql)
        return act(self._database)

    def _alone(self, act: Act, sql: str) -> Rows:
        if self._owner is not None:
            return self._beside(act)
        rows_before, image_before = self._state(counts_tell(sql))
        rows = act(self._database)
        self._mark(rows_before, image_before)
        return rows

    def _beside(self, act: Act) -> Rows:
        """While a transaction writes: reads see what was committed before it, writes must wait."""
        if self._snapshot is None:
            self._snapshot = self._opened(self._database.image())
            self._snapshot.control("PRAGMA query_only=ON")
        try:
            return act(self._snapshot)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_READONLY:
                raise Locked from error
            raise

    # -- transactions

    def begin(self, process: Process) -> Ownership:
        """Take the right to write, as BEGIN IMMEDIATE does. Raises Locked."""
        if self._owner is not None:
            raise Locked
        self._database.control("BEGIN")
        self._owner = Ownership(process, self._database.sqlite.total_changes)
        return self._owner

    def commit(self, owner: Ownership) -> None:
        """Raises IntegrityError where a deferred constraint is not met; the transaction is then still open."""
        image_before = None if owner.counts_tell else self._committed()
        self._database.control("COMMIT")
        self._mark(owner.rows_changed, image_before)
        self._recorder.event("transaction", owner.process, detail="committed")
        self._ended()

    def roll_back(self, owner: Ownership, why: str) -> None:
        """Undo all of it; nothing happens if it is over."""
        if self._owner is owner:
            self._database.roll_back()
            self._recorder.event("transaction", owner.process, detail=f"rolled back: {why}")
            self._ended()

    def process_died(self, process: Process) -> None:
        """Nobody will commit what it had begun."""
        if self._owner is not None and self._owner.process is process:
            self.roll_back(self._owner, "its process died")

    def _ended(self) -> None:
        self._owner = None
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    # -- was anything changed?

    def _state(self, counts_tell: bool) -> tuple[int, bytes | None]:
        return self._database.sqlite.total_changes, None if counts_tell else self._committed()

    def _committed(self) -> bytes | None:
        """The committed state, as long as it is small enough to be compared after each statement."""
        image = None if self._is_large else self._database.image()
        self._is_large = self._is_large or len(image or b"") > LARGE
        return image

    def _mark(self, rows_before: int, image_before: bytes | None) -> None:
        """A change keeps the run alive; an UPDATE that changes nothing does not."""
        if image_before is None:
            changed = self._database.sqlite.total_changes != rows_before
        else:
            changed = self._database.image()[HEADER:] != image_before[HEADER:]
        if changed:
            self._recorder.mark(self._clock.now)

    # -- the end

    def image(self) -> bytes:
        """The committed state."""
        return self._database.image()

    def close(self) -> None:
        """Also with a transaction under way."""
        self._ended()
        self._database.close()


BY_COUNT = re.compile(r"\s*(select|values|explain|pragma|insert|delete)\b", re.IGNORECASE)
REWRITES = re.compile(r"\b(update|replace)\b", re.IGNORECASE)


@lru_cache(maxsize=1_024)
def counts_tell(sql: str) -> bool:
    """Does the number of changed rows say whether anything changed? An UPDATE counts rows it leaves as they are."""
    return bool(BY_COUNT.match(sql)) and not REWRITES.search(sql)


@lru_cache(maxsize=1_024)
def shortened(sql: str) -> str:
    """A statement on one line, for those who read the trace."""
    line = " ".join(sql.split())
    return line if len(line) <= 120 else line[:117] + "..."
