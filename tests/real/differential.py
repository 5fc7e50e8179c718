"""What must be equal of one scenario's two traces, as far as its schedule decides it; and what is told if it is not."""

from __future__ import annotations

import pprint
from collections import Counter
from collections.abc import Iterator
from typing import Any

from differential_cases import BOUNDS, NUMBER, ORDER, Case

from simlib import Trace

AGAIN = "python -m pytest 'tests/real/test_differential.py::test_both_sides_agree[{seed}]'"
Facts = dict[str, Any]


def differences(case: Case, real: Trace, simulated: Trace) -> str:
    """What differs, with all that is needed to see it again; empty if nothing does."""
    mine, theirs = facts(case, real), facts(case, simulated)
    found = [f"{name}\n  real:      {mine[name]}\n  simulated: {theirs[name]}" for name in mine
             if mine[name] != theirs[name]]
    found += [f"real: {each}" for each in out_of_bounds(case, real)]
    found += [f"simulated: {each}" for each in out_of_bounds(case, simulated)]
    return told(case, found, real) if found else ""


def told(case: Case, found: list[str], real: Trace) -> str:
    """The whole story of a case on which the two sides differ."""
    events = real.events[["time", "kind", "process", "topic", "partition", "offset", "detail"]]
    return "\n".join((f"seed {case.seed}: {case.form}; schedule {case.schedule}; decided: {case.decided}",
                      f"again: {AGAIN.format(seed=case.seed)}", pprint.pformat(case.scenario, width=120), *found,
                      "the real run:", events.to_string(index=False), *real.data.meta["tracebacks"]))


# -- what is decided


def facts(case: Case, trace: Trace) -> Facts:
    """Everything about a run that its schedule decides, as plain values."""
    found = _always(trace)
    if case.may_double:
        return {name: found[name] for name in ("messages", "lost")}
    if case.decided == ORDER:
        found |= in_order(trace) | {"steps": _steps(trace)}
    if case.decided == NUMBER:
        found |= _in_number(trace)
    if case.decided == BOUNDS:
        found["committed in the end"] = _committed(trace)
        found["owners"] = _owners(trace)
    return found


def _always(trace: Trace) -> Facts:
    """Who reads how often is another matter: what stands in the logs, and who was handed what at least once."""
    records, handed = trace.records, trace.deliveries
    first = handed[handed["attempt"] == 1]
    return {
        "messages": sorted(records[["message", "topic", "key"]].astype(str).values.tolist()),
        "logs": records[["topic", "partition", "offset", "message", "copies"]].astype(str).values.tolist(),
        "lost": sorted(trace.lost["message"].astype(str)),
        "taken back": sorted(records[records["outcome"] == "aborted"]["message"].astype(str)),
        "out of order": _out_of_order(records),
        "handed over first": {str(place): rows["message"].tolist() for place, rows in first.groupby(
            ["group", "topic", "partition"], observed=True)},
        "refused": sorted(key for name, key in _acts(trace) if name == "refused"),
    }


def in_order(trace: Trace) -> Facts:
    """All that happened to records, effects, offsets and tables, in order; no times, no members."""
    handed = trace.deliveries
    columns = ["topic", "partition", "offset", "message", "attempt", "cause_of_repeat"]
    return {
        "handed over": {group: rows[columns].astype(str).values.tolist()
                        for group, rows in handed.groupby("group", observed=True)},
        "acts": {service: rows[["name", "key"]].values.tolist()
                 for service, rows in trace.effects.groupby("service", observed=True)},
        "committed in the end": _committed(trace),
        "passed over": sorted(trace.passed_over[["group", "message"]].astype(str).values.tolist()),
        "tables": {name: sorted(database.content()) for name, database in trace.databases.items()},
    }


def _in_number(trace: Trace) -> Facts:
    """One reader of several partitions: with which record it dies is open, how many it repeats or loses is not."""
    return {
        "handed over": Counter(trace.deliveries["group"].astype(str)),
        "repeated": Counter(trace.duplicates["cause_of_repeat"].astype(str)),
        "acts": Counter(name for name, _ in _acts(trace)),
        "committed in the end": sum(_committed(trace).values()),
        "passed over": len(trace.passed_over),
        "rows": {name: len([*database.content()]) for name, database in trace.databases.items()},
        "steps": _steps(trace),
    }


def _acts(trace: Trace) -> list[tuple[str, Any]]:
    return list(zip(trace.effects["name"].astype(str), trace.effects["key"], strict=True))


def _committed(trace: Trace) -> dict[str, int]:
    """The last offset of each group and partition."""
    last = trace.commits.groupby(["group", "topic", "partition"], observed=True)["offset"].last()
    return {str(place): int(offset) for place, offset in last.items()}


def _steps(trace: Trace) -> Counter[tuple[str, str]]:
    """How many steps of each kind each process took, over all its lives."""
    return Counter((process, kind) for process, kind, *_ in trace.data.meta["steps"])


def _owners(trace: Trace) -> dict[str, str]:
    """Who was handed the first record of each partition."""
    first = trace.deliveries.groupby(["group", "topic", "partition"], observed=True)["member"].first()
    return {str(place): member for place, member in first.items()}


def _out_of_order(records: Any) -> list[str]:
    """Records that stand behind one which their producer sent later."""
    found = []
    for _, rows in records[records["copies"] > 0].groupby(["producer", "topic", "partition"], observed=True):
        latest = -1
        for message in rows.sort_values("offset")["message"]:
            number = int(message.rpartition(":")[2])
            found += [message] * (number < latest)
            latest = max(latest, number)
    return sorted(found)


# -- what lies between bounds


def out_of_bounds(case: Case, trace: Trace) -> Iterator[str]:
    """What must hold of either side by itself, where time decides how much."""
    if case.decided != BOUNDS:
        return
    deaths = int((trace.control["kind"] == "crashed").sum())
    if len(trace.duplicates) > deaths * case.a_death_repeats:
        yield f"{deaths} deaths repeat {len(trace.duplicates)} records, at most {case.a_death_repeats} each"
    if len(trace.passed_over) > deaths:  # who dies right after its commit never says that it has finished
        yield f"{deaths} deaths, and {len(trace.passed_over)} records are passed over"
    if missing := {*_ordered(case)} - {*trace.effects["key"]}:
        yield f"never charged: {sorted(missing)}"
    copies = trace.records["copies"]
    if not case.may_double and (copies != 1).any():
        yield f"copies in the log: {copies.tolist()}"
    if case.may_double and (copies.min() < 1 or copies.max() > 2):
        yield f"one lost message makes more than one further copy: {copies.tolist()}"


def _ordered(case: Case) -> list[int]:
    return [row["value"]["order_id"] for rows in case.scenario.inputs.values() for row in rows]
