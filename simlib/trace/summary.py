"""The run in numbers: what was produced, what each group got, what was lost, how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import numpy as np

from simlib.trace.calls import CALL_OUTCOMES
from simlib.trace.deliveries import CAUSES
from simlib.trace.groups import Groups
from simlib.trace.records import LOST_REASONS, Messages
from simlib.trace.trace_data import OUTCOMES, REMOVED_BY, as_seconds
from simlib.units import NEVER

PERCENTILES = (50, 95, 99)
STANDING = ("skipped", "passed_over", "waiting")
REJECTED, TOO_OFTEN = "rejected", "delivered too often"
"""Why a share group archives a record."""


@dataclass(frozen=True)
class GroupSummary:
    """One consumer group in numbers of messages; latencies in seconds after the record was created."""

    delivered: int
    duplicates: int
    causes: dict[str, int]
    skipped: int
    passed_over: int
    missed: dict[str, int]
    archived: dict[str, int]
    backlog: int
    lag: int
    handed_after: dict[str, float]
    done_after: dict[str, float]


@dataclass(frozen=True, repr=False)
class Summary(Mapping[str, Any]):
    """Reads as attributes or as a mapping: `summary.duplicates`, `summary["duplicates"]`.

    aborted: taken back with their transactions (they may stand in the log, and are not counted in in_log);
    delivered: different messages handed over; duplicates: deliveries beyond the first; skipped: by a reset policy;
    passed_over: committed and never finished; backlog: in the log, not yet handed over; these add up all groups.
    calls: of services by others; call_outcomes: how many of them ended how.
    removed: taken out of the log by retention or compaction; missed: of these, what a group had not finished.
    """

    produced: int
    in_log: int
    acked: int
    lost: int
    lost_acked: int
    lost_reasons: dict[str, int]
    pending: int
    aborted: int
    removed: int
    removed_by: dict[str, int]
    delivered: int
    duplicates: int
    skipped: int
    passed_over: int
    backlog: int
    groups: dict[str, GroupSummary]
    effects: int
    calls: int
    call_outcomes: dict[str, int]
    ended: str
    ended_at: float
    faults_not_fired: list[str]
    warnings: list[str]
    models: str

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(f"{name!r} is not in a summary; there are {', '.join(self)}")
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter([one.name for one in fields(self)])

    def __len__(self) -> int:
        return len(fields(self))

    def __repr__(self) -> str:
        return "\n".join(f"{label:<28}{value}" for label, value in self.rows())

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th style='text-align:left'>{escape(label)}</th>"
                        f"<td style='text-align:left'>{escape(value)}</td></tr>" for label, value in self.rows())
        return f"<table>{cells}</table>"

    def rows(self) -> Iterator[tuple[str, str]]:
        """The lines that are shown: (label, text)."""
        yield "produced", f"{self.produced:,} (in the log {self.in_log:,}, acknowledged {self.acked:,})"
        yield "lost", _with_reasons(self.lost, self.lost_reasons)
        if self.removed:
            yield "removed from the log", _with_reasons(self.removed, self.removed_by)
        if self.pending:
            yield "with the producer", f"{self.pending:,} still waiting to be written"
        if self.aborted:
            yield "aborted", f"{self.aborted:,} taken back with their transactions"
        for name, group in self.groups.items():
            yield from _group_rows(name, group)
        if self.effects:
            yield "effects", f"{self.effects:,}"
        if self.calls:
            yield "calls", _with_reasons(self.calls, self.call_outcomes)
        yield "ended", f"{self.ended} at {self.ended_at:g} s"
        yield from (("fault did not fire", fault) for fault in self.faults_not_fired)
        yield from (("warning", warning) for warning in self.warnings)
        yield "models", self.models


def summarise(groups: Groups) -> Summary:
    """Count everything once."""
    data, messages = groups.data, groups.messages
    each = {str(data.code_table("groups")[code]): _summarise_group(groups, code) for code in groups.codes}
    reasons = _named(LOST_REASONS, messages, "reason", messages.is_lost)
    removed = _named(REMOVED_BY, messages, "removed_by", messages.is_removed)
    told_safe = messages.outcome == OUTCOMES.index("acked")
    sums = {name: sum(getattr(group, name) for group in each.values())
            for name in ("delivered", "duplicates", "skipped", "passed_over", "backlog")}
    call_outcomes = Counter(CALL_OUTCOMES[code] for code in data.column("calls", "outcome").tolist())
    unfired = data.column("events", "detail")[data.column("events", "kind") == "fault_not_fired"]
    return Summary(
        produced=len(messages), in_log=int(((messages.copies > 0) & ~messages.is_aborted).sum()),
        acked=int(told_safe.sum()),
        lost=int(messages.is_lost.sum()), lost_acked=int((messages.is_lost & told_safe).sum()),
        lost_reasons=dict(reasons), pending=int(messages.is_pending.sum()), aborted=int(messages.is_aborted.sum()),
        removed=sum(removed.values()), removed_by=dict(removed), groups=each, effects=data.rows("effects"),
        calls=data.rows("calls"), call_outcomes=dict(call_outcomes),
        ended=data.meta.get("ended", "duration"), ended_at=data.meta.get("ended_at", 0) / 1e9,
        faults_not_fired=[str(one) for one in unfired], warnings=list(data.meta.get("warnings", [])),
        models=f"Apache Kafka 4.x, client {getattr(data.scenario, 'client', 'kafka-python')}", **sums)


def _named(names: tuple[str, ...], messages: Messages, column: str, which: np.ndarray) -> Counter[str]:
    """How often each name stands in a column of messages, chosen by a mask or by their rows; it is made only then."""
    rows = np.flatnonzero(which) if which.dtype == bool else which
    return Counter(names[code] for code in getattr(messages, column)[rows].tolist()) if len(rows) else Counter()


def _summarise_group(groups: Groups, code: int) -> GroupSummary:
    handed, standing = groups.deliveries, Counter(dict.fromkeys(STANDING, 0))
    missed: Counter[str] = Counter()
    for log in groups.log_by_log(code):
        standing.update({name: int(getattr(log, name).sum()) for name in STANDING})
        missed.update(_named(REMOVED_BY, groups.messages, "removed_by", log.message[log.missed]))
    mine = handed.group == code
    first = mine & (handed.attempt == 1)
    repeats = Counter(CAUSES[cause] for cause in handed.cause[mine & (handed.attempt > 1)].tolist())
    created = groups.messages.created[handed.message]
    return GroupSummary(
        delivered=int(first.sum()), duplicates=int((mine & ~first).sum()), causes=dict(repeats),
        skipped=standing["skipped"], passed_over=standing["passed_over"], missed=dict(missed),
        archived=_archived(groups, code), backlog=standing["waiting"], lag=_final_lag(groups, code),
        handed_after=percentiles(_chosen(handed.time - created, first)),
        done_after=percentiles(_chosen(handed.done - created, first & (handed.done != NEVER))))


def _chosen(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Those that a mask is true for; without a copy where that is all of them."""
    return values if mask.all() else values[mask]


