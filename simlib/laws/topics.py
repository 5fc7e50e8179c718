"""How often does it stand in a topic? A law about what a service produces, for whoever reads only what is committed."""

from __future__ import annotations

from collections import Counter

import numpy as np

from simlib.laws.verdict import Law, Verdict, broken, count, holds, not_judged, stuck
from simlib.trace import Trace


def produced_once(topic: str) -> Law:
    """The law that each record of the calm run stands in the topic once, for readers with read_committed.

    Records are the same if key and value are. What was aborted does not count; what is in an open transaction is not
    there yet.
    """
    law = f"produced_once({topic!r})"

    def judge(trace: Trace, calm: Trace | None = None) -> Verdict:
        if topic not in [str(name) for name in trace.data.code_table("topics")]:
            return not_judged(law, f"nothing to protect: there is no topic {topic!r} in this run")
        wanted = None if calm is None else Counter(_told(calm, committed_rows(calm, topic)))
        rows = committed_rows(trace, topic)
        return _judge(law, trace, rows, wanted)

    return judge


def committed_rows(trace: Trace, topic: str) -> np.ndarray:
    """The messages in a topic's final log that were committed, in the order of the log (one entry a copy)."""
    messages = trace.messages
    copies, tp, offset = messages.of("log_end"), messages.spread("log_end", "tp"), messages.offsets("log_end")
    code = [str(name) for name in trace.data.code_table("topics")].index(topic)
    there = (messages.topic[copies] == code) & ~messages.is_aborted_copy & (offset < _stable_end(trace)[tp])
    return copies[there][np.lexsort((offset[there], tp[there]))]


def _stable_end(trace: Trace) -> np.ndarray:
    """By partition, the last stable offset at the end; without a limit where there were no transactions."""
    end = np.full(len(trace.data.code_table("tps")), np.iinfo(np.int64).max)
    end[trace.data.column("stable", "tp")] = trace.data.column("stable", "last_stable_offset")  # the last one stays
    return end


def _judge(law: str, trace: Trace, rows: np.ndarray, wanted: Counter[str] | None) -> Verdict:
    there = _told(trace, rows)
    most = Counter(there) if wanted is None else wanted
    seen: Counter[str] = Counter()
    again = []
    for row, text in zip(rows.tolist(), there, strict=True):
        seen[text] += 1
        if seen[text] > (1 if wanted is None else max(most[text], 1)):
            again.append((row, text))
    if again:
        same = np.array([row for row, text in zip(rows.tolist(), there, strict=True) if text == again[0][1]])
        message = f"duplicate: {count(len(again), 'record')} committed again; {again[0][1]} is shown"
        return broken(law, message, lambda: trace.records_of(same), "duplicate")
    return _missing(law, trace, seen, wanted)


def _missing(law: str, trace: Trace, seen: Counter[str], wanted: Counter[str] | None) -> Verdict:
    if wanted is None:
        return not_judged(law, "which records should be there is not known: give the calm run as second argument")
    if not wanted:
        return not_judged(law, "nothing to protect: no record is committed there even without a fault")
    missing = list((wanted - seen).elements())
    if missing and trace.ended == "stuck":
        return stuck(law, trace)
    if missing and trace.ended == "quiet":
        return broken(law, f"lost: {count(len(missing), 'record')} never committed, first {missing[0]}", None, "lost")
    if missing:
        return not_judged(law, f"{count(len(missing), 'record')} not committed when the run ended ({trace.ended}); "
                               "only a run that ended quiet can be judged")
    return holds(law, f"{count(sum(seen.values()), 'record')} committed, each once")


def _told(trace: Trace, rows: np.ndarray) -> list[str]:
    """Key and value of messages, as text."""
    keys, values = trace.data.code_table("keys"), trace.data.column("messages", "value")
    codes = trace.data.column("messages", "key")
    return [f"{None if codes[row] < 0 else keys[codes[row]]!r}: {values[row]!r}" for row in rows.tolist()]
