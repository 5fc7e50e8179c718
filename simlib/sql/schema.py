"""The state a service's database begins with, and names as SQL takes them."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from simlib.sql.connection import Database


@lru_cache(maxsize=64)
def initial_image(schema: str = "") -> bytes:
    """A database after its schema script, at time 0. Raises sqlite3.Error where the script is wrong."""
    database = Database(b"", lambda: 0.0, Random(0))
    try:
        database.control("PRAGMA user_version=0")  # writes the first page: SQLite cannot serialise an empty file
        database.execute_script(schema)
        return database.image()
    finally:
        database.close()


def quoted(name: str) -> str:
    """The name of a table, a column or a schema, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
