"""Order: within a partition by offset, within a key by creation [K100]."""

from __future__ import annotations

import numpy as np

from simlib.laws.verdict import Verdict, broken, count, holds, not_judged
from simlib.trace import Trace
from simlib.trace.runs import combined, previous, same_codes

SKIPPED = ("time", "group", "tp", "from_offset", "to_offset")


def order_per_partition(trace: Trace, calm: Trace | None = None) -> Verdict:
    """A group is handed the copies in a partition in the order of its log, the first time it is handed each.

    The order of a log is leader epoch, then offset: after a truncation an offset is used again, by another record.
    A repeat is not disorder: reading again from the last commit goes back and then forward. Nor is a record that a
    reset policy had skipped: with the group's commits lost, or none made, a new owner may begin at the log's end while
    an owner of before, who does not know yet that it was replaced, goes on behind it. Such an owner may also have in
    hand what retention or compaction has taken out of the log before the new one read there.
    """
    law, handed = "order_per_partition", trace.handed
    first = np.flatnonzero((handed.previous_of_copy < 0) & ~_out_of_reach(trace))
    stream = combined(handed.group, handed.tp)[first]
    late = _out_of_order(stream, _log_order(trace)[first])
    return _verdict(trace, law, first, late, "an earlier record of the log first appears after a later one")


def order_per_key(trace: Trace, calm: Trace | None = None) -> Verdict:
    """A group is handed one producer's records of one key in the order of their creation, the first time round.

    Records that a reset policy had skipped, or that had left the log, are left out, as in `order_per_partition`.
    """
    law, handed, messages = "order_per_key", trace.handed, trace.messages
    key, number = trace.data.column("messages", "key"), trace.data.column("messages", "number")
    first = np.flatnonzero((handed.attempt == 1) & (key[handed.message] >= 0) & ~_out_of_reach(trace))
    if not len(first):
        return not_judged(law, "nothing to protect: no record with a key was delivered")
    message = handed.message[first]
    stream = combined(handed.group[first], messages.topic[message], messages.producer[message], key[message])
    late = _out_of_order(stream, number[message])
    return _verdict(trace, law, first, late, "an older record of the key first appears after a newer one")


def _out_of_reach(trace: Trace) -> np.ndarray:
    """For each delivery, whether no other owner of the partition could be handed its record any more."""
    return _skipped_before(trace) | _removed_before(trace)


def _removed_before(trace: Trace) -> np.ndarray:
    """For each delivery, whether its record had been removed from the log on purpose by then."""
    handed, messages = trace.handed, trace.messages
    times = messages.spread("removals", "time")
    if not len(times):
        return np.zeros(len(handed.time), bool)
    removed = messages.spread("removals", "tp"), messages.offsets("removals")
    mine, gone = same_codes((handed.tp, handed.offset), removed)
    order = np.argsort(gone, kind="stable")
    place = np.minimum(np.searchsorted(gone[order], mine), len(gone) - 1)
    found = order[place]
    return (gone[found] == mine) & (times[found] <= handed.time)


def _skipped_before(trace: Trace) -> np.ndarray:
    """For each delivery, whether the group's reset policy had skipped its offset by then."""
    handed, data = trace.handed, trace.data
    skipped = np.zeros(len(handed.time), bool)
    for time, group, tp, low, high in zip(*(data.column("skipped", name) for name in SKIPPED), strict=True):
        mine = (handed.group == group) & (handed.tp == tp) & (handed.time >= time)
        skipped |= mine & (handed.offset >= low) & (handed.offset < high)
    return skipped


def _log_order(trace: Trace) -> np.ndarray:
    """A number for each delivery that rises along the log of its partition."""
    epochs = np.r_[trace.messages.spread("appends", "epoch"), 0][trace.handed.append]
    return epochs * (int(trace.handed.offset.max(initial=0)) + 1) + trace.handed.offset


def _out_of_order(stream: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Index pairs (row, the row before it in its stream) where the number falls; rows are in order of time."""
    before = previous(stream)
    late = np.flatnonzero((before >= 0) & (number <= number[before]))
    return np.stack([before[late], late], axis=1)


def _verdict(trace: Trace, law: str, rows: np.ndarray, late: np.ndarray, what: str) -> Verdict:
    if len(late):
        message = f"{what} ({count(len(late), 'time')}); the first is shown with the record before it"
        return broken(law, message, lambda: trace.deliveries_at(rows[late[0]]), "nonmonotonic poll")
    if not len(rows):
        return not_judged(law, "nothing to protect: nothing was delivered")
    return holds(law, f"{count(len(rows), 'first delivery', 'first deliveries')} in order")


