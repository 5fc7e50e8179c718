"""Laws about what services wrote down: the final state of their databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from textwrap import shorten
from typing import Any

from simlib.laws.verdict import Law, Verdict, broken, count, holds, not_judged, stuck
from simlib.trace import Trace

Query = str | tuple[str, str]
"""SQL where the run has one database, else the service's name and SQL: `("shop", "SELECT id FROM orders")`."""


def balance_never_negative(query: Query) -> Law:
    """The law that no number the query gives is below zero (the last column of each row)."""
    law = f"balance_never_negative({_named(query)})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        rows = _rows(trace, query)
        below = [row for row in rows if row[-1] is not None and row[-1] < 0]
        if below:
            return broken(law, f"negative: {_row(below[0])}", lambda: _frame(trace, query))
        if not rows:
            return not_judged(law, "nothing to protect: the query gives no row")
        return holds(law, f"{count(len(rows), 'row')}, none below zero")

    return judge


def same_in_both(one: Query, other: Query) -> Law:
    """The law that two queries give the same rows, in any order: what was saved was announced, and the reverse."""
    law = f"same_in_both({_named(one)}, {_named(other)})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        mine, its = _bag(trace, one), _bag(trace, other)
        if trace.ended == "stuck" and mine != its:
            return stuck(law, trace)
        if not mine and not its and not (calm and (_bag(calm, one) or _bag(calm, other))):
            return not_judged(law, "nothing to protect: neither query gives a row")
        if mine == its:
            return holds(law, f"{count(sum(mine.values()), 'row')} in both")
        if trace.ended != "quiet":
            return not_judged(law, f"the two differ when the run ends ({trace.ended}); only a quiet run can be judged")
        return broken(law, _difference(mine - its, its - mine))

    return judge


def as_calm(query: Query) -> Law:
    """The law that a query gives the rows that it gives in the calm run, in any order."""
    law = f"as_calm({_named(query)})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        if calm is None:
            return not_judged(law, "give the calm run as second argument: what should be there is not known")
        wanted = _bag(calm, query)
        found = wanted if trace.data.databases == calm.data.databases else _bag(trace, query)
        if not wanted:
            return not_judged(law, "nothing to protect: the query gives no row even without a fault")
        if wanted == found:
            return holds(law, f"{count(sum(wanted.values()), 'row')} as without a fault")
        if trace.ended == "stuck":
            return stuck(law, trace)
        return broken(law, _instead(found - wanted, wanted - found))

    return judge


def eventually(what: str, condition: Callable[[Trace], Any]) -> Law:
    """The law that in the end something is so: `eventually("every order is paid", lambda trace: ...)`."""
    law = f"eventually({what!r})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        if trace.ended == "stuck":
            return stuck(law, trace)
        if condition(trace):
            return holds(law, f"it is so when the run ends ({trace.ended})")
        if trace.ended == "quiet":
            return broken(law, f"it never came to be: {what}")
        return not_judged(law, f"it was not so yet when the run ended ({trace.ended}); only a quiet run can be judged")

    return judge


def _named(query: Query) -> str:
    """The query, short enough for a headline."""
    service, sql = ("", query) if isinstance(query, str) else query
    return f"{service}: {short}" if (short := shorten(sql, 40, placeholder=" ...")) and service else short


def _rows(trace: Trace, query: Query) -> list[tuple[Any, ...]]:
    database, sql = _database(trace, query)
    return [tuple(row) for row in database.execute(sql)]


def _database(trace: Trace, query: Query) -> tuple[Any, str]:
    if not isinstance(query, str):
        return trace.databases[query[0]], query[1]
    if len(trace.databases) != 1:
        there = ", ".join(trace.databases) or "none"
        raise ValueError(f"{query!r}: say in which database, as (service, query); this run has {there}")
    return next(iter(trace.databases.values())), query


def _frame(trace: Trace, query: Query) -> Any:
    database, sql = _database(trace, query)
    return database.frame(sql)


@lru_cache(maxsize=8)  # the calm run's rows are wanted for every schedule
def _bag(trace: Trace, query: Query) -> Counter[tuple[Any, ...]]:
    return Counter(_rows(trace, query))


def _difference(only_one: Counter[Any], only_other: Counter[Any]) -> str:
    parts = []
    if only_one:
        parts.append(f"{count(sum(only_one.values()), 'row')} only in the first, as {_row(next(iter(only_one)))}")
    if only_other:
        parts.append(f"{count(sum(only_other.values()), 'row')} only in the second, as {_row(next(iter(only_other)))}")
    return "; ".join(parts)


def _instead(found: Counter[Any], wanted: Counter[Any]) -> str:
    """"00004 has 58.66 and should have 29.33", where rows are a name and a number."""
    for row in wanted:
        twin = next((other for other in found if len(row) == 2 and other[0] == row[0]), None)
        if twin is not None:
            return f"{row[0]} has {twin[1]} and should have {row[1]}"
    missing = f"{_row(next(iter(wanted)))} is missing" if wanted else ""
    extra = f"{_row(next(iter(found)))} should not be there" if found else ""
    return "; ".join(part for part in (missing, extra) if part)


def _row(row: tuple[Any, ...]) -> str:
    return ", ".join(map(str, row))
