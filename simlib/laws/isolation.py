"""Who asked for committed records is handed no others [K30, K31]."""

from __future__ import annotations

import numpy as np

from simlib.laws.verdict import Verdict, broken, count, holds, not_judged
from simlib.trace import Trace
from simlib.trace.runs import same_codes

LAW = "no_aborted_reads"


def no_aborted_reads(trace: Trace, calm: Trace | None = None) -> Verdict:
    """A group with isolation_level="read_committed" is handed no record of an open or aborted transaction.

    What was committed when it was handed over, and lost its commit with the power (K59), is no such record.
    """
    wary = trace.data.meta.get("read_committed", ())
    if not wary:
        return not_judged(LAW, 'nothing to protect: no group reads with isolation_level="read_committed"')
    groups = [code for code, name in enumerate(trace.data.code_table("groups")) if name in wary]
    mine = np.isin(trace.handed.group, groups)
    for problem, rows in (("taken back", mine & _aborted(trace)), ("still open", mine & _above_stable(trace))):
        if rows.any():
            said = count(int(rows.sum()), "delivery", "deliveries")
            return broken(LAW, f"aborted read: {said} of a transaction that was {problem}",
                          trace.deliveries_at(np.flatnonzero(rows)), "aborted read")
    return holds(LAW, f"{count(int(mine.sum()), 'delivery', 'deliveries')}, none of an open or aborted transaction")


def _aborted(trace: Trace) -> np.ndarray:
    """Deliveries of copies that stand in the final log as aborted, and had been taken back by then."""
    handed, messages = trace.handed, trace.messages
    copies, aborted = same_codes((handed.message, handed.offset), (messages.of("aborted"), messages.offsets("aborted")))
    result = np.isin(copies, aborted)
    for row in np.flatnonzero(result).tolist():
        result[row] = handed.time[row] >= _taken_back_at(trace, int(handed.tp[row]), int(handed.offset[row]))
    return result


def _taken_back_at(trace: Trace, tp: int, offset: int) -> int:
    """When the first abort marker came that covers an offset; 0 where nobody saw markers, as on a real Kafka."""
    of = {name: trace.data.column("markers", name) for name in ("tp", "first_offset", "offset", "committed", "time")}
    covers = (of["tp"] == tp) & (of["first_offset"] <= offset) & (offset < of["offset"]) & (of["committed"] == 0)
    return int(of["time"][covers].min()) if covers.any() else 0


def _above_stable(trace: Trace) -> np.ndarray:
    """Deliveries of offsets that no last stable offset had passed yet."""
    handed, data = trace.handed, trace.data
    result = np.zeros(len(handed), bool)
    for tp in np.unique(data.column("stable", "tp")):
        mine, marks = handed.tp == tp, data.column("stable", "tp") == tp
        times = data.column("stable", "time")[marks]
        highest = np.maximum.accumulate(data.column("stable", "last_stable_offset")[marks])
        at = np.searchsorted(times, handed.time[mine], side="right")
        result[mine] = (at > 0) & (handed.offset[mine] >= np.r_[0, highest][at])
    return result
