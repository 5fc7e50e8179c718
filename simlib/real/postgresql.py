"""A PostgreSQL instead of SQLite files for `app.database`, where the environment names one: the same face, same errors.

SQLite's ways are kept where code can tell: who writes waits for the one who writes, a statement that fails does not
spoil its transaction, `?` and `:name` stand for parameters, and errors are sqlite3's. The SQL itself is PostgreSQL's.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from simlib.sql.connection import TRANSACTION
from simlib.sql.rows import Row, Rows

if TYPE_CHECKING:
    import psycopg

URL = "SIMLIB_DATABASE_URL"
"""The environment variable: postgresql://user:password@host:port/database."""

LOCK_TIMEOUT_MS = 5_000
"""As long as Python's sqlite3 waits for a lock."""

TAKE_THE_RIGHT_TO_WRITE = "SELECT pg_advisory_xact_lock(hashtext(current_schema()))"

OURS = re.compile(r"\s*(begin|start|commit|end|rollback|abort)\b", re.IGNORECASE)
READS = re.compile(r"\s*(select|values|table|show|explain)\b", re.IGNORECASE)
CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE")


def connect(schema: str = "") -> psycopg.Connection:
    """To the database that the environment names; `schema`: where names without one are looked up."""
    import psycopg

    options = f"-c lock_timeout={LOCK_TIMEOUT_MS}" + (f' -c search_path="{schema}"' if schema else "")
    return psycopg.connect(os.environ[URL], autocommit=True, options=options, connect_timeout=8)


class PostgresConnection:
    """What `simlib.sql.connection.Database` is for SQLite, for one schema. Raises sqlite3's errors."""

    def __init__(self, schema: str) -> None:
        self._connection = _ours(lambda: connect(schema))

    def execute(self, sql: str, parameters: Any = ()) -> Rows:
        """One statement, and all its rows."""
        return self._together(lambda: self._execute(sql, parameters), READS.match(sql) is None)

    def execute_many(self, sql: str, rows: Iterable[Any]) -> Rows:
        """One statement for each row of parameters: all of them or none."""
        def each() -> Rows:
            found = [self._execute(sql, row) for row in rows]
            all_rows = Rows()
            all_rows.rowcount = sum(max(one.rowcount, 0) for one in found)
            return all_rows

        return self._together(each)

    def execute_script(self, script: str) -> Rows:
        """Several statements: all of them or none. The rows are the last one's."""
        return self._together(lambda: self._execute(script, ()))

    def control(self, sql: str) -> None:
        """BEGIN, COMMIT, ROLLBACK: ours alone."""
        if sql.startswith("BEGIN"):
            _ours(lambda: self._connection.execute("BEGIN"))
            try:
                _ours(lambda: self._connection.execute(TAKE_THE_RIGHT_TO_WRITE))
            except sqlite3.Error:
                self.roll_back()
                raise
        else:
            _ours(lambda: self._connection.execute(sql.encode("ascii")))

    def roll_back(self) -> None:
        """Also when it is over already."""
        if self._in_transaction:
            self.control("ROLLBACK")

    @property
    def works(self) -> bool:
        """Is the server still there?"""
        return not self._connection.closed

    def close(self) -> None:
        self._connection.close()

    # -- how

    @property
    def _in_transaction(self) -> bool:
        from psycopg.pq import TransactionStatus

        return self._connection.info.transaction_status != TransactionStatus.IDLE

    def _together(self, act: Callable[[], Rows], writes: bool = True) -> Rows:
        """Inside a transaction up to a savepoint: what fails is undone, and the rest goes on."""
        if not (self._in_transaction or writes):
            return _ours(act)
        alone = not self._in_transaction

        def whole() -> Rows:
            with self._connection.transaction():
                if alone:
                    self._connection.execute(TAKE_THE_RIGHT_TO_WRITE)
                return act()

        return _ours(whole)

    def _execute(self, sql: str, parameters: Any) -> Rows:
        if OURS.match(sql):
            raise sqlite3.NotSupportedError(TRANSACTION.format(sql.split()[0].upper()))
        text, given = (translated(sql, parameters) if parameters else (sql, None))
        cursor = self._connection.execute(text.encode("utf-8"), given)
        while cursor.nextset():
            pass
        return _rows_of(cursor)


def _rows_of(cursor: Any) -> Rows:
    columns = tuple(column.name for column in cursor.description or ())
    rows = Rows(Row(values, columns) for values in (cursor.fetchall() if cursor.description else ()))
    rows.columns = columns
    rows.rowcount = cursor.rowcount if (cursor.statusmessage or "").startswith(CHANGES) else -1
    return rows


# -- parameters

TOKENS = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | ::
                        | (?P<percent>%) | \?(?P<number>\d*) | [:@$](?P<name>[A-Za-z_]\w*)""", re.VERBOSE | re.DOTALL)


def translated(sql: str, parameters: Any) -> tuple[str, Any]:
    """A statement with SQLite's `?`, `?2` or `:name`, and what is given for them, as psycopg takes both.

    Raises sqlite3.ProgrammingError where a parameter is missing.
    """
    named = parameters if isinstance(parameters, Mapping) else None
    places: list[int] = []

    def replaced(found: re.Match[str]) -> str:
        if found["name"] is not None:
            return f"%({found['name']})s" if named is not None else found[0]
        if found["number"] is not None:
            places.append(int(found["number"]) - 1 if found["number"] else max(places, default=-1) + 1)
            return "%s"
        return found[0].replace("%", "%%")

    text = TOKENS.sub(replaced, sql)
    if named is not None:
        return text, named
    given = list(parameters)
    if len(given) != max(places, default=-1) + 1:
        raise sqlite3.ProgrammingError(f"the statement has {max(places, default=-1) + 1} parameters, and {len(given)} "
                                       "were given")
    return text, [given[place] for place in places]


# -- errors

def _ours(act: Callable[[], Any]) -> Any:
    """What psycopg raises inside becomes sqlite3's error of the same name."""
    import psycopg

    try:
        return act()
    except psycopg.errors.LockNotAvailable as error:
        raise sqlite3.OperationalError("database is locked") from error
    except psycopg.Error as error:
        raise _same_name(error)(str(error).strip()) from error


def _same_name(error: Exception) -> type[sqlite3.Error]:
    """No such table, or no SQL: ProgrammingError there, OperationalError in sqlite3."""
    import psycopg

    if isinstance(error, psycopg.ProgrammingError):
        return sqlite3.OperationalError
    for kind in type(error).__mro__:
        found = getattr(sqlite3, kind.__name__, None)
        if isinstance(found, type) and issubclass(found, sqlite3.Error):
            return found
    return sqlite3.Error
