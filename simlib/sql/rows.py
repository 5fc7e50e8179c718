"""What a statement gives back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any


class Row(tuple[Any, ...]):
    """One row: by place (`row[0]`), by column (`row["amount"]`), or as a tuple. `dict(row)` works as well."""

    _columns: tuple[str, ...]

    def __new__(cls, values: Iterable[Any], columns: tuple[str, ...]) -> Row:
        row = super().__new__(cls, values)
        row._columns = columns
        return row

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(self._place(place) if isinstance(place, str) else place)

    def _place(self, column: str) -> int:
        """As in sqlite3.Row, capital letters make no difference."""
        for place, name in enumerate(self._columns):
            if name.lower() == column.lower():
                return place
        raise IndexError(f"no column {column!r}; this row has {', '.join(self._columns)}")

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._columns)

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{name}={value!r}' for name, value in zip(self._columns, self, strict=True))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Row, (tuple(self), self._columns)


class Rows(list[Row]):
    """The rows of a query (none for other statements). `rowcount`: rows changed; `lastrowid`: of the row inserted."""

    columns: tuple[str, ...] = ()
    rowcount = -1
    lastrowid: int | None = None


def rows_of(cursor: sqlite3.Cursor) -> Rows:
    """Everything a cursor has to give."""
    columns = tuple([column[0] for column in cursor.description or ()])
    rows = Rows([Row(values, columns) for values in cursor.fetchall()])
    rows.columns, rows.rowcount, rows.lastrowid = columns, cursor.rowcount, cursor.lastrowid
    return rows
