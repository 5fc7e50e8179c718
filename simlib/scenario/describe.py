"""What a path means, for sliders, docs and tables: label, unit, range, help, and the value in force."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from simlib.scenario.errors import ConfigError
from simlib.scenario.field_info import FieldInfo, info_of, is_number
from simlib.scenario.paths import CONFIG_TABLES, get
from simlib.scenario.plain import Plain
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import (
    resolve_broker,
    resolve_consumer,
    resolve_producer,
    resolve_topic,
)
from simlib.scenario.settings_table import CONSUMER, PRODUCER, SHARE
from simlib.scenario.share_groups import ShareGroup, as_brokers_say, resolve_share_consumer
from simlib.scenario.topology import ConsumerGroup, Producer, Topic


@dataclass(frozen=True)
class Description:
    """One settable value. `value` is what is typed (None: not given), `effective` what is in force."""

    path: str
    label: str
    kind: str  # number | whole | flag | choice | text | distribution | keys | assignors | other
    unit: str
    low: float | None
    high: float | None
    step: float | None
    log: bool
    help: str
    choices: tuple
    value: Any
    effective: Any


def describe(obj: Plain, path: str) -> Description:
    """The metadata of a path. The range is widened to hold the value in force. Raises PathError."""
    value = get(obj, path)
    parent_path, _, leaf = path.rpartition(".")
    parent = get(obj, parent_path)
    info = _info(parent, parent_path, leaf)
    effective = _effective(obj, parent, parent_path, leaf) if value is None else value
    low, high = _range(obj, info, effective, _most(obj, parent, leaf))
    return Description(
        path,
        info.label,
        info.kind,
        info.unit,
        low,
        high,
        info.step,
        info.log,
        info.help,
        info.choices,
        value,
        effective,
    )


def _info(parent: Any, parent_path: str, leaf: str) -> FieldInfo:
    table = CONFIG_TABLES.get(parent_path.rpartition(".")[2], {})
    if leaf in table:
        return table[leaf].info
    known = {each.name: info_of(each) for each in fields(parent)} if isinstance(parent, Plain) else {}
    return known.get(leaf) or FieldInfo(leaf.replace("_", " ").capitalize(), "other")


def _effective(root: Any, parent: Any, parent_path: str, leaf: str) -> Any:
    """The default in force for a value that is not given; None where there is none (no limit, never)."""
    scenario = root if isinstance(root, Scenario) else Scenario(())
    try:
        return getattr(_settings(scenario, parent, parent_path, leaf), leaf, None)
    except ConfigError:
        return None  # contradictory settings have no effective value; validation says what is wrong


def _settings(scenario: Scenario, parent: Any, parent_path: str, leaf: str) -> Any:
    if isinstance(parent, Producer) and leaf in PRODUCER:
        return resolve_producer(scenario.client, parent.overrides())
    if isinstance(parent, ConsumerGroup) and leaf in CONSUMER:
        return resolve_consumer(scenario.client, parent.overrides())
    if isinstance(parent, ShareGroup) and leaf in SHARE:
        return as_brokers_say(resolve_share_consumer(scenario.client, parent.overrides()),
                              resolve_broker(scenario.broker_config))
    if parent_path == "broker_config":
        return resolve_broker(scenario.broker_config)
    topic = get(scenario, parent_path.rpartition(".")[0]) if parent_path.endswith(".config") else None
    return resolve_topic(topic.config, resolve_broker(scenario.broker_config)) if isinstance(topic, Topic) else None


def _most(root: Any, parent: Any, leaf: str) -> float | None:
    """What the rest of the scenario allows at most: no more copies than brokers."""
    copies = isinstance(parent, Topic) and leaf == "replication_factor"
    return root.brokers if copies and isinstance(root, Scenario) else None


def _range(root: Any, info: FieldInfo, value: Any, most: float | None) -> tuple[float | None, float | None]:
    """The slider's range; an instant ends with the scenario."""
    low, high = info.low, info.high if most is None else most
    if high is None and low is not None and info.unit == "s" and isinstance(root, Scenario):
        high = root.duration
    if is_number(value):
        low = low if low is None else min(low, value)
        high = high if high is None else max(high, value)
    return low, high