def _archived(groups: Groups, code: int) -> dict[str, int]:
    """How many records a share group will not deliver any more, though nobody accepted them."""
    answers = groups.deliveries.answers
    mine = (answers.column("group") == code) & (answers.column("archived") == 1)
    given_up = int((mine & answers.is_given_up).sum())
    rejected = int(mine.sum()) - given_up
    return {name: number for name, number in ((REJECTED, rejected), (TOO_OFTEN, given_up)) if number}


def percentiles(nanoseconds: np.ndarray) -> dict[str, float]:
    """p50, p95 and p99 in seconds; empty when there is nothing to measure."""
    if not len(nanoseconds):
        return {}
    places = np.array(PERCENTILES) / 100 * (len(nanoseconds) - 1)
    around = np.floor(places).astype(np.int64), np.ceil(places).astype(np.int64)
    ordered = np.partition(nanoseconds, np.unique(around))  # whole numbers, and only these few places
    below, above = (as_seconds(ordered[which]) for which in around)
    values = below + (above - below) * (places - around[0])
    return {f"p{p}": float(value) for p, value in zip(PERCENTILES, values, strict=True)}


def _final_lag(groups: Groups, code: int) -> int:
    columns = groups.lag
    mine = columns["group"] == code
    last = np.r_[columns["tp"][mine][1:] != columns["tp"][mine][:-1], True][: mine.sum()]
    return int(columns["lag"][mine][last].sum())


def _with_reasons(number: int, reasons: dict[str, int]) -> str:
    listed = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    return f"{number:,} ({listed})" if listed else f"{number:,}"


def _group_rows(name: str, group: GroupSummary) -> Iterator[tuple[str, str]]:
    yield f"{name}: delivered", f"{group.delivered:,} messages"
    yield f"{name}: duplicates", _with_reasons(group.duplicates, group.causes)
    if group.skipped:
        yield f"{name}: skipped", f"{group.skipped:,} by its reset policy (auto_offset_reset)"
    if group.archived:
        yield f"{name}: archived", f"{_with_reasons(sum(group.archived.values()), group.archived)}, never accepted"
    if passed_over := group.passed_over - group.archived.get(TOO_OFTEN, 0):
        yield f"{name}: passed over", f"{passed_over:,} committed, never finished"
    if group.missed:
        first = f"{_with_reasons(sum(group.missed.values()), group.missed)} removed from the log before it was done"
        yield f"{name}: missed", first
    yield f"{name}: backlog", f"{group.backlog:,} in the log, not yet handed over (lag {group.lag:,})"
    yield from _latency_rows(name, "handed over", group.handed_after)
    yield from _latency_rows(name, "done", group.done_after)


def _latency_rows(name: str, what: str, after: dict[str, float]) -> Iterator[tuple[str, str]]:
    if after:
        yield f"{name}: {what} after", ", ".join(f"{p} {readable(value)}" for p, value in after.items())


def readable(seconds: float, digits: int = 4) -> str:
    """A duration with a unit that suits it: 0.0032 reads 3.2 ms."""
    return f"{seconds * 1e3:.3g} ms" if abs(seconds) < 1 else f"{seconds:.{digits}g} s"
