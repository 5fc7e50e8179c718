"""How a run differs from the calm one, in a few words."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

from simlib.trace.trace import Trace


def outcome(trace: Trace, calm: Trace | None) -> str:
    """"charge: 1 again", "mail: 2 never", "as without a fault"."""
    done, wanted = _done(trace), _done_in_calm(calm) if calm is not None else {}
    parts = [part for name in sorted({*done, *wanted}) for part in _told(name, done.get(name), wanted.get(name))]
    if calm is not None:
        parts += _databases(trace, calm)
    if trace.ended not in ("quiet", "duration"):
        parts.append(trace.ended)
    return ", ".join(parts) or "as without a fault"


def _told(name: str, done: Counter[str] | None, wanted: Counter[str] | None) -> list[str]:
    done, wanted = done or Counter(), wanted or Counter()
    counts = {"again": sum((done - wanted)[key] for key in done if key in wanted),
              "never": sum(key not in done for key in wanted),
              "new": sum(key not in wanted for key in done)}
    return [f"{name}: {count} {word}" for word, count in counts.items() if count]


def _done(trace: Trace) -> dict[str, Counter[str]]:
    data = trace.data
    names: Any = data.code_table("effects")
    found: dict[str, Counter[str]] = {}
    if not names:  # the table need not be made to see that it is empty
        return found
    for code, key in zip(data.column("effects", "name").tolist(), data.column("effects", "key"), strict=True):
        found.setdefault(str(names[code]), Counter())[repr(key)] += 1
    return found


_done_in_calm = lru_cache(maxsize=8)(_done)
"""The calm run is asked about for every schedule."""


def _databases(trace: Trace, calm: Trace) -> list[str]:
    """Tables whose final rows are not those of the calm run."""
    parts = []
    for service in sorted({*trace.data.databases, *calm.data.databases}):
        if trace.data.databases.get(service) == calm.data.databases.get(service):
            continue  # byte by byte: most are, and need not be opened
        mine, its = _tables(trace, service), _tables_in_calm(calm, service)
        for table in sorted({*mine, *its}):
            here, there = mine.get(table, NONE), its.get(table, NONE)
            differ = max(sum((here - there).values()), sum((there - here).values()))
            if differ:
                parts.append(f"{service}.{table}: {differ} row{'s' * (differ > 1)} differ{'s' * (differ == 1)}")
    return parts


NONE: Counter[str] = Counter()


def _tables(trace: Trace, service: str) -> dict[str, Counter[str]]:
    if service not in trace.databases:
        return {}
    database = trace.databases[service]
    quoted = {table: table.replace('"', '""') for table in database.tables()}
    return {table: Counter(repr(tuple(row)) for row in database.execute(f'SELECT * FROM "{name}"'))
            for table, name in quoted.items()}


_tables_in_calm = lru_cache(maxsize=8)(_tables)
