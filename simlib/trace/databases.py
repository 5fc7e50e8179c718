"""The databases that services left behind, to be read and not to be changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from functools import cached_property
from random import Random
from typing import Any

from simlib.sql.connection import Database
from simlib.sql.rows import Rows
from simlib.sql.schema import quoted
from simlib.units import SECOND

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name"


class FinalDatabase:
    """What one service's database held when the run ended; an open transaction is not in it."""

    def __init__(self, name: str, image: bytes, ended_at: int) -> None:
        self.name = name
        self._image = image
        self._ended_at = ended_at

    @cached_property
    def _database(self) -> Database:
        ended_at = self._ended_at / SECOND  # not self: SQLite would hold what holds SQLite, unseen by the collector
        database = Database(self._image, lambda: ended_at, Random(0))
        database.control("PRAGMA query_only=ON")
        return database

    def execute(self, sql: str, parameters: Any = ()) -> Rows:
        """The rows of a query. Raises sqlite3's errors; a statement that would change something is one."""
        try:
            return self._database.execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY:
                raise
            raise sqlite3.OperationalError(f"the final database of {self.name} is read-only: a run cannot be changed "
                                           "afterwards") from error

    def tables(self) -> list[str]:
        """The names of its tables."""
        return [row[0] for row in self.execute(TABLES)]

    def rows_of(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.execute(f"SELECT COUNT(*) FROM {quoted(table)}")[0][0])

    def sorted_rows(self, table: str) -> list[tuple[Any, ...]]:
        """All rows of a table, in an order that only what is in them decides."""
        columns = self.execute("SELECT COUNT(*) FROM pragma_table_info(?)", [table])[0][0]
        places = ", ".join(str(place + 1) for place in range(columns))
        return [tuple(row) for row in self.execute(f"SELECT * FROM {quoted(table)} ORDER BY {places}")]

    def frame(self, sql: str, parameters: Any = ()) -> Any:
        """The rows of a query as a pandas table."""
        import pandas as pd

        rows = self.execute(sql, parameters)
        return pd.DataFrame(map(tuple, rows), columns=rows.columns)

    def file(self) -> bytes:
        """The bytes of a SQLite file: write them to `billing.sqlite`, and any tool opens it."""
        return self._image

    def content(self) -> Iterator[str]:
        """Everything in it, line by line: the same in every version of SQLite."""
        for kind, name, table, sql in self.execute(OBJECTS):
            yield json.dumps([kind, name, table, sql])
        for table in self.tables():
            for row in self.execute(f"SELECT * FROM {quoted(table)}"):
                yield f"{table} {tuple(row)!r}"

    def close(self) -> None:
        """Let go of the connection, if there is one; it is opened again when needed."""
        if "_database" in vars(self):
            self._database.close()
            del self._database

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return FinalDatabase, (self.name, self._image, self._ended_at)

    def __repr__(self) -> str:
        counts = [(table, self.rows_of(table)) for table in self.tables()]
        held = ", ".join(f"{table} ({count:,} row{'s' * (count != 1)})" for table, count in counts) or "no tables"
        return f"<database of {self.name}: {held}>"


class Databases(Mapping[str, FinalDatabase]):
    """`trace.databases`: by name of the service."""

    def __init__(self, images: dict[str, bytes], ended_at: int) -> None:
        self._databases = {name: FinalDatabase(name, image, ended_at) for name, image in images.items()}

    def __getitem__(self, service: str) -> FinalDatabase:
        if service not in self._databases:
            there = ", ".join(self._databases) or "none: no service of this run used app.database"
            raise KeyError(f"no database {service!r}; there is {there}")
        return self._databases[service]

    def __iter__(self) -> Iterator[str]:
        return iter(self._databases)

    def __len__(self) -> int:
        return len(self._databases)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {self[name]!r}' for name in self)}}}"
