"""The sums of a folded run as tables of its trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.flow.fed_outbox import FedOutbox
from simlib.flow.folding import Folding
from simlib.flow.tally import Tally
from simlib.trace.groups import ENDS_OF_A_PROCESS
from simlib.trace.trace_data import TABLES, TraceData

Ranges = list[tuple[int, int]]


def tables(folding: Folding, outboxes: list[FedOutbox], data: TraceData, now: int) -> dict[str, dict[str, Any]]:
    """`sent`, `handed`, `latencies`, `listed` and `listed_lost`, as `simlib.trace.trace_data` describes them."""
    tallies = list(folding.tallies.values())
    return {"sent": _table("sent", [(outbox.rank, outbox.tp, *outbox.totals(now)) for outbox in outboxes]),
            "handed": _table("handed", [_handed(tally, data, folding.logs[tally.tp].end) for tally in tallies]),
            "latencies": _table("latencies", [row for tally in tallies for row in _latencies(tally)]),
            "listed": _listed([part for tally in tallies for part in tally.listed]),
            "listed_lost": _table("listed_lost", [row for outbox in outboxes for row in _lost(outbox, now)])}


def _table(name: str, rows: list[tuple[int, ...]]) -> dict[str, Any]:
    table = np.array(rows, np.int64).reshape(-1, len(TABLES[name]))
    return {column: table[:, i] for i, column in enumerate(TABLES[name])}


def _listed(parts: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    """In order of time."""
    columns = {name: np.concatenate([np.empty(0, np.int64), *(part[name] for part in parts)]).astype(np.int64)
               for name in TABLES["listed"]}
    order = np.argsort(columns["time"], kind="stable")
    return {name: column[order] for name, column in columns.items()}


def _latencies(tally: Tally) -> list[tuple[int, ...]]:
    return [(tally.group, tally.tp, done, int(bucket), int(counts[bucket]))
            for done, counts in enumerate((tally.handed_after, tally.done_after)) for bucket in np.flatnonzero(counts)]


def _lost(outbox: FedOutbox, now: int) -> list[tuple[int, ...]]:
    """Sent with acks=0, and never in the log."""
    _, in_log, _, lost = outbox.totals(now)
    columns = [getattr(outbox, name).between(in_log, in_log + lost).tolist() for name in ("numbers", "keys", "created")]
    return [(outbox.rank, outbox.tp, *row) for row in zip(*columns, strict=True)]


# -- where a group stands in the end; the words are those of `simlib.trace.groups`

def _handed(tally: Tally, data: TraceData, end: int) -> tuple[int, ...]:
    skips = _joined(_skips(tally, data), end)
    never = _without(tally.never, skips)
    committed = _committed(tally, data)
    left = [offset for offset, member, time in tally.unfinished if offset < committed
            and not _lives(data, member, time) and not any(low <= offset < high for low, high in skips)]
    passed = _without(never, [(committed, end)])
    return (tally.group, tally.tp, tally.delivered, tally.duplicates, _size(skips), _size(never) - _size(passed),
            _size(passed) + len(left))


def _skips(tally: Tally, data: TraceData) -> Ranges:
    mine = (data.column("skipped", "group") == tally.group) & (data.column("skipped", "tp") == tally.tp)
    return list(zip(data.column("skipped", "from_offset")[mine].tolist(),
                    data.column("skipped", "to_offset")[mine].tolist(), strict=True))


def _committed(tally: Tally, data: TraceData) -> int:
    mine = (data.column("commits", "group") == tally.group) & (data.column("commits", "tp") == tally.tp)
    return int(np.r_[0, data.column("commits", "offset")[mine]][-1])


def _lives(data: TraceData, member: int, since: int) -> bool:
    """Has the member outlived a delivery?"""
    ends = np.isin(data.column("events", "kind").astype(str), ENDS_OF_A_PROCESS)
    mine = ends & (data.column("events", "actor") == member)
    return bool((data.column("events", "time")[mine] < since).all())


def _joined(ranges: Ranges, end: int) -> Ranges:
    """Ranges that overlap become one; nothing from `end` on."""
    found: Ranges = []
    for low, high in sorted((low, min(high, end)) for low, high in ranges if low < end):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def _without(ranges: Ranges, holes: Ranges) -> Ranges:
    for first, end in holes:
        ranges = [part for low, high in ranges for part in ((low, min(high, first)), (max(low, end), high))
                  if part[0] < part[1]]
    return ranges


def _size(ranges: Ranges) -> int:
    return sum(high - low for low, high in ranges)


