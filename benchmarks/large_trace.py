"""A trace as large as that of a busy hour, without the run: the player's promise is about opening it."""

from __future__ import annotations

import numpy as np

from simlib.trace import Trace
from simlib.trace.trace_data import TraceData


def million() -> Trace:
    """Written at once in three partitions, handed over in batches: no simulation, the same columns."""
    number, batches, lanes = 1_000_000, 10_000, 3
    each = number // lanes
    created = [np.sort(np.random.default_rng(lane).integers(0, 10**12, each)) for lane in range(lanes)]
    size = each // (batches // lanes)
    starts = np.arange(0, each - size + 1, size)
    many = len(starts)
    lane = np.repeat(np.arange(lanes), many)
    start, end = np.tile(starts, lanes), np.tile(starts + size - 1, lanes)
    at = np.concatenate([times[starts + size - 1] for times in created])
    order = np.argsort(at, kind="stable")
    rows = {"lane": lane[order], "start": start[order], "count": np.full(len(order), size),
            "base_offset": start[order]}
    handed = np.repeat(at[order] + 3 * 10**6, size)
    tables = {
        "messages": {"lane": np.repeat(np.arange(lanes), each), "ordinal": np.tile(np.arange(each), lanes),
                     "number": np.arange(each * lanes), "key": np.arange(each * lanes) % 1000,
                     "created": np.concatenate(created), "value": None, "bytes": np.full(each * lanes, 100)},
        "appends": {"time": at[order] + 10**6, "epoch": np.zeros(len(order), np.int64),
                    "broker": np.full(len(order), 1), **rows},
        "acks": {"time": at[order] + 2 * 10**6, "outcome": np.zeros(len(order), np.int64),
                 "error": np.full(len(order), -1), **rows},
        "log_end": {"tp": rows["lane"], **rows},
        "watermarks": {"time": at[order] + 2 * 10**6, "tp": rows["lane"], "high_watermark": end[order] + 1},
        "deliveries": {"time": at[order] + 3 * 10**6, "member": np.full(len(order), 2),
                       "incarnation": np.zeros(len(order), np.int64), "group": np.zeros(len(order), np.int64),
                       "tp": rows["lane"], "generation": np.ones(len(order), np.int64),
                       "first": np.arange(len(order)) * size, **rows},
        "delivery_times": {"handed": handed, "done": handed + 10**6}}
    names = {"actors": ["shop", "broker-0", "billing-0"], "groups": ["billing"], "topics": ["orders"],
             "tps": [(0, tp) for tp in range(lanes)], "lanes": [(0, 0, tp) for tp in range(lanes)],
             "keys": [f"customer-{key}" for key in range(1000)]}
    return Trace(TraceData(tables, names, None, {"ended": "duration", "ended_at": 10**12 + 10**8}))
