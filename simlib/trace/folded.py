"""A trace that holds sums of records instead of each: what it can still tell is exact, latencies within 1 %."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from simlib.trace import frames
from simlib.trace.deliveries import CAUSES
from simlib.trace.groups import Groups
from simlib.trace.histogram import lowest, percentiles_of
from simlib.trace.lag import lag_at_watermarks
from simlib.trace.records import LOST_REASONS
from simlib.trace.summary import PERCENTILES, GroupSummary, Summary
from simlib.trace.trace import Trace
from simlib.trace.trace_data import OUTCOMES, TraceData

KEPT = "summary(), latencies, duplicates, late, lost, lag, plot.lag(), commits, skipped and control"


class Folded(ValueError):
    """What was asked for is about single records, and the trace has sums alone."""


def trace_of(data: TraceData) -> Trace:
    """The trace of these columns, whatever they hold."""
    return FoldedTrace(data) if data.meta.get("folded") else Trace(data)


class FoldedTrace(Trace):
    """What `run(scenario, fold=True)` gives. Lag is exact at the times it has, and unknown in between."""

    def __init__(self, data: TraceData) -> None:
        self.data = data
        self.groups = FoldedGroups(data)

    def __reduce__(self) -> tuple[Any, ...]:
        return FoldedTrace, (self.data,)

    # -- what there is

    @cached_property
    def duplicates(self) -> Any:
        """The deliveries of messages that the group had been handed before, each of them."""
        return self._listed(self._raw("listed", "attempt") > 1)

    @cached_property
    def late(self) -> Any:
        """Each first delivery of a record that came after that of a later record of its partition."""
        return self._listed(self._raw("listed", "late") == 1)

    @cached_property
    def lost(self) -> Any:
        """Messages that are neither in the log nor still with their producer: sent with acks=0, and never there."""
        actors, tps, never = self._raw("listed_lost", "actor"), self._raw("listed_lost", "tp"), len(self._lost_numbers)
        nothing = np.full(never, np.nan)
        return frames.frame({
            "message": frames.message_ids(self.data, actors, self._lost_numbers),
            "producer": self._names(actors, "actors"), **frames.topic_and_partition(self.data, tps),
            "offset": frames.nullable(np.full(never, -1)), "key": self._names(self._raw("listed_lost", "key"), "keys"),
            "created": frames.seconds(self._raw("listed_lost", "created")), "appended": nothing, "acked": nothing,
            "outcome": frames.categorical(np.full(never, OUTCOMES.index("unacknowledged")), [*OUTCOMES, "pending"]),
            "error": frames.categorical(np.full(never, -1), self.data.code_table("errors")),
            "reason": frames.categorical(np.full(never, LOST_REASONS.index("never confirmed")), list(LOST_REASONS))})

    @cached_property
    def lag(self) -> Any:
        """As of any trace, at the times at which sums were taken."""
        columns = self.groups.lag
        return frames.frame({"time": frames.seconds(columns["time"]),
                             "group": self._names(columns["group"], "groups"),
                             **frames.topic_and_partition(self.data, columns["tp"]), "lag": columns["lag"]})

    @cached_property
    def latencies(self) -> Any:
        """One row a bucket: how many records of a group were handed over, or done, within which time (s)."""
        buckets = self._raw("latencies", "bucket")
        return frames.frame({
            "group": self._names(self._raw("latencies", "group"), "groups"),
            **frames.topic_and_partition(self.data, self._raw("latencies", "tp")),
            "until": frames.categorical(self._raw("latencies", "done"), ["handed over", "done"]),
            "from": lowest(buckets) / 1e9, "below": lowest(buckets + 1) / 1e9,
            "records": self._raw("latencies", "count")})

    @cached_property
    def _summary(self) -> Summary:
        sent = {name: int(self._raw("sent", name).sum()) for name in ("created", "in_log", "acked", "unconfirmed")}
        each = {str(name): self._of_group(code) for code, name in enumerate(self.data.code_table("groups"))}
        sums = {name: sum(getattr(group, name) for group in each.values())
                for name in ("delivered", "duplicates", "skipped", "passed_over", "backlog")}
        unfired = self._raw("events", "detail")[self._raw("events", "kind") == "fault_not_fired"]
        lost = sent["unconfirmed"]
        return Summary(
            produced=sent["created"], in_log=sent["in_log"], acked=sent["acked"], lost=lost, lost_acked=0,
            lost_reasons={"never confirmed": lost} if lost else {}, pending=sent["created"] - sent["in_log"] - lost,
            aborted=0, removed=0, removed_by={}, groups=each, effects=0, calls=0, call_outcomes={}, ended=self.ended,
            ended_at=self.ended_at, faults_not_fired=[str(one) for one in unfired],
            warnings=list(self.data.meta.get("warnings", [])),
            models=f"Apache Kafka 4.x, client {getattr(self.scenario, 'client', 'kafka-python')}", **sums)

    def _of_group(self, code: int) -> GroupSummary:
        mine = self._raw("handed", "group") == code
        counts = {name: int(self._raw("handed", name)[mine].sum())
                  for name in ("delivered", "duplicates", "skipped", "passed_over", "backlog")}
        repeats = (self._raw("listed", "group") == code) & (self._raw("listed", "attempt") > 1)
        causes = Counter(CAUSES[cause] for cause in self._raw("listed", "cause")[repeats].tolist())
        return GroupSummary(**counts, causes=dict(causes), missed={}, archived={}, lag=self._final_lag(code),
                            handed_after=self._percentiles(code, 0), done_after=self._percentiles(code, 1))

    def _percentiles(self, code: int, done: int) -> dict[str, float]:
        mine = (self._raw("latencies", "group") == code) & (self._raw("latencies", "done") == done)
        buckets, place = np.unique(self._raw("latencies", "bucket")[mine], return_inverse=True)
        counts = np.bincount(place, self._raw("latencies", "count")[mine], len(buckets)).astype(np.int64)
        return percentiles_of(buckets, counts, PERCENTILES)

    def _final_lag(self, code: int) -> int:
        mine = self.groups.lag["group"] == code
        last = {tp: lag for tp, lag in zip(self.groups.lag["tp"][mine].tolist(),
                                           self.groups.lag["lag"][mine].tolist(), strict=True)}
        return sum(last.values())

    @property
    def _lost_numbers(self) -> np.ndarray:
        return self._raw("listed_lost", "number")

    def _listed(self, chosen: np.ndarray) -> Any:
        columns = {name: self._raw("listed", name)[chosen] for name in
                   ("time", "done", "group", "member", "tp", "offset", "actor", "number", "key", "attempt", "cause")}
        return frames.frame({
            "time": frames.seconds(columns["time"]), "done": frames.seconds(columns["done"]),
            "group": self._names(columns["group"], "groups"), "member": self._names(columns["member"], "actors"),
            **frames.topic_and_partition(self.data, columns["tp"]), "offset": frames.nullable(columns["offset"]),
            "message": frames.message_ids(self.data, columns["actor"], columns["number"]),
            "key": self._names(columns["key"], "keys"), "attempt": columns["attempt"],
            "cause_of_repeat": frames.categorical(np.where(columns["cause"] == 0, -1, columns["cause"] - 1),
                                                  list(CAUSES[1:]))})

    @cached_property
    def plot(self) -> Any:
        """Pictures: the lag."""
        return FoldedPlots(import_module("simlib.views").Plots(self).lag)


class FoldedGroups(Groups):
    """Every group, and its lag at the times at which sums were taken."""

    def __init__(self, data: TraceData) -> None:
        self.__dict__["_data"] = data  # nobody else may write into it

    def __repr__(self) -> str:
        return f"FoldedGroups({self.data.code_table('groups')})"

    @property
    def data(self) -> TraceData:
        found: TraceData = self.__dict__["_data"]
        return found

    @cached_property
    def lag(self) -> dict[str, np.ndarray]:
        """As of any trace, at some times."""
        return lag_at_watermarks(self.data)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        refuse(f"trace.groups.{name}")


@dataclass(frozen=True)
class FoldedPlots:
    """All other pictures show single records."""

    lag: Any

    def __getattr__(self, name: str) -> NoReturn:
        refuse(f"trace.plot.{name}")


def refuse(name: str) -> NoReturn:
    """Raises Folded."""
    raise Folded(f"this trace is folded: it holds sums over many records, so there is no {name}. It has {KEPT}. "
                 "For every record run the scenario without fold=, over a shorter duration or at a lower rate")


def _not_there(name: str) -> Any:
    return property(lambda self: refuse(f"trace.{name}"), doc=f"Folded: there is no {name}.")


for _name in ("records", "deliveries", "events", "passed_over", "removed", "effects", "screens", "calls", "databases",
              "messages", "handed"):
    setattr(FoldedTrace, _name, _not_there(_name))
