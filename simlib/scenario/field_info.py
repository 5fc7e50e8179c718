"""What a settable field is: label, unit, range, help. Sliders, docs and errors are fed from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, TypeGuard

DISTRIBUTION = "distribution"  # a number or a distribution of numbers
LONGEST = 2_000_000  # seconds (23 days): every instant and every sum of gaps fits into 64 bits of nanoseconds


@dataclass(frozen=True)
class FieldInfo:
    """Metadata of one field. `low`, `high`, `step`, `log` are the slider's; `minimum` and `maximum` what is allowed."""

    label: str
    kind: str = "number"  # number | whole | flag | choice | text | distribution
    unit: str = ""
    low: float | None = None
    high: float | None = None  # None for an instant: the scenario's duration
    step: float | None = None
    log: bool = False
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive: bool = False  # `minimum` itself is refused
    choices: tuple = ()
    optional: bool = False

    def complaint(self, value: Any) -> str | None:
        """What is wrong with a value, as "must be ..."; None if it is fine."""
        if value is None and self.optional:
            return None
        if self.kind == "flag":
            return None if isinstance(value, bool) else "must be True or False"
        if self.kind == "choice":
            return None if is_one_of(value, self.choices) else f"must be one of {', '.join(map(repr, self.choices))}"
        if self.kind == "text":
            return None if isinstance(value, str) and value else "must be a text that is not empty"
        return self._numeric_complaint(value)

    def _numeric_complaint(self, value: Any) -> str | None:
        if not is_number(value) or (self.kind == "whole" and not isinstance(value, Integral)):
            return f"must be {self.allowed()}"
        below = self.minimum is not None and (value <= self.minimum if self.exclusive else value < self.minimum)
        above = self.maximum is not None and value > self.maximum
        return f"must be {self.allowed()}" if below or above else None

    def allowed(self) -> str:
        """The allowed numbers in words: "a whole number, at least 1"."""
        words = "a whole number" if self.kind == "whole" else "a number"
        if self.unit and self.unit != "%":
            words += f" ({self.unit})"
        if self.minimum is not None and self.minimum == self.maximum:
            return f"{words}, exactly {self.minimum:.12g}"
        if self.minimum is not None:
            words += f"{' above' if self.exclusive else ', at least'} {self.minimum:.12g}"
        if self.maximum is not None:
            words += f"{' and' if self.minimum is not None else ','} at most {self.maximum:.12g}"
        return words + (" or a distribution" if self.kind == DISTRIBUTION else "")


def is_number(value: Any) -> TypeGuard[float]:
    """A finite real number; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return isinstance(value, Integral) or math.isfinite(value)


def is_one_of(value: Any, choices: tuple) -> bool:
    """Membership by value and type: True is not the choice 1."""
    return any(value == each and type(value) is type(each) for each in choices)


def declared(label: str | FieldInfo, *, default: Any = ..., **about: Any) -> Any:
    """A dataclass field that carries its FieldInfo, ready-made or by its label and the rest."""
    info = FieldInfo(label, **about) if isinstance(label, str) else label
    info = replace(info, optional=info.optional or default is None)
    given: Mapping[str, Any] = {} if default is ... else {"default": default}
    return field(metadata={"info": info}, **given)


def how_many(label: str, high: int, help: str, default: int = 1) -> Any:
    """A dataclass field for a number of things: at least 1, and up to `high` on a slider."""
    return declared(label, default=default, kind="whole", low=1, high=high, step=1, minimum=1, help=help)


def info_of(each: Any) -> FieldInfo | None:
    """The FieldInfo of a dataclass field, if it has one."""
    return each.metadata.get("info")
