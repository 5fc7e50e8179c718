"""SQL's functions of time and chance, which would otherwise read the machine's clock and its random numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

OF_TIME = ("date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff")
CURRENT = {"current_timestamp": "datetime", "current_date": "date", "current_time": "time"}
BEGINNING = datetime(1970, 1, 1)
"""Time 0 of a scenario, as in the timestamps of its records."""


class Refused(Exception):
    """Something a statement may not use. SQLite hides what a function raises, so it is kept in the guard as well."""


def install(connection: sqlite3.Connection, now: Callable[[], float], random: Random,
            refuse: Callable[[str], None]) -> Times:
    """Replace them in one connection; `now` gives the seconds of virtual time."""
    times = Times(now, refuse)
    for name in OF_TIME:
        connection.create_function(name, -1, times.function(name))
    for name, meaning in CURRENT.items():
        connection.create_function(name, 0, times.function(meaning))
    connection.create_function("random", 0, lambda: random.getrandbits(64) - 2**63)
    connection.create_function("randomblob", 1, lambda size: random.randbytes(max(int(size or 0), 1)))
    return times


class Times:
    """SQLite's own functions, told another time."""

    def __init__(self, now: Callable[[], float], refuse: Callable[[str], None]) -> None:
        self._now = now
        self._refuse = refuse
        self._sqlite: sqlite3.Connection | None = None

    def function(self, name: str) -> Callable[..., Any]:
        place = 1 if name == "strftime" else 0

        def computed(*args: Any) -> Any:
            given = [self._meant(arg) for arg in args]
            if len(given) == place or len(given) > place and given[place] in ("subsec", "subsecond"):
                given.insert(place, self._present())  # no time given: SQLite takes the present
            return self._compute(f"SELECT {name}({', '.join('?' * len(given))})", given)

        return computed

    def _compute(self, sql: str, args: list[Any]) -> Any:
        if self._sqlite is None:
            self._sqlite = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            return self._sqlite.execute(sql, args).fetchone()[0]
        except sqlite3.Error as error:
            self._refuse(str(error))
            raise

    def _meant(self, arg: Any) -> Any:
        word = arg.strip().lower() if isinstance(arg, str) else ""
        if word in ("localtime", "utc"):
            self._refuse(f"the modifier '{word}' depends on the time zone of the machine; times here are UTC")
            raise Refused
        return self._present() if word == "now" else arg

    def _present(self) -> str:
        return (BEGINNING + timedelta(seconds=self._now())).isoformat(" ", "milliseconds")

    def close(self) -> None:
        if self._sqlite is not None:
            self._sqlite.close()
