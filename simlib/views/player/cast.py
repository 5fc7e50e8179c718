"""Who appears in a trace, where each stands, and in which colour: the same in every picture of the course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.views import style
from simlib.views.reading import partition_name
from simlib.views.style import actor_colour

ROLES = ("producer", "broker", "member", "service")
"""From left to right: who writes, who keeps, who reads (and whatever else runs). Others are not drawn."""
INTERNAL = "__"
"""How names of Kafka's own topics begin; they are not drawn."""
WORK = ("executed", "transaction", "called", "request", "answered", "redis", "exception", "error")
STORED = ("executed", "transaction", "redis")
REDIS = "Redis"


@dataclass(frozen=True)
class Cast:
    """The actors and partitions of one trace."""

    trace: Trace

    @property
    def actors(self) -> list[str]:
        return [str(name) for name in self.trace.data.code_table("actors")]

    def roles(self) -> list[str]:
        """The role of each actor; empty for the controller and for the world."""
        column = self.trace.data.column
        kinds, actors = column("events", "kind"), column("events", "actor")
        members = {*column("deliveries", "member").tolist(), *column("commits", "member").tolist(),
                   *_who(kinds, actors, ("joined", "assigned"))}
        brokers = {*column("appends", "broker").tolist()} | {i for i, name in enumerate(self.actors)
                                                             if name.startswith("broker-")}
        producers = {int(lane[0]) for lane in self.trace.data.code_table("lanes")} - members
        services = {*column("effects", "process").tolist(), *_who(kinds, actors, WORK)} - members - producers
        places = zip(ROLES, (producers, brokers, members, services), strict=True)
        role = {actor: name for name, those in places for actor in those}
        return [role.get(actor, "") for actor in range(len(self.actors))]

    def places(self) -> dict[str, int]:
        """How far to the right each actor stands; those that have no role at the end."""
        return {name: (*ROLES, "").index(role) for name, role in zip(self.actors, self.roles(), strict=True)}

    def actor_table(self) -> list[dict[str, Any]]:
        """Name, role, colour and group (the first it reads in) of each actor."""
        groups = self._first_groups()
        return [{"name": name, "role": role, "colour": actor_colour(name), "group": groups.get(actor, 0)}
                for actor, (name, role) in enumerate(zip(self.actors, self.roles(), strict=True))]

    def _first_groups(self) -> dict[int, int]:
        column = self.trace.data.column
        actor, group = (np.r_[column("events", one), column("deliveries", other)]
                        for one, other in (("actor", "member"), ("group", "group")))
        actor, group = actor[group >= 0], group[group >= 0]
        first = np.unique(actor, return_index=True)[1]
        return dict(zip(actor[first].tolist(), group[first].tolist(), strict=True))

    def databases(self) -> list[dict[str, Any]]:
        """Of each service's database: name, the processes that used it, and [table, rows] at the end; then Redis."""
        column, tables = self.trace.data.column, self._final_tables()
        users: dict[str, set[int]] = {}
        for kind, actor in zip(column("events", "kind"), column("events", "actor").tolist(), strict=True):
            if kind in STORED and actor >= 0:
                users.setdefault(REDIS if kind == "redis" else self._database(actor), set()).add(actor)
        return [{"name": name, "processes": sorted(users[name]), "tables": tables.get(name, [])}
                for name in sorted(users, key=lambda name: (name == REDIS, name))]

    def _database(self, actor: int) -> str:
        return f"database of {self.actors[actor].rpartition('-')[0]}"

    def _final_tables(self) -> dict[str, list[list[Any]]]:
        return {f"database of {name}": [[table, database.rows_of(table)] for table in database.tables()]
                for name, database in self.trace.databases.items()}

    def partition_table(self) -> list[dict[str, Any]]:
        """Name, replicas (actor codes, the first leads at the beginning) and birth (s) of each partition."""
        replicas, born = self._replicas(), self._born()
        holes = {tp for table in ("markers", "removals") for tp in self.trace.data.column(table, "tp").tolist()}
        return [{"name": partition_name(self.trace, tp), "replicas": replicas[tp], "born": born[tp],
                 "holes": tp in holes, "internal": partition_name(self.trace, tp).startswith(INTERNAL),
                 "colour": style.partition_colour(partition)}
                for tp, (_, partition) in enumerate(self.trace.data.code_table("tps"))]

    def _replicas(self) -> list[list[int]]:
        """As the run noted them; else, as in a real run, whoever wrote first, and no followers."""
        data = self.trace.data
        if noted := data.meta.get("replicas"):
            code = {name: actor for actor, name in enumerate(self.actors)}
            return [[code[name] for name in names] for names in noted]
        lanes, brokers = data.code_table("lanes"), data.column("appends", "broker")
        first: dict[tuple[int, int], int] = {}
        for lane, row in zip(*np.unique(data.column("appends", "lane"), return_index=True), strict=True):
            tp = tuple(lanes[lane][1:])
            first[tp] = min(first.get(tp, int(row)), int(row))
        return [[int(brokers[first[tuple(tp)]])] if tuple(tp) in first else [] for tp in data.code_table("tps")]

    def _born(self) -> list[float]:
        """When each partition came to be, in s: at the beginning, unless its topic got more of them."""
        data, names = self.trace.data, self.trace.data.code_table("topics")
        planned = {topic.name: topic.partitions for topic in getattr(data.scenario, "topics", ())}
        grown = _growth(self.trace)
        return [next((time for topic, time, number in grown
                      if topic == names[code] and planned.get(topic, number) <= partition < number), 0.0)
                for code, partition in data.code_table("tps")]


def _growth(trace: Trace) -> list[tuple[str, float, int]]:
    """(topic, time in s, how many partitions it has from then on)."""
    columns = [trace.data.column("events", name).tolist() for name in ("kind", "detail", "time", "a")]
    return [(detail, time / 1e9, number) for kind, detail, time, number in zip(*columns, strict=True)
            if kind == "partitions_added"]


def _who(kinds: np.ndarray, actors: np.ndarray, wanted: tuple[str, ...]) -> set[int]:
    return {actor for kind, actor in zip(kinds, actors.tolist(), strict=True) if kind in wanted and actor >= 0}
