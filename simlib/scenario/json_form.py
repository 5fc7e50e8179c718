"""A scenario as JSON, and back. Only a scenario without code has a JSON form.

An object is {"type": its class, field: value, ...} with the fields that differ from their default; bytes are
{"base64": text}.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from simlib.scenario import distributions, faults, loads, topology
from simlib.scenario.check_inputs import json_flaw
from simlib.scenario.errors import ConfigError, ScenarioError, what_exists
from simlib.scenario.plain import Plain, changed_fields
from simlib.scenario.scenario import INPUTS, Scenario

FORMAT = 1
RAW = ("config", "broker_config")  # mappings of settings: no objects inside
TYPES: dict[str, type[Plain]] = {
    each.__name__: each
    for each in (
        Scenario,
        topology.Topic,
        topology.Producer,
        topology.ConsumerGroup,
        *faults.FAULTS,
        distributions.Constant,
        distributions.Exponential,
        distributions.Lognormal,
        distributions.Uniform,
        distributions.Given,
        loads.Bursts,
        loads.Replay,
        loads.Zipf,
        loads.Weights,
        loads.InOrder,
    )
}


def to_json(scenario: Scenario, indent: int | None = 2) -> str:
    """The JSON text of a scenario. Raises ScenarioError where it holds code or a value that JSON does not know."""
    code = [
        f'Service("{each.name}") is code, which JSON cannot hold; keep the scenario as Python'
        for each in scenario.services
    ]
    if code:
        raise ScenarioError(code)
    form = {"format": FORMAT, **encoded(scenario)}
    return json.dumps(form, indent=indent, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Scenario:
    """The scenario of a JSON text made by `to_json`. Raises ScenarioError naming what cannot be read."""
    try:
        form = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScenarioError([f"this is not JSON: {error}"]) from error
    version = form.pop("format", None) if isinstance(form, dict) else None
    if version != FORMAT:
        raise ScenarioError([f'a scenario in JSON has "format": {FORMAT}, this text has {version!r}'])
    found = decoded(form, "scenario")
    if not isinstance(found, Scenario):
        raise ScenarioError([f'the outermost object must have "type": "Scenario", not {form.get("type")!r}'])
    return found


def encoded(value: Any) -> Any:
    """Objects, tuples and bytes as JSON's dicts, lists and texts."""
    if isinstance(value, Plain):
        return {
            "type": type(value).__name__,
            **{name: _encoded_field(name, item) for name, item in changed_fields(value)},
        }
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode("ascii")}
    if isinstance(value, (tuple, list)):
        return [encoded(item) for item in value]
    if flaw := json_flaw(value):
        raise ScenarioError([flaw])
    return value


def _encoded_field(name: str, value: Any) -> Any:
    if name == INPUTS and isinstance(value, Mapping):
        return {topic: [_encoded_row(row) for row in rows] for topic, rows in value.items()}
    return encoded(value)


def _encoded_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A record of `inputs`: its value is JSON as it stands, its key and headers may be bytes."""
    return {name: _encoded_headers(item) if name == "headers" else encoded(item) for name, item in row.items()}


def _encoded_headers(headers: Any) -> Any:
    if isinstance(headers, Mapping):
        return {name: encoded(item) for name, item in headers.items()}
    return encoded(headers)


def decoded(form: Any, where: str) -> Any:
    """The reverse of `encoded`."""
    if isinstance(form, list):
        return tuple(decoded(item, f"{where}[{i}]") for i, item in enumerate(form))
    if not isinstance(form, dict):
        return form
    if "base64" in form:
        return b64decode(form["base64"])
    return _built(form, where)


def _built(form: dict[str, Any], where: str) -> Plain:
    name = form.get("type")
    kind = TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ScenarioError(
            [f"{where}: no such type {name!r}{what_exists(name, TYPES)}"]
        )
    values = {field: _decoded_field(field, item, f"{where}.{field}") for field, item in form.items() if field != "type"}
    try:
        return kind(**values)
    except (ConfigError, TypeError) as error:
        raise ScenarioError([f"{where}: {error}"]) from error


def _decoded_field(name: str, form: Any, where: str) -> Any:
    if name == INPUTS and isinstance(form, dict):
        return {topic: [_decoded_row(row, f"{where}.{topic}") for row in rows] for topic, rows in form.items()}
    return form if name in RAW else decoded(form, where)


def _decoded_row(row: Any, where: str) -> dict[str, Any]:
    return {name: item if name == "value" else _decoded_part(item, where) for name, item in row.items()}


def _decoded_part(item: Any, where: str) -> Any:
    """A key, instant, partition or headers of a record."""
    if isinstance(item, dict) and "base64" not in item:
        return {name: decoded(each, where) for name, each in item.items()}
    return decoded(item, where)
