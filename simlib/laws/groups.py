"""Did a group get everything that was promised to it?"""

from __future__ import annotations

import numpy as np

from simlib.laws.consequences import worked_off
from simlib.laws.promises import acknowledged
from simlib.laws.verdict import Law, Verdict, broken, count, holds, not_judged, stuck
from simlib.trace import Trace
from simlib.trace.trace_data import REMOVED_BY
from simlib.units import NEVER


def nothing_lost(group: str) -> Law:
    """The law that every acknowledged record was finished by the group, or still waits for it. Backlog is not loss.

    Finished means: the next one was asked for. A service may have died just before that, with its work done: with the
    calm run as second argument, a record is also finished when every effect the calm run did for it was done.
    Broken by records that are committed past and never finished, by acknowledged records that left the log
    before the group got them, be it by retention (a newer value of the same key makes up for what compaction takes),
    and in a quiet run by anything that still waits.
    """
    law = f"nothing_lost({group!r})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        names = [str(name) for name in trace.data.code_table("groups")]
        if group not in names:
            return not_judged(law, f"nothing to protect: no group {group!r} in this run; there are {', '.join(names)}")
        return _judge(law, trace, names.index(group), worked_off(trace, calm))

    return judge


def _judge(law: str, trace: Trace, group: int, done: np.ndarray) -> Verdict:
    rows = trace.groups.passed_over
    passed = (rows["group"] == group) & ~done[rows["message"]]
    if passed.any():
        records = count(int(passed.sum()), "record")
        message = f"unseen: {records} committed past and never finished: nobody will read them"
        return broken(law, message, lambda: trace.passed_over[passed], "unseen")
    gone = _gone_before_delivery(trace, group)
    if len(gone):
        message = f"lost write: {count(len(gone), 'acknowledged record')} left the log before the group got them"
        return broken(law, message, lambda: trace.records_of(gone), "lost write")
    missed = _missed(trace, group)
    missed = missed[~done[missed]]
    if len(missed):
        message = f"unseen: {count(len(missed), 'record')} removed from the log before the group had finished with it"
        return broken(law, message, lambda: trace.records_of(missed), "unseen")
    return _liveness(law, trace, group, done)


def _missed(trace: Trace, group: int) -> np.ndarray:
    """Records taken by retention, and tombstones; what compaction takes has a successor."""
    rows = np.concatenate([np.empty(0, np.int64), *(log.message[log.missed] for log in trace.groups.logs_of(group))])
    return rows[trace.messages.removed_by[rows] != REMOVED_BY.index("compaction")]


def _gone_before_delivery(trace: Trace, group: int) -> np.ndarray:
    topics = {trace.data.code_table("tps")[log.tp][0] for log in trace.groups.logs_of(group)}
    handed = np.zeros(len(trace.messages), bool)
    handed[trace.handed.message[trace.handed.group == group]] = True
    read = np.isin(trace.messages.topic, sorted(topics))
    return np.flatnonzero(acknowledged(trace) & trace.messages.is_lost & read & ~handed)


def _liveness(law: str, trace: Trace, group: int, done: np.ndarray) -> Verdict:
    logs = trace.groups.logs_of(group)
    finished = sum(int((log.finished | done[log.message]).sum()) for log in logs)
    open_ones = [~log.finished & ~log.skipped & ~done[log.message] & (log.removed == NEVER) for log in logs]
    unfinished = sum(int(mask.sum()) for mask in open_ones)
    if trace.ended == "stuck" and unfinished:
        return stuck(law, trace)
    if trace.ended == "quiet" and unfinished:
        rows = np.concatenate([log.message[mask] for log, mask in zip(logs, open_ones, strict=True)])
        return broken(law, f"unseen: the world went quiet with {count(len(rows), 'record')} not finished",
                      lambda: trace.records_of(rows), "unseen")
    if not finished + unfinished:
        return not_judged(law, "nothing to protect: no record in the log of what the group reads")
    return holds(law, f"{count(finished, 'record')} finished, {unfinished:,} waiting or at work, none lost")
