"""`side_by_side`: one scenario, run twice: what is the same, and what only time decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from simlib.trace.trace import Trace

EQUAL, UNEQUAL, MEASURED = "yes", "no", "measured"


class Row(NamedTuple):
    """One line: how it is called, what each side says, whether the two say the same."""

    what: str
    simulated: Any
    real: Any
    same: str


def side_by_side(simulated: Trace, real: Trace) -> Any:
    """A table of two runs of one scenario: `what`, `simulated`, `real`, `same`.

    Above: how many, and whether they are the very same ones (message by message, effect by effect). Below: times in
    seconds or milliseconds, which no two runs share; there `same` says "measured". Rows that are empty on both sides
    are left out. ValueError for two runs of different scenarios.
    """
    import pandas

    if simulated.scenario != real.scenario:
        raise ValueError("side_by_side(simulated, real): these are runs of two scenarios. Give run(real.scenario) "
                         "and real")
    rows = [*_counted(simulated, real), *_measured(simulated, real)]
    return pandas.DataFrame(rows, columns=Row._fields, dtype=object).set_index("what")


def _counted(simulated: Trace, real: Trace) -> Iterator[Row]:
    for what, find in SETS.items():
        mine, theirs = sorted(find(simulated)), sorted(find(real))
        if mine or theirs:
            yield Row(what, len(mine), len(theirs), EQUAL if mine == theirs else UNEQUAL)
    one, other = _committed(simulated), _committed(real)
    if one or other:
        yield Row("committed up to", one, other, EQUAL if one == other else UNEQUAL)
    yield from _tables(simulated, real)


def _measured(simulated: Trace, real: Trace) -> Iterator[Row]:
    for what, measure in TIMES.items():
        one, other = measure(simulated), measure(real)
        if one is not None and other is not None:
            yield Row(what, one, other, MEASURED)


# -- what is the same or not: lists of names

def _of(table: Any, *columns: str) -> list[str]:
    return [" ".join(map(str, row)) for row in zip(*(table[column] for column in columns), strict=True)]


SETS = {
    "sent": lambda trace: _of(trace.records, "message"),
    "refused": lambda trace: _of(trace.records[trace.records.outcome == "refused"], "message"),
    "in the log": lambda trace: _of(trace.records[trace.records.copies > 0], "message", "partition", "offset"),
    "twice in the log": lambda trace: _of(trace.records[trace.records.copies > 1], "message"),
    "got a yes, and gone": lambda trace: _of(trace.lost[trace.lost.outcome == "acked"], "message"),
    "handed over": lambda trace: _of(trace.deliveries[trace.deliveries.attempt == 1], "group", "message"),
    "handed over again": lambda trace: _of(trace.duplicates, "group", "message"),
    "effects": lambda trace: _of(trace.effects, "name", "key"),
    "done again": lambda trace: _of(trace.effects[trace.effects.occurrence > 1], "name", "key"),
}


def _committed(trace: Trace) -> str:
    last = trace.commits.groupby(["group", "topic", "partition"], observed=True).offset.max()
    return ", ".join(f"{topic}-{partition}: {offset}" for (_, topic, partition), offset in last.items())


def _tables(simulated: Trace, real: Trace) -> Iterator[Row]:
    """The rows of the services' databases."""
    for name in sorted({*simulated.databases} & {*real.databases}):
        one, other = simulated.databases[name], real.databases[name]
        for table in one.tables():
            mine, theirs = one.sorted_rows(table), other.sorted_rows(table)
            yield Row(f"{name}: rows of {table}", len(mine), len(theirs), EQUAL if mine == theirs else UNEQUAL)


# -- what is measured: seconds, milliseconds

def _first_handed(trace: Trace) -> float | None:
    return None if trace.deliveries.empty else round(float(trace.deliveries.time.iloc[0]), 2)


def _longest_pause(trace: Trace) -> float | None:
    pauses = trace.deliveries.time.diff().dropna()
    return None if pauses.empty else round(float(pauses.max()), 2)


def _until_yes(trace: Trace) -> float | None:
    waited = (trace.records.acked - trace.records.created).dropna()
    return None if waited.empty else round(1000 * float(waited.median()), 1)


def _until_handed(trace: Trace) -> float | None:
    created = trace.records.set_index("message").created
    first = trace.deliveries[trace.deliveries.attempt == 1].set_index("message")
    waited = (first.time - created.reindex(first.index)).dropna()
    return None if waited.empty else round(1000 * float(waited.median()), 1)


TIMES = {
    "first handed over (s)": _first_handed,
    "longest pause between two (s)": _longest_pause,
    "until the yes, median (ms)": _until_yes,
    "until handed over, median (ms)": _until_handed,
    "the run's last second (s)": lambda trace: round(trace.ended_at, 1),
}
