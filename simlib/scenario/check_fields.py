"""Checks of single values: each field against its metadata, each setting against its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from simlib.scenario.distributions import Distribution, Exponential, Given, Lognormal, Uniform
from simlib.scenario.field_info import DISTRIBUTION, info_of, is_number
from simlib.scenario.filling import complaint
from simlib.scenario.plain import Plain
from simlib.scenario.settings_table import CONSUMER, PRODUCER, SHARE

CLIENT_SETTINGS = (PRODUCER, CONSUMER, SHARE)
CHECKED_KINDS = ("number", "whole", "flag", "choice", "text", DISTRIBUTION)


def label(thing: Plain) -> str:
    """How a problem names an object: Producer("shop")."""
    first = getattr(thing, fields(thing)[0].name)
    shown = f'"{first}"' if isinstance(first, str) else repr(first)
    return f"{type(thing).__name__}({shown})"


def field_problems(thing: Plain, where: str | None = None) -> Iterator[str]:
    """Fields whose value their metadata does not allow; client settings are left to `setting_problems`."""
    where = label(thing) if where is None else where
    for each in fields(thing):
        info, value = info_of(each), getattr(thing, each.name)
        if info is None or info.kind not in CHECKED_KINDS or any(each.name in table for table in CLIENT_SETTINGS):
            continue
        if info.kind == DISTRIBUTION and isinstance(value, Distribution):
            yield from distribution_problems(value, f"{where}: {each.name}", info.minimum)
        elif wrong := info.complaint(value):
            yield f"{where}: {each.name}={value!r} {wrong}"


def distribution_problems(value: Distribution, where: str, minimum: float | None = 0) -> Iterator[str]:
    """What is wrong with a distribution, or with using it where nothing may be below `minimum`."""
    own = list(field_problems(value, f"{where}={value!r}")) + list(_own_rules(value, where))
    yield from own
    if not own and minimum is not None and value.lowest() < minimum:
        yield f"{where}={value!r} can be below {minimum:g}, which a time or a rate cannot"


def _own_rules(value: Distribution, where: str) -> Iterator[str]:
    if isinstance(value, Uniform) and is_number(value.low) and is_number(value.high) and value.low > value.high:
        yield f"{where}={value!r}: low must not be above high"
    if isinstance(value, Given) and not (
        isinstance(value.values, tuple) and value.values and all(map(is_number, value.values))
    ):
        yield f"{where}={value!r}: values must be a list of numbers that is not empty"


def rate_problems(rate: Distribution, where: str) -> Iterator[str]:
    """A rate that is drawn for each gap must stay clear of 0: the gap is its reciprocal."""
    if isinstance(rate, Exponential):
        yield (
            f"{where}={rate!r}: a rate so often near 0 makes gaps without a mean; "
            f'for random arrivals use rate={rate.mean!r}, arrivals="poisson"'
        )
    elif not isinstance(rate, Lognormal) and rate.lowest() <= 0:
        yield f"{where}={rate!r} can be 0 or below; a rate must stay above 0"


def setting_problems(owner: str, client: str, given: Mapping[str, Any], where: str) -> Iterator[str]:
    """Settings that are unknown, belong to the other client, or have a value that is not allowed."""
    for name, value in given.items():
        if wrong := complaint(owner, client, name, value):
            yield f"{where}: {wrong}"
