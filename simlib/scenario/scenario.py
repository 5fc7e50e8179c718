"""A scenario: everything that decides a run, as frozen, printable, comparable data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from simlib.scenario.distributions import Distribution
from simlib.scenario.errors import ConfigError, what_exists
from simlib.scenario.faults import Fault
from simlib.scenario.field_info import DISTRIBUTION, LONGEST, declared, how_many
from simlib.scenario.plain import FrozenDict, Plain, changed_fields, freeze, plain, shown
from simlib.scenario.settings_table import CLIENTS
from simlib.scenario.share_groups import ShareGroup
from simlib.scenario.topology import ConsumerGroup, Producer, Service, Topic, numbered

INPUTS = "inputs"  # the name of the process that sends `inputs`
REDIS = "redis-0"  # the name of the process behind every service's `app.redis`


@plain
class Scenario(Plain):
    """A system, its load and its faults. Times are in seconds; 0 is when the load starts.

    `inputs` maps a topic to records in order: mappings with `value` and optionally `key`, `at`, `headers`, `partition`;
    or to a Producer, which then is one of the `producers`.
    """

    topics: tuple[Topic, ...]
    producers: tuple[Producer, ...] = ()
    groups: tuple[ConsumerGroup | ShareGroup, ...] = ()
    services: tuple[Service, ...] = ()
    faults: tuple[Fault, ...] = ()
    inputs: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=FrozenDict)
    brokers: int = how_many("Brokers", 9, help="broker-0, broker-1, ...", default=3)
    controllers: int = declared(
        "Controllers",
        default=1,
        kind="whole",
        low=1,
        high=5,
        step=2,
        minimum=1,
        maximum=5,
        help="controller-0, ...: the active one elects leaders and keeps the in-sync replicas; an odd number.",
    )
    client: str = declared(
        "Client",
        default="kafka-python",
        kind="choice",
        choices=CLIENTS,
        help="Whose defaults and habits producers and consumers have.",
    )
    broker_config: Mapping[str, Any] = field(default_factory=FrozenDict)
    latency: float | Distribution = declared(
        "Latency",
        default=0.0005,
        kind=DISTRIBUTION,
        unit="s",
        low=0.0001,
        high=0.1,
        log=True,
        minimum=0,
        help="One way, on every link.",
    )
    duration: float = declared(
        "Duration",
        default=1_200.0,
        unit="s",
        low=1,
        high=1_200,
        log=True,
        minimum=0,
        maximum=LONGEST,
        exclusive=True,
        help="The run ends here, or earlier when nothing is left to do.",
    )
    seed: int = declared(
        "Seed",
        default=0,
        kind="whole",
        low=0,
        high=100,
        step=1,
        help="Another seed is another run of the same scenario.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        loads = [_load(topic, rows) for topic, rows in self._inputs() if isinstance(rows, Producer)]
        if loads and isinstance(self.producers, tuple):
            rest = {topic: rows for topic, rows in self._inputs() if not isinstance(rows, Producer)}
            object.__setattr__(self, "producers", (*self.producers, *loads))
            object.__setattr__(self, INPUTS, FrozenDict(rest))

    def _inputs(self) -> Iterable[tuple[str, Any]]:
        return self.inputs.items() if isinstance(self.inputs, Mapping) else ()

    def _frozen(self, name: str, value: Any) -> Any:
        if name == INPUTS and isinstance(value, Mapping):
            return FrozenDict({topic: _rows(rows) for topic, rows in value.items()})
        return freeze(value)

    def __repr__(self) -> str:
        lines = [line for name, value in changed_fields(self) for line in _lines(name, value)]
        return "Scenario(\n" + "\n".join(f"    {line}" for line in lines) + "\n)"

    @property
    def broker_names(self) -> tuple[str, ...]:
        return numbered("broker", self.brokers)

    @property
    def controller_names(self) -> tuple[str, ...]:
        return numbered("controller", self.controllers)

    def members_of(self, name: str) -> tuple[str, ...]:
        """The processes of a group or of a service."""
        return _named((*self.groups, *self.services), name, "group or service").members

    def topic(self, name: str) -> Topic:
        return _named(self.topics, name, "topic")

    def producer(self, name: str) -> Producer:
        return _named(self.producers, name, "producer")

    def group(self, name: str) -> ConsumerGroup | ShareGroup:
        return _named(self.groups, name, "group")

    def service(self, name: str) -> Service:
        return _named(self.services, name, "service")

    def process_names(self) -> tuple[str, ...]:
        """Everything that can be killed: members, instances of services, producers, brokers, controllers, Redis."""
        declared: tuple[Any, ...] = (*self.groups, *self.services)
        members = [member for each in declared for member in each.members]
        senders = [producer.name for producer in self.producers] + ([INPUTS] if self.inputs else [])
        redis = (REDIS,) if self.services else ()
        return (*members, *senders, *self.broker_names, *self.controller_names, *redis)


def _named(things: Iterable[Any], name: str, what: str) -> Any:
    """The thing of that name. Raises KeyError with what there is."""
    things = tuple(things)
    for thing in things:
        if thing.name == name:
            return thing
    known = [thing.name for thing in things]
    raise KeyError(f"no {what} {name!r}{what_exists(name, known)}")


def _load(topic: str, producer: Producer) -> Producer:
    """A producer given as the input of a topic: one more of the scenario's producers. Raises ConfigError."""
    if producer.topic != topic:
        raise ConfigError(f'inputs[{topic!r}]: Producer("{producer.name}") sends to {producer.topic!r}; '
                          f"give it topic={topic!r}, or put it under {producer.topic!r}")
    return producer


def _rows(rows: Any) -> Any:
    """The records of one topic: a tuple of frozen mappings whose values are left as they are."""
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        return rows
    return tuple(_row(row) for row in rows)


def _row(row: Any) -> Any:
    if isinstance(row, FrozenDict) or not isinstance(row, Mapping):
        return row
    return FrozenDict({name: item if name == "value" else freeze(item) for name, item in row.items()})


def _lines(name: str, value: Any) -> list[str]:
    """The lines that show one field: a list of objects goes over several."""
    if isinstance(value, tuple) and value and all(isinstance(each, Plain) for each in value):
        return [f"{name}=[", *(f"    {shown(each)}," for each in value), "],"]
    return [f"{name}={shown(value)},"]
