"""Connections to databases in memory, guarded: what would leave the simulated world is refused by name.

Each database is a file of SQLite's `memdb` VFS: pages reach the file at COMMIT only, so `serialize()` always gives the
committed state, also in the middle of a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Protocol

from simlib.sql.functions import install
from simlib.sql.rows import Rows, rows_of

PRAGMAS = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
           "foreign_key_check", "integrity_check", "quick_check", "user_version", "page_count", "schema_version")
ON = ("1", "on", "yes", "true")

TRANSACTION = "{0}: a transaction belongs to a task here; write `async with app.database.transaction():`"
OTHER_FILES = "ATTACH, DETACH and VACUUM use other files; a service has one database, in memory"
TEMPORARY = "temporary tables, views and triggers belong to one connection; make an ordinary one"
NO_PRAGMA = "PRAGMA {0}: the database is in memory and its waiting is simulated; leave it out (foreign keys are on)"
TOO_OLD = ("this Python's SQLite ({0}) cannot serialise a database; app.database needs SQLite 3.36 or later. "
           "Python from conda, from uv or from python.org has it")

REASONS = {sqlite3.SQLITE_TRANSACTION: TRANSACTION, sqlite3.SQLITE_ATTACH: OTHER_FILES,
           sqlite3.SQLITE_DETACH: OTHER_FILES, sqlite3.SQLITE_CREATE_TEMP_TABLE: TEMPORARY,
           sqlite3.SQLITE_CREATE_TEMP_VIEW: TEMPORARY, sqlite3.SQLITE_CREATE_TEMP_TRIGGER: TEMPORARY,
           sqlite3.SQLITE_CREATE_TEMP_INDEX: TEMPORARY}


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one (a semicolon in a text, comment or trigger ends none)."""
    so_far = ""
    for part in script.split(";"):
        so_far += part + ";"
        if sqlite3.complete_statement(so_far):
            yield so_far
            so_far = ""
    if so_far.strip(" \t\r\n;"):
        yield so_far


class Connection(Protocol):
    """What the statements of `app.database` are carried out by."""

    @property
    def works(self) -> bool:
        """Can it be used again?"""

    def execute(self, sql: str, parameters: Any = ()) -> Rows: ...

    def execute_many(self, sql: str, rows: Iterable[Any]) -> Rows: ...

    def execute_script(self, script: str) -> Rows: ...

    def control(self, sql: str) -> None: ...

    def roll_back(self) -> None: ...


class Database:
    """One connection. Raises sqlite3's own errors, and sqlite3.NotSupportedError for what is refused."""

    works = True
    """There is no server that could go away."""

    def __init__(self, image: bytes, now: Callable[[], float], random: Random) -> None:
        if not hasattr(sqlite3.Connection, "serialize"):
            raise sqlite3.NotSupportedError(TOO_OLD.format(sqlite3.sqlite_version))
        self.sqlite = sqlite3.connect("file:simlib?vfs=memdb", uri=True, timeout=0, isolation_level=None,
                                      check_same_thread=False)
        if image:
            self.sqlite.deserialize(image)
        self._guard(now, random)

    def _guard(self, now: Callable[[], float], random: Random) -> None:
        self._refusal = ""
        self._ours = False
        for pragma in ("foreign_keys=ON", "cache_spill=OFF"):
            self.sqlite.execute(f"PRAGMA {pragma}")
        self._times = install(self.sqlite, now, random, self._refuse)
        self.sqlite.set_authorizer(self._judge)

    def execute(self, sql: str, parameters: Any = ()) -> Rows:
        """One statement, and all its rows."""
        return self.guarded(lambda: rows_of(self.sqlite.execute(sql, parameters)))

    def execute_many(self, sql: str, rows: Iterable[Any]) -> Rows:
        """One statement for each row of parameters: all of them or none."""
        return self._together(lambda: self.guarded(lambda: rows_of(self.sqlite.executemany(sql, rows))))

    def execute_script(self, script: str) -> Rows:
        """Several statements: all of them or none. The rows are the last one's."""
        def each() -> Rows:
            rows = Rows()
            for statement in statements(script):
                rows = self.execute(statement)
            return rows

        return self._together(each)

    def _together(self, act: Callable[[], Rows]) -> Rows:
        if self.sqlite.in_transaction:
            return act()
        self.control("BEGIN")
        try:
            rows = act()
            self.control("COMMIT")
        finally:
            self.roll_back()  # nothing is open, unless it failed
        return rows

    def guarded(self, act: Callable[[], Rows]) -> Rows:
        """Whatever was refused is said in words, not as "not authorized"."""
        self._refusal = ""
        try:
            return act()
        except sqlite3.Error as error:
            if not self._refusal:
                raise
            raise sqlite3.NotSupportedError(self._refusal) from error

    def control(self, sql: str) -> None:
        """BEGIN, COMMIT, ROLLBACK: ours alone. Marked, for SQLite judges a statement it has in its cache no more."""
        self._ours = True
        try:
            self.sqlite.execute(f"{sql} /* by app.database */")
        finally:
            self._ours = False

    def roll_back(self) -> None:
        """Also when SQLite has done so already."""
        if self.sqlite.in_transaction:
            self.control("ROLLBACK")

    def image(self) -> bytes:
        """The committed state, as the bytes of a SQLite file."""
        return self.sqlite.serialize()

    def close(self) -> None:
        self._times.close()
        self.sqlite.close()
        del self._times  # which refers to this

    # -- what is allowed

    def _judge(self, action: int, one: str | None, two: str | None, database: str | None, trigger: str | None) -> int:
        reason = REASONS.get(action)
        if action == sqlite3.SQLITE_PRAGMA:
            reason = self._pragma_problem(one or "", two)
        elif action == sqlite3.SQLITE_SAVEPOINT and not self.sqlite.in_transaction:
            reason = TRANSACTION
        if reason is None or self._ours:
            return sqlite3.SQLITE_OK
        self._refuse(reason.format(one))
        return sqlite3.SQLITE_DENY

    def _pragma_problem(self, name: str, value: str | None) -> str | None:
        harmless = name.lower() == "foreign_keys" and (value is None or value.lower() in ON)
        return None if harmless or name.lower() in PRAGMAS else NO_PRAGMA

    def _refuse(self, reason: str) -> None:
        self._refusal = reason


class DatabaseFile(Database):
    """The same on disk, for a real run: waits for a lock as Python's sqlite3 does, in the thread that asks."""

    def __init__(self, file: Path, now: Callable[[], float], random: Random) -> None:
        self.sqlite = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._guard(now, random)
