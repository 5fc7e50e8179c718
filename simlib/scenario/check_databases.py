"""Checks of the scripts that services' databases begin with: SQLite itself reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from simlib.scenario.check_fields import label
from simlib.scenario.scenario import Scenario
from simlib.scenario.topology import Service
from simlib.sql.schema import initial_image


def database_problems(s: Scenario) -> Iterator[str]:
    for service in s.services:
        yield from _schema_problems(service)


def _schema_problems(service: Service) -> Iterator[str]:
    schema, where = service.database, f"{label(service)}: database"
    if schema is None:
        return
    if not isinstance(schema, str):
        yield f"{where}={schema!r} must be a text of SQL statements such as 'CREATE TABLE done (id PRIMARY KEY);'"
        return
    try:
        initial_image(schema)
    except sqlite3.Error as error:
        yield f"{where}: SQLite refuses the script: {error}"
