"""The shape of a case: a scenario, the rule it is judged by, and what is known about it beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simlib import Scenario, Service, Topic

CALM = "calm"


@dataclass(frozen=True)
class Flaw:
    """A scenario with one known flaw.

    `known` is the id of the shortest schedule that shows it ("calm": it needs no fault), found by thinking, not by
    searching; `records` is how many inputs that takes. `options` go to `explore`. `beyond` says why the random walk,
    which has only the public faults, cannot show it.
    """

    name: str
    scenario: Scenario
    law: Callable[..., Any]
    known: str
    records: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    beyond: str = ""

    @property
    def faults(self) -> int:
        """How many faults the shortest schedule has."""
        return 0 if self.known == CALM else self.known.count("+") + 1

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Sound:
    """A scenario without a flaw: its law holds whatever happens. `faults=2` where pairs are cheap."""

    name: str
    scenario: Scenario
    law: Callable[..., Any]
    faults: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def orders(count: int, *, at: float | None = None, apart: float = 0.1, customers: int = 1,
           partitions: int = 1) -> list[dict[str, Any]]:
    """Inputs: order-1, order-2, ... of 10 each; customers and partitions take turns."""
    return [{"key": f"customer-{n % customers + 1}", "partition": n % partitions,
             "value": {"order": f"order-{n + 1}", "number": n + 1, "amount": 10},
             **({} if at is None else {"at": at + n * apart})} for n in range(count)]


def reader(app: Any, topic: str = "orders", **config: Any) -> Any:
    """A consumer of the service's own group that commits nothing by itself and starts at the beginning."""
    return app.consumer(topic, group_id=app.name.rpartition("-")[0], enable_auto_commit=False,
                        auto_offset_reset="earliest", **config)


def shop(*services: Service, inputs: list[dict[str, Any]] | None = None, topics: tuple[str, ...] = (),
         partitions: int = 1, duration: float = 600.0) -> Scenario:
    """Services around the topic `orders` (and others) with these inputs; two unless others are given."""
    rows = orders(2) if inputs is None else inputs
    return Scenario(topics=[Topic("orders", partitions=partitions), *map(Topic, topics)], services=services,
                    inputs={"orders": rows} if rows else {}, brokers=1, duration=duration)
