"""Nothing appears from nowhere and nothing vanishes without a reason."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simlib.laws.verdict import Verdict, broken, count, holds
from simlib.trace import Trace
from simlib.trace.records import Messages
from simlib.trace.runs import combined, occurrence, same_codes
from simlib.trace.trace_data import OUTCOMES
from simlib.units import NEVER

LAW = "conservation"


def conservation(trace: Trace, calm: Trace | None = None) -> Verdict:
    """Produced = in the log + lost (each with a reason) + removed + aborted + still with the producer; delivered only
    what was written.

    Also checked: every copy in the log was appended, no offset is taken twice, a final log has no holes but those of
    removed records, what left the log was removed, truncated or lost to a later leader, nothing is read before it is
    written or above the high watermark.
    """
    for problem, messages in (*_of_messages(trace), *_of_the_log(trace)):
        if len(messages):
            return broken(LAW, f"{problem}: {count(len(messages), 'record')}", trace.records_of(messages), "internal")
    for problem, rows in _of_deliveries(trace):
        if len(rows):
            said = count(len(rows), "delivery", "deliveries")
            return broken(LAW, f"{problem}: {said}", trace.deliveries_at(rows), "internal")
    return holds(LAW, balance(trace))


def balance(trace: Trace) -> str:
    """The sum in words."""
    summary = trace.summary()
    parts = [f"{summary.in_log:,} in the log", f"{summary.lost:,} lost", f"{summary.pending:,} with the producer"]
    parts += [f"{summary.aborted:,} aborted"] * (summary.aborted > 0)
    parts += [f"{summary.removed:,} removed by retention or compaction"] if summary.removed else []
    handed = "; ".join(f"{name}: {group.delivered:,} delivered, {group.backlog:,} waiting"
                       for name, group in summary.groups.items())
    return f"{summary.produced:,} produced = {' + '.join(parts)}" + (f"; {handed}" if handed else "")


def _of_messages(trace: Trace) -> Iterator[tuple[str, np.ndarray]]:
    messages = trace.messages
    written, acked = messages.appended != NEVER, messages.outcome == OUTCOMES.index("acked")
    yield "acknowledged and never written", np.flatnonzero(acked & ~written)
    yield "written before it was created", np.flatnonzero(written & (messages.appended < messages.created))


def _unexplained(trace: Trace, copies: np.ndarray) -> np.ndarray:
    """Of copies (indices into the unrolled appends) those that no truncation and no later leader can have removed."""
    messages, data = trace.messages, trace.data
    message, offset = messages.written
    tps, offset = messages.tp[message][copies], offset[copies]
    since, epoch = messages.spread("appends", "time")[copies], messages.spread("appends", "epoch")[copies]
    explained, elected = np.zeros(len(copies), bool), data.column("events", "kind") == "elected"
    for tp in np.unique(tps):
        mine = tps == tp
        epochs = data.column("events", "a")[elected & (data.column("events", "tp") == tp)]
        explained[mine] |= epochs.max(initial=-1) > epoch[mine]
        cuts = data.column("truncations", "tp") == tp
        for time, to_offset in zip(data.column("truncations", "time")[cuts],
                                   data.column("truncations", "to_offset")[cuts], strict=True):
            explained[mine] |= (since[mine] <= time) & (offset[mine] >= to_offset)
    return copies[~explained]


def _of_the_log(trace: Trace) -> Iterator[tuple[str, np.ndarray]]:
    messages = trace.messages
    tp, message, offset = (messages.spread("log_end", "tp"), messages.of("log_end"), messages.offsets("log_end"))
    removed = messages.of("removals"), messages.offsets("removals")
    copies, written, taken_out = same_codes((message, offset), messages.written, removed)
    yield "removed and never appended", removed[0][~np.isin(taken_out, written)]
    gone = _unexplained(trace, np.flatnonzero(~np.isin(written, np.r_[copies, taken_out])))
    yield "left the log without a truncation or a later leader", messages.of("appends")[gone]
    yield "in the log and never appended", message[~np.isin(copies, written)]
    taken = combined(np.r_[tp, trace.data.column("log_markers", "tp")],
                     np.r_[offset, trace.data.column("log_markers", "offset")])
    yield "an offset that holds two messages", message[occurrence(taken)[:len(message)] > 1]
    yield "an offset after a hole in the log", message[_after_a_hole(tp, offset, messages)]


def _after_a_hole(tp: np.ndarray, offset: np.ndarray, messages: Messages) -> np.ndarray:
    """Indices of offsets in the final log that have fewer offsets before them than they should: none is explained by
    a record that was removed, or by the marker of a transaction.
    """
    markers = [messages.data.column("markers", name) for name in ("tp", "offset")]
    all_tps = np.r_[tp, messages.spread("removals", "tp"), markers[0]]
    all_offsets = np.r_[offset, messages.offsets("removals"), markers[1]]
    _, each = np.unique(combined(all_tps, all_offsets), return_index=True)  # the final log comes first
    order = each[np.lexsort((all_offsets[each], all_tps[each]))]
    hole = order[all_offsets[order] != occurrence(all_tps[order]) - 1]
    return hole[hole < len(tp)]


def _of_deliveries(trace: Trace) -> Iterator[tuple[str, np.ndarray]]:
    handed = trace.handed
    delivered, written = same_codes((handed.message, handed.offset), trace.messages.written)
    known = np.isin(delivered, written)
    yield "delivered and never appended", np.flatnonzero(~known)
    yield "delivered before it was appended", np.flatnonzero(known & (handed.append < 0))
    yield "delivered above the high watermark", np.flatnonzero(_above_watermark(trace))


def _above_watermark(trace: Trace) -> np.ndarray:
    """Deliveries of offsets that no high watermark had passed yet."""
    handed, data = trace.handed, trace.data
    result = np.zeros(len(handed), bool)
    for tp in np.unique(handed.tp):
        mine, marks = handed.tp == tp, data.column("watermarks", "tp") == tp
        highest = np.maximum.accumulate(np.r_[0, data.column("watermarks", "high_watermark")[marks]])
        at = np.searchsorted(data.column("watermarks", "time")[marks], handed.time[mine], side="right")
        result[mine] = handed.offset[mine] >= highest[at]
    return result
