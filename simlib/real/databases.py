"""Where the databases of a real run's services are: SQLite files, or schemas of a PostgreSQL.

Either way they are new in each run and gone after it; a trace keeps their last state as SQLite files.
"""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simlib.real.errors import RealRunError
from simlib.real.postgresql import URL, PostgresConnection, connect
from simlib.scenario.scenario import Scenario
from simlib.scenario.topology import Service
from simlib.sql.schema import initial_image, quoted

EXAMPLE = "postgresql://user:password@host:5432/database"
WITHOUT = f"Or unset {URL}: then databases are SQLite files"
LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL."""


def databases_of(scenario: Scenario, folder: Path, prefix: str) -> Databases:
    """As the environment says."""
    if os.environ.get(URL) and scenario.services:
        return Schemas(scenario, prefix)
    return Files(folder)


class Databases(ABC):
    """One for each service. `make` them before time 0, `remove` them at the end, whatever happens."""

    kind = ""
    """What they are, with its version."""

    @abstractmethod
    def place(self, service: str) -> Path | str:
        """A file, or a schema's name: what a worker needs to find it."""

    @abstractmethod
    def make(self, service: Service) -> None:
        """With its tables. Raises RealRunError."""

    @abstractmethod
    def image(self, service: str) -> bytes:
        """The committed state, as the bytes of a SQLite file that any program opens."""

    @abstractmethod
    def remove(self) -> None: ...


class Files(Databases):
    """SQLite. Readers never wait for a writer (write-ahead logging)."""

    kind = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, service: str) -> Path:
        return self._folder / f"{service}.sqlite"

    def make(self, service: Service) -> None:
        self.place(service.name).write_bytes(initial_image(service.database or ""))
        connection = sqlite3.connect(self.place(service.name))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()

    def image(self, service: str) -> bytes:
        connection = sqlite3.connect(self.place(service))
        try:
            connection.execute("PRAGMA journal_mode=DELETE")  # what stands in the log beside the file goes into it
            return connection.serialize()
        finally:
            connection.close()

    def remove(self) -> None:
        """They are in the run's folder, which goes."""


class Schemas(Databases):
    """PostgreSQL. Raises RealRunError if there is none where the environment says."""

    def __init__(self, scenario: Scenario, prefix: str) -> None:
        self._names = {service.name: f"{prefix}{n}-{service.name}".encode()[:LONGEST_NAME].decode("utf-8", "ignore")
                       for n, service in enumerate(scenario.services)}
        self._admin = _reached()
        self.kind = f"PostgreSQL {self._admin.info.parameter_status('server_version')}"

    def place(self, service: str) -> str:
        return self._names[service]

    def make(self, service: Service) -> None:
        schema = self.place(service.name)
        self._do(f"CREATE SCHEMA {quoted(schema)}", "may not make a schema")
        if service.database:
            try:
                PostgresConnection(schema).execute_script(service.database)
            except sqlite3.Error as error:
                raise RealRunError(f"Service({service.name!r}): PostgreSQL refuses its database script: {error}. Write "
                                   f"it so that both take it. {WITHOUT}") from error

    def _do(self, sql: str, problem: str) -> None:
        import psycopg

        try:
            self._admin.execute(sql.encode("utf-8"))
        except psycopg.Error as error:
            raise RealRunError(f"who {URL} names {problem}: {error}. {WITHOUT}") from error

    def image(self, service: str) -> bytes:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            for table, columns in self._tables(self.place(service)).items():
                names = ", ".join(map(quoted, columns))
                connection.execute(f"CREATE TABLE {quoted(table)} ({names})")
                rows = self._rows(f"SELECT {names} FROM {quoted(self.place(service))}.{quoted(table)} ORDER BY ctid")
                marks = ", ".join("?" * len(columns))
                connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})",
                                       [[_plain(value) for value in row] for row in rows])
            return connection.serialize()
        finally:
            connection.close()

    def _tables(self, schema: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for table, column in self._rows(
                "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables "
                "USING (table_schema, table_name) WHERE table_schema = %s AND table_type = 'BASE TABLE' "
                "ORDER BY table_name, ordinal_position", schema):
            found.setdefault(table, []).append(column)
        return found

    def _rows(self, sql: str, *given: Any) -> list[Any]:
        return self._admin.execute(sql.encode("utf-8"), given or None).fetchall()

    def remove(self) -> None:
        try:
            for name in self._names.values():
                self._do(f"DROP SCHEMA IF EXISTS {quoted(name)} CASCADE", "may not remove its schema")
        finally:
            self._admin.close()


def _reached() -> Any:
    """A connection. Whatever is wrong is said without the password."""
    if find_spec("psycopg") is None:
        raise RealRunError(f"{URL} asks for PostgreSQL, which needs psycopg: pip install "
                           f"'event-driven-lab[postgresql]'. {WITHOUT}")
    import psycopg

    try:
        given = psycopg.conninfo.conninfo_to_dict(os.environ[URL])
    except psycopg.Error:
        raise RealRunError(f"{URL} is no address of a PostgreSQL; it looks like {EXAMPLE}. {WITHOUT}") from None
    try:
        return connect()
    except psycopg.Error as error:
        said = str(error).strip().replace(str(given.get("password") or "\0"), "***")
        raise RealRunError(f"no PostgreSQL takes us where {URL} points: {said}. {WITHOUT}") from None


def _plain(value: Any) -> Any:
    """What SQLite can keep."""
    from decimal import Decimal

    if value is None or isinstance(value, (int, float, str, bytes)):
        return int(value) if isinstance(value, bool) else value
    return float(value) if isinstance(value, Decimal) else str(value)
