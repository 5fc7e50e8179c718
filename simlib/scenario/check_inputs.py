"""Checks of `inputs`: the records a scenario sends by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from simlib.scenario.errors import did_you_mean, listed, what_exists
from simlib.scenario.field_info import is_number
from simlib.scenario.scenario import Scenario

ROW_KEYS = ("key", "value", "at", "headers", "partition")
MOST = 5  # rows of one topic that are reported one by one


def input_problems(s: Scenario) -> Iterator[str]:
    if not isinstance(s.inputs, Mapping):
        yield f"inputs={s.inputs!r} must map a topic to its records, as in inputs={{'orders': [{{'value': 1}}]}}"
        return
    partitions = {topic.name: topic.partitions for topic in s.topics}
    for topic, rows in s.inputs.items():
        if topic not in partitions:
            yield f"inputs: topic {topic!r} does not exist{what_exists(topic, partitions)}"
        elif not isinstance(rows, tuple):
            yield f"inputs[{topic!r}] must be a list of records, not {type(rows).__name__}"
        else:
            yield from _shortened(list(rows_problems(topic, rows, partitions[topic])), topic)


def _shortened(problems: list[str], topic: str) -> list[str]:
    more = len(problems) - MOST
    return problems[:MOST] + ([f"inputs[{topic!r}]: and {more} more problems of this kind"] if more > 0 else [])


def rows_problems(topic: str, rows: tuple, partitions: int) -> Iterator[str]:
    previous = 0.0
    for number, row in enumerate(rows):
        where = f"inputs[{topic!r}][{number}]"
        if not isinstance(row, Mapping):
            yield f"{where}: {row!r} must be a mapping with a value (a record has: {listed(ROW_KEYS)})"
            continue
        yield from row_problems(row, where, partitions)
        at = row.get("at", 0)
        if is_number(at) and at < previous:
            yield f"{where}: at={at} comes after at={previous}; records are given in order (no at means 0)"
        previous = at if is_number(at) else previous


def row_problems(row: Mapping[str, Any], where: str, partitions: int) -> Iterator[str]:
    for name in row:
        if name not in ROW_KEYS:
            yield f"{where} has {name!r}{did_you_mean(str(name), ROW_KEYS)} (a record has: {listed(ROW_KEYS)})"
    if "value" not in row:
        yield f"{where} has no value"
    elif flaw := json_flaw(row["value"]):
        yield f"{where}: value {flaw}"
    yield from _key_problems(row.get("key"), where)
    yield from _place_problems(row, where, partitions)
    if "headers" in row and not headers_fit(row["headers"]):
        yield f"{where}: headers={row['headers']!r} must map names to str or bytes"


def _key_problems(key: Any, where: str) -> Iterator[str]:
    if key is not None and not isinstance(key, (str, bytes)):
        yield f"{where}: key={key!r} is neither str nor bytes; the bytes decide the partition: write str({key!r})"


def _place_problems(row: Mapping[str, Any], where: str, partitions: int) -> Iterator[str]:
    at, partition = row.get("at", 0), row.get("partition")
    if not is_number(at) or at < 0:
        yield f"{where}: at={at!r} must be a number of seconds, at least 0"
    if partition is None:
        return
    if not isinstance(partition, int) or isinstance(partition, bool) or not 0 <= partition < partitions:
        yield f"{where}: partition={partition!r} must be a whole number from 0 to {partitions - 1}"


def headers_fit(headers: Any) -> bool:
    """Headers are a mapping, or a list of pairs, of names to str or bytes; None is none."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers if isinstance(headers, (list, tuple)) else None
    if pairs is None:
        return headers is None
    return all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], (str, bytes))
        for pair in pairs
    )


def json_flaw(value: Any) -> str | None:
    """Why a value would not come back from JSON as it was; None if it would."""
    if value is None or type(value) in (str, bool, int):
        return None
    if type(value) is float:
        return None if math.isfinite(value) else f"{value!r} is not finite, which JSON cannot hold"
    if isinstance(value, Mapping):
        bad = next((key for key in value if not isinstance(key, str)), None)
        return (
            f"has the key {bad!r}; keys of a JSON object are texts" if bad is not None else _first_flaw(value.values())
        )
    if type(value) is list:
        return _first_flaw(value)
    if type(value) is tuple:
        return f"{value!r} is a tuple, which JSON makes a list; write a list"
    return f"{value!r} is of type {type(value).__name__}, which JSON does not know; use text, numbers, lists and dicts"


def _first_flaw(values: Any) -> str | None:
    return next((flaw for value in values if (flaw := json_flaw(value))), None)
