"""What a trace does not tell, as the one of a real Kafka: the player says so, and invents nothing."""

from __future__ import annotations

import numpy as np

from simlib.trace import Trace

REAL = ("A real Kafka does not tell when it wrote a record, up to where its replicas have it, or who leads: none of "
        "that is drawn. A record appears when its producer was told of it or a member was handed it, else at the end.")
"""Said under a film in which leaders' writes are not known."""


def tells(trace: Trace) -> dict[str, bool]:
    """Whether a trace tells of writes, high watermarks, leaders and generations."""
    rows, kinds = trace.data.rows, trace.data.column("events", "kind")
    writes = bool(rows("appends")) or not (rows("log_end") or rows("deliveries"))
    return {"writes": writes, "high": writes or bool(rows("watermarks")),
            "leaders": writes or bool(trace.data.meta.get("replicas")),
            "generations": bool(np.isin(kinds, ("generation", "rebalancing")).any()) if len(kinds) else False}


def seen(trace: Trace) -> tuple[np.ndarray, ...]:
    """Where each record stood, and since when that is known at the latest: time (ns), tp, offset, message.

    Its producer was told, a member was handed it, or it was found in the log at the end. A log only grows at its end:
    whoever saw an offset saw all before it.
    """
    messages, handed = trace.messages, trace.handed
    told, kept = messages.of("acks"), messages.of("log_end")
    rows = np.concatenate([
        np.stack([messages.tp[told], messages.offsets("acks"), messages.spread("acks", "time"), told]),
        np.stack([handed.tp, handed.offset, handed.time, handed.message]),
        np.stack([messages.spread("log_end", "tp"), messages.offsets("log_end"),
                  np.full(len(kept), int(trace.data.meta.get("ended_at", 0))), kept])], axis=1).astype(np.int64)
    rows = rows[:, (rows[:2] >= 0).all(axis=0)]
    tp, offset, time, message = rows[:, np.lexsort(rows[[3, 2, 1, 0]])]
    first = np.unique(np.stack([tp, offset, message]), axis=1, return_index=True)[1]
    tp, offset, time, message = (column[np.sort(first)] for column in (tp, offset, time, message))
    for one in np.unique(tp):
        time[tp == one] = np.minimum.accumulate(time[tp == one][::-1])[::-1]
    return time, tp, offset, message
