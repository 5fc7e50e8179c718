"""Kafka said yes: is the record still there?"""

from __future__ import annotations

from collections import Counter

import numpy as np

from simlib.laws.promises import Promises, acknowledged
from simlib.laws.verdict import Verdict, broken, count, holds, not_judged
from simlib.trace import Trace

LAW = "no_acked_write_lost"


def no_acked_write_lost(trace: Trace, calm: Trace | None = None) -> Verdict:
    """A write that was acknowledged with acks=all is in the log at the end, or was removed from it on purpose.

    Judged while Kafka's conditions hold: acks=all, no unclean election, fewer brokers that lost power than
    `min_insync_replicas`, and a replica in sync that kept power. Where one failed the verdict says which.
    """
    promises, acked = Promises(trace), acknowledged(trace)
    gone = np.flatnonzero(acked & trace.messages.is_lost)
    excuses = {int(row): promises.failed_condition(int(row)) for row in gone}
    lost = [row for row, excuse in excuses.items() if not excuse]
    if lost:
        message = f"lost write: {count(len(lost), 'acknowledged record')} left the log although every condition held"
        return broken(LAW, message, trace.records_of(np.array(lost)), "lost write")
    if excuses:
        reasons = "; ".join(f"{number:,}: {reason}" for reason, number in Counter(excuses.values()).items())
        return not_judged(LAW, f"{count(len(excuses), 'acknowledged record')} lost, but nothing promised "
                               f"to keep them ({reasons})", trace.records_of(gone))
    return _nothing_gone(trace, promises, acked)


def _nothing_gone(trace: Trace, promises: Promises, acked: np.ndarray) -> Verdict:
    by_producer = np.bincount(trace.messages.producer[acked], minlength=1)
    names = trace.data.code_table("actors")
    promised = {names[code]: int(by_producer[code]) for code in np.flatnonzero(by_producer)
                if promises.acks(str(names[code])) == "all"}
    if not promised:
        return not_judged(LAW, "nothing to protect: no record was acknowledged to a producer with acks=all")
    removed = int((acked & trace.messages.is_removed).sum())
    where = f"all in the log but {removed:,} that retention or compaction took" if removed else "all in the log"
    return holds(LAW, f"{count(sum(promised.values()), 'record')} acknowledged with acks=all, {where}")
