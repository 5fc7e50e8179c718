"""A scenario as JSON, and back. Only a scenario without code has a JSON form.

An object is {"type": its class, field: value, ...} with the fields that differ from their default; bytes are
{"type": "bytes", "base64": text}.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from simlib.scenario import distributions, faults, loads, share_groups, topology
from simlib.scenario.check_inputs import json_flaw
from simlib.scenario.errors import ConfigError, ScenarioError, what_exists
from simlib.scenario.plain import Plain, changed_fields
from simlib.scenario.scenario import INPUTS, Scenario

FORMAT = 1
BYTES = "bytes"
RAW = ("config", "broker_config")  # mappings of settings: no objects inside
TYPES: dict[str, type[Plain]] = {
    each.__name__: each
    for each in (
        Scenario,
        topology.Topic,
        topology.Producer,
        topology.ConsumerGroup,
        share_groups.ShareGroup,
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
        given = {name: _encoded_field(name, item) for name, item in changed_fields(value)}
        return {"type": type(value).__name__, **given}
    if isinstance(value, bytes):
        return {"type": BYTES, "base64": b64encode(value).decode("ascii")}
    if isinstance(value, tuple):
        return [encoded(item) for item in value]
    return _json_value(value)


def _json_value(value: Any) -> Any:
    """A value that JSON holds as it stands."""
    if flaw := json_flaw(value):
        raise ScenarioError([f"a value {flaw}"])
    return value


def _encoded_field(name: str, value: Any) -> Any:
    if name == INPUTS and isinstance(value, Mapping):
        return {topic: [_encoded_row(row) for row in rows] for topic, rows in value.items()}
    return encoded(value)


def _encoded_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A record of `inputs`: its value is JSON already, its key and headers may be bytes."""
    return {name: _json_value(item) if name == "value" else _encoded_part(item) for name, item in row.items()}


def _encoded_part(item: Any) -> Any:
    """A key, instant, partition or headers."""
    return {name: encoded(each) for name, each in item.items()} if isinstance(item, Mapping) else encoded(item)


def decoded(form: Any, where: str) -> Any:
    """The reverse of `encoded`."""
    if isinstance(form, list):
        return tuple(decoded(item, f"{where}[{i}]") for i, item in enumerate(form))
    if not isinstance(form, dict):
        return form
    return _bytes(form, where) if form.get("type") == BYTES else _built(form, where)


def _bytes(form: dict[str, Any], where: str) -> bytes:
    try:
        return b64decode(form["base64"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ScenarioError([f"{where}: these are no bytes in base64: {form!r}"]) from error


def _built(form: dict[str, Any], where: str) -> Plain:
    name = form.get("type")
    kind = TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ScenarioError([f"{where}: no such type {name!r}{what_exists(name, TYPES)}"])
    values = {field: _decoded_field(field, item, f"{where}.{field}") for field, item in form.items() if field != "type"}
    try:
        return kind(**values)
    except (ConfigError, TypeError) as error:
        raise ScenarioError([f"{where}: {error}"]) from error


def _decoded_field(name: str, form: Any, where: str) -> Any:
    if name == INPUTS and isinstance(form, dict):
        return {topic: _decoded_rows(rows, f"{where}.{topic}") for topic, rows in form.items()}
    return form if name in RAW else decoded(form, where)


def _decoded_rows(rows: Any, where: str) -> Any:
    """The records of one topic; what is none is left for `check` to refuse."""
    if not isinstance(rows, list):
        return rows
    return [_decoded_row(row, f"{where}[{i}]") if isinstance(row, dict) else row for i, row in enumerate(rows)]


def _decoded_row(row: dict[str, Any], where: str) -> dict[str, Any]:
    return {name: item if name == "value" else _decoded_part(name, item, where) for name, item in row.items()}


def _decoded_part(name: str, item: Any, where: str) -> Any:
    if name == "headers" and isinstance(item, dict):
        return {header: decoded(each, where) for header, each in item.items()}
    return decoded(item, where)
