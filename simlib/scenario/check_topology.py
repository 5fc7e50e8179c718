"""Checks of topics, producers, groups and services, alone and against each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from simlib.scenario.async_functions import is_async, takes_one
from simlib.scenario.check_fields import (
    distribution_problems,
    field_problems,
    label,
    rate_problems,
    setting_problems,
)
from simlib.scenario.distributions import Distribution
from simlib.scenario.errors import ConfigError, listed, what_exists
from simlib.scenario.field_info import is_number
from simlib.scenario.filling import normal_form
from simlib.scenario.group_protocols import group_problem
from simlib.scenario.loads import Arrivals, Bursts, InOrder, KeyDistribution, Replay, Weights, key_names
from simlib.scenario.scenario import INPUTS, Scenario
from simlib.scenario.settings import resolve_broker, resolve_consumer, resolve_producer, resolve_topic
from simlib.scenario.settings_table import CLIENTS
from simlib.scenario.share_groups import ShareGroup, lock_problem, resolve_share_consumer
from simlib.scenario.topology import ConsumerGroup, Producer, Service, Topic

NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
MOST_KEYS = 10_000_000


def topology_problems(s: Scenario) -> Iterator[str]:
    yield from field_problems(s, "Scenario")
    yield from controller_problems(s)
    yield from broker_problems(s)
    yield from name_problems(s)
    for topic in s.topics:
        yield from topic_problems(s, topic)
    for producer in s.producers:
        yield from producer_problems(s, producer)
    for group in s.groups:
        yield from group_problems(s, group)
    for service in s.services:
        yield from service_problems(service)


def controller_problems(s: Scenario) -> Iterator[str]:
    """Two can lose no more than one can, for a majority of two is two."""
    if s.controllers in (2, 4):
        yield (f"Scenario: controllers={s.controllers}: take 1, 3 or 5; a majority decides, so of {s.controllers} "
               f"no more may fail than of {s.controllers - 1}")


def broker_problems(s: Scenario) -> Iterator[str]:
    where = "Scenario: broker_config"
    if not isinstance(s.broker_config, Mapping):
        yield f"{where}={s.broker_config!r} must be a mapping of broker settings to values"
        return
    single = list(setting_problems("broker", "java", s.broker_config, where))
    yield from single or _refusal(where, resolve_broker, s.broker_config)


def name_problems(s: Scenario) -> Iterator[str]:
    things: tuple[Any, ...] = (*s.topics, *s.groups, *s.services, *s.producers)
    for thing in things:
        if not NAME.fullmatch(thing.name):
            yield f"{label(thing)}: a name is 1 to 249 letters, digits, '.', '_' or '-'"
    for name in repeated(topic.name for topic in s.topics):
        yield f'Topic("{name}"): there are several topics of this name; names are unique'
    declared = [thing.name for thing in things[len(s.topics) :]]
    doubles = repeated([*declared, *s.broker_names, *s.controller_names, *([INPUTS] if s.inputs else [])])
    for name in doubles:
        yield f'"{name}": names are unique over groups, services, producers, brokers, controllers and {INPUTS}'
    for name in repeated(s.process_names()):
        if name not in doubles and name.rpartition("-")[0] not in doubles:
            yield f'"{name}": two processes would have this name; rename a producer, group or service'


def repeated(names: Any) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def topic_problems(s: Scenario, topic: Topic) -> Iterator[str]:
    yield from field_problems(topic)
    if is_number(topic.replication_factor) and topic.replication_factor > s.brokers:
        yield (
            f"{label(topic)}: replication_factor={topic.replication_factor} needs as many brokers, "
            f"but this scenario has {s.brokers} (brokers={s.brokers})"
        )
    if not isinstance(topic.config, Mapping):
        yield f"{label(topic)}: config={topic.config!r} must be a mapping of topic settings to values"
    else:
        where = f"{label(topic)}: config"
        single = list(setting_problems("topic", "java", topic.config, where))
        yield from single or _refusal(where, resolve_topic, topic.config, resolve_broker({}))


def producer_problems(s: Scenario, producer: Producer) -> Iterator[str]:
    where = label(producer)
    yield from field_problems(producer)
    yield from topic_name_problems(s, producer.topic, where, "sends to")
    yield from arrival_problems(producer, where)
    yield from key_problems(producer, where)
    start, stop = producer.start, producer.stop
    if is_number(start) and is_number(stop) and not start < stop:
        yield f"{where}: stop={stop} must be after start={start}"
    if s.client in CLIENTS:
        overrides = normal_form(producer.overrides())
        single = list(setting_problems("producer", s.client, overrides, where))
        yield from single or _refusal(where, resolve_producer, s.client, overrides) or _transaction_refusal(s, producer)


def topic_name_problems(s: Scenario, name: Any, where: str, does: str) -> Iterator[str]:
    known = [topic.name for topic in s.topics]
    if name is None or name == "" or name == ():
        yield f"{where} {does} no topic; give one of: {listed(known)}"
    elif not isinstance(name, str):
        yield f"{where}: topic={name!r} must be the name of a topic"
    elif name not in known:
        yield f"{where} {does} topic {name!r}, which does not exist{what_exists(name, known)}"


def arrival_problems(producer: Producer, where: str) -> Iterator[str]:
    arrivals, rate = producer.arrivals, producer.rate
    if isinstance(arrivals, (Arrivals, Distribution)):
        if rate is not None:
            yield f"{where}: rate={rate!r} says nothing new beside arrivals={arrivals!r}; leave it out"
        yield from _arrivals_object_problems(arrivals, where)
    elif arrivals not in ("constant", "poisson"):
        yield (
            f'{where}: arrivals={arrivals!r} must be "constant", "poisson", Bursts(size, every), Replay(times) '
            "or a distribution of the gaps"
        )
    elif rate is None:
        yield f"{where}: rate is missing; give records per second, such as rate=60"
    elif isinstance(rate, Distribution):
        if arrivals == "poisson":
            yield f'{where}: rate={rate!r} must be a number with arrivals="poisson"'
        elif not list(distribution_problems(rate, where, None)):
            yield from rate_problems(rate, f"{where}: rate")


def _arrivals_object_problems(arrivals: Arrivals | Distribution, where: str) -> Iterator[str]:
    if isinstance(arrivals, Bursts):
        yield from field_problems(arrivals, f"{where}: arrivals={arrivals!r}")
    elif isinstance(arrivals, Replay):
        if not _rising(arrivals.times):
            yield f"{where}: arrivals=Replay(times): times must be a list of numbers, not below 0 and never falling"
    elif isinstance(arrivals, Distribution):
        wrong = list(distribution_problems(arrivals, f"{where}: arrivals"))
        yield from wrong
        if not wrong and arrivals.mean <= 0:
            yield f"{where}: arrivals={arrivals!r}: gaps of 0 never end; the mean must be above 0"


def _rising(times: Any) -> bool:
    return (
        isinstance(times, tuple)
        and all(map(is_number, times))
        and (not times or times[0] >= 0)
        and all(a <= b for a, b in pairwise(times))
    )


def key_problems(producer: Producer, where: str) -> Iterator[str]:
    keys, choice = producer.keys, producer.key_distribution
    if isinstance(keys, bool) or not (keys is None or isinstance(keys, int) or isinstance(keys, tuple)):
        yield f"{where}: keys={keys!r} must be how many keys, a list of keys, or None"
        return
    if keys is not None and (keys == () or isinstance(keys, int) and not 1 <= keys <= MOST_KEYS):
        yield f"{where}: keys={keys!r} must be at least one key (None is the null key) and at most {MOST_KEYS}"
        return
    for key in keys if isinstance(keys, tuple) else ():
        if not isinstance(key, (str, bytes)):
            yield f"{where}: key {key!r} is neither str nor bytes; the bytes decide the partition: write str({key!r})"
    if choice is not None:
        yield from _key_distribution_problems(producer, choice, where)


def _key_distribution_problems(producer: Producer, choice: Any, where: str) -> Iterator[str]:
    if not isinstance(choice, KeyDistribution):
        yield f"{where}: key_distribution={choice!r} must be Zipf(s), Weights([...]), InOrder() or None (uniform)"
        return
    if producer.keys is None:
        yield f"{where}: key_distribution={choice!r} needs keys; give keys=30, say"
    yield from (
        field_problems(choice, f"{where}: key_distribution={choice!r}")
        if not isinstance(choice, (Weights, InOrder))
        else ()
    )
    if isinstance(choice, Weights):
        yield from _weights_problems(producer, choice, where)


def _weights_problems(producer: Producer, weights: Weights, where: str) -> Iterator[str]:
    values = weights.values
    if not (isinstance(values, tuple) and all(is_number(v) and v >= 0 for v in values) and sum(values) > 0):
        yield f"{where}: key_distribution={weights!r}: weights must be numbers, not below 0 and not all 0"
    elif producer.keys is not None and len(values) != len(key_names(producer.keys)):
        yield f"{where}: key_distribution has {len(values)} weights for {len(key_names(producer.keys))} keys"


def group_problems(s: Scenario, group: ConsumerGroup | ShareGroup) -> Iterator[str]:
    where = label(group)
    yield from field_problems(group)
    names = group.topics if isinstance(group.topic, tuple) and group.topic else (group.topic,)
    for name in names:
        yield from topic_name_problems(s, name, where, "reads")
    if s.client not in CLIENTS:
        return
    if isinstance(group, ShareGroup):
        yield from _share_problems(s, where, group.overrides())
        return
    overrides = normal_form(group.overrides())
    single = list(setting_problems("consumer", s.client, overrides, where))
    yield from (single or _refusal(where, resolve_consumer, s.client, overrides)
                or _coordinator_refusal(s, where, overrides))


def _share_problems(s: Scenario, where: str, overrides: Mapping[str, Any]) -> list[str]:
    single = list(setting_problems("share consumer", s.client, overrides, where))
    try:
        broker = resolve_broker(s.broker_config)
    except (ConfigError, AttributeError):
        return single  # broker_problems has said so already
    problem = None if single else lock_problem(resolve_share_consumer(s.client, overrides), broker)
    return [f"{where}: {problem}"] if problem else single


def _refusal(where: str, resolve: Any, *args: Any) -> list[str]:
    """The rules between settings, where each by itself is fine."""
    try:
        resolve(*args)
    except ConfigError as error:
        return [f"{where}: {error}"]
    return []


def _transaction_refusal(s: Scenario, producer: Producer) -> list[str]:
    """What the transaction coordinator would refuse (INVALID_TRANSACTION_TIMEOUT)."""
    if producer.transactional_id is None:
        return []
    try:
        most = resolve_broker(s.broker_config).transaction_max_timeout_ms
    except (ConfigError, AttributeError):
        return []  # broker_problems has said so already
    given = resolve_producer(s.client, normal_form(producer.overrides())).transaction_timeout_ms
    if 0 < given <= most:
        return []
    return [f"{label(producer)}: transaction_timeout_ms={given:g} is refused by the brokers, who allow up to {most:g}; "
            "change it, or broker_config's transaction_max_timeout_ms"]


def _coordinator_refusal(s: Scenario, where: str, overrides: Mapping[str, Any]) -> list[str]:
    try:
        broker = resolve_broker(s.broker_config)
    except (ConfigError, AttributeError):
        return []  # broker_problems has said so already
    problem = group_problem(resolve_consumer(s.client, overrides), broker)
    return [f"{where}: {problem}"] if problem else []


def service_problems(service: Service) -> Iterator[str]:
    yield from field_problems(service)
    main, where = service.main, label(service)
    if not is_async(main):
        yield f"{where}: main must be an `async def` that takes app, not {main!r}"
    elif not takes_one(main):
        yield f"{where}: main must take exactly one argument, as in `async def main(app):`"
