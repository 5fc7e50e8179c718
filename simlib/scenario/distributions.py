"""Distributions of times and rates. Each turns uniforms into its draws by the inverse of its distribution function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from simlib.scenario.draws import Stream
from simlib.scenario.field_info import declared
from simlib.scenario.normal import normal_quantile
from simlib.scenario.plain import Plain, plain


class Distribution(Plain):
    """Base: a subclass gives `mean`, `describe` and `_quantile`."""

    if TYPE_CHECKING:  # a real property would hide the field of the same name in a subclass

        @property
        def mean(self) -> float: ...

    def _quantile(self, u: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def describe(self) -> str:
        """In words, for pictures and tables."""
        raise NotImplementedError

    def scaled(self, u: Any) -> Any:
        """The inverse transform of uniforms in (0, 1): an array for an array, a float for a float."""
        values = self._quantile(np.atleast_1d(np.asarray(u, dtype=np.float64)))
        return values if isinstance(u, np.ndarray) else float(values[0])

    def draws(self, stream: Stream, start: int, n: int) -> np.ndarray:
        """Draws start ... start+n-1 of a stream."""
        return self.scaled(stream.block(start, n))

    def lowest(self) -> float:
        """No draw is below this."""
        return float(self._quantile(np.array([0.0]))[0])


@plain
class Constant(Distribution):
    """Always the same value."""

    value: float = declared("Value", high=10)

    @property
    def mean(self) -> float:
        return self.value

    def describe(self) -> str:
        return f"always {self.value:g}"

    def _quantile(self, u: np.ndarray) -> np.ndarray:
        return np.full_like(u, self.value)

    def draws(self, stream: Stream, start: int, n: int) -> np.ndarray:
        return np.full(n, float(self.value))


@plain
class Exponential(Distribution):
    """Memoryless times with the given mean."""

    mean: float = declared("Mean", low=0.001, high=1, log=True, minimum=0, exclusive=True)

    def describe(self) -> str:
        return f"exponential, mean {self.mean:g}"

    def _quantile(self, u: np.ndarray) -> np.ndarray:
        return -self.mean * np.log1p(-u)


@plain
class Lognormal(Distribution):
    """Skewed times given by their mean and coefficient of variation (`cv`: standard deviation / mean)."""

    mean: float = declared("Mean", low=0.001, high=1, log=True, minimum=0, exclusive=True)
    cv: float = declared("Coefficient of variation", low=0.1, high=3, step=0.1, minimum=0, exclusive=True)

    def describe(self) -> str:
        return f"lognormal, mean {self.mean:g}, coefficient of variation {self.cv:g}"

    def _quantile(self, u: np.ndarray) -> np.ndarray:
        variance = math.log1p(self.cv**2)
        centre = math.log(self.mean) - variance / 2
        return np.exp(centre + math.sqrt(variance) * normal_quantile(u))

    def lowest(self) -> float:
        return 0.0


@plain
class Uniform(Distribution):
    """Every value between `low` and `high` is as likely as any other."""

    low: float = declared("Lowest", high=10)
    high: float = declared("Highest", high=10)

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    def describe(self) -> str:
        return f"uniform from {self.low:g} to {self.high:g}"

    def _quantile(self, u: np.ndarray) -> np.ndarray:
        return self.low + (self.high - self.low) * u


@plain
class Given(Distribution):
    """Given values in order: draw i is value i, from the beginning again when they run out."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    def describe(self) -> str:
        return f"{len(self.values)} given values, mean {self.mean:g}"

    def _quantile(self, u: np.ndarray) -> np.ndarray:
        """The empirical distribution of the values (order does not matter here)."""
        ordered = np.sort(np.array(self.values, dtype=np.float64))
        return ordered[np.minimum((u * len(ordered)).astype(np.int64), len(ordered) - 1)]

    def draws(self, stream: Stream, start: int, n: int) -> np.ndarray:
        places = np.arange(start, start + n) % len(self.values)
        return np.array(self.values, dtype=np.float64)[places]


def as_distribution(value: float | Distribution) -> Distribution:
    """A plain number where a distribution is allowed means a constant."""
    return value if isinstance(value, Distribution) else Constant(value)
