"""A committed offset says "all before this is ours"; it may not run ahead of what was handed over [K72]."""

from __future__ import annotations

import numpy as np

from simlib.laws.verdict import Verdict, broken, count, holds, not_judged
from simlib.trace import Trace
from simlib.trace.runs import combined
from simlib.units import NEVER

LAW = "commit_never_ahead_of_delivery"
LATER = 2**62


def commit_never_ahead_of_delivery(trace: Trace, calm: Trace | None = None) -> Verdict:
    """When an offset is committed, every record before it was handed to the group, skipped by its reset policy, or
    removed from the log.

    A loop that commits before it works obeys this (it was handed the record); what it loses `nothing_lost` finds.
    """
    commits = trace.data.rows("commits")
    if not commits:
        return not_judged(LAW, "nothing to protect: nothing was committed")
    ahead = _ahead(trace)
    if ahead.any():
        message = f"skip: {count(int(ahead.sum()), 'commit')} ahead of what had been handed over"
        return broken(LAW, message, trace.commits[ahead], "skip")
    return holds(LAW, f"{count(commits, 'commit')}, none ahead of what had been handed over")


def _ahead(trace: Trace) -> np.ndarray:
    data = trace.data
    group, tp = data.column("commits", "group"), data.column("commits", "tp")
    pairs = combined(group, tp)
    ahead = np.zeros(len(pairs), bool)
    for pair in np.unique(pairs):
        rows = np.flatnonzero(pairs == pair)
        complete = _complete_at(trace, int(group[rows[0]]), int(tp[rows[0]]), data.column("commits", "offset")[rows])
        ahead[rows] = complete > data.column("commits", "time")[rows]
    return ahead


def _without_records(trace: Trace, group: int, tp: int, end: int) -> np.ndarray:
    """Offsets below `end` that hand nothing over: markers, and aborted records for who reads only what is committed."""
    data, messages = trace.data, trace.messages
    offsets = data.column("markers", "offset")[data.column("markers", "tp") == tp]
    if data.code_table("groups")[group] in data.meta.get("read_committed", ()):
        offsets = np.r_[offsets, messages.offsets("aborted")[messages.spread("aborted", "tp") == tp]]
    return offsets[offsets < end]


def _given_up(trace: Trace, group: int, tp: int, seen: np.ndarray) -> None:
    """A share group goes past what it gave up, though it may never have come out of a dead member's buffer."""
    answers = trace.handed.answers
    mine = answers.is_given_up & (answers.column("group") == group) & (answers.column("tp") == tp)
    mine &= answers.offset < len(seen)
    np.minimum.at(seen, answers.offset[mine], answers.column("time")[mine])


def _complete_at(trace: Trace, group: int, tp: int, offsets: np.ndarray) -> np.ndarray:
    """For each committed offset, when the last record before it had been handed over or skipped (ns)."""
    handed, data = trace.handed, trace.data
    seen = np.full(int(offsets.max(initial=0)) + 1, LATER)
    mine = np.flatnonzero((handed.group == group) & (handed.tp == tp) & (handed.offset < len(seen)))[::-1]
    seen[handed.offset[mine]] = handed.time[mine]  # backwards in time, so the first delivery stays
    chosen = (data.column("skipped", "group") == group) & (data.column("skipped", "tp") == tp)
    for low, high in zip(data.column("skipped", "from_offset")[chosen], data.column("skipped", "to_offset")[chosen],
                         strict=True):
        seen[low:high] = NEVER
    seen[_without_records(trace, group, tp, len(seen))] = NEVER
    _given_up(trace, group, tp, seen)
    removed, messages = trace.messages.spread("removals", "tp") == tp, trace.messages
    offset, time = messages.offsets("removals")[removed], messages.spread("removals", "time")[removed]
    there = offset < len(seen)
    np.minimum.at(seen, offset[there], time[there])
    return np.r_[NEVER, np.maximum.accumulate(seen)][offsets]
