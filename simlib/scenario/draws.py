"""Named draws: draw i of a stream is a function of (seed, names, i) and of nothing else.

A stream is the raw output of NumPy's Philox4x64 bit generator, which is counter-based: any draw is found without making
those before it. NumPy keeps the raw output of its bit generators stable between versions, but not its distributions
(NEP 19), so uniforms are made here.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Philox

if TYPE_CHECKING:
    from simlib.scenario.distributions import Distribution

AHEAD = 512  # draws made at once for a caller who asks for one at a time
WORDS = 4  # numbers Philox makes for one value of its counter


class Draws:
    """Numbered draws; asked for one at a time they are made many at once, and cost well under a microsecond."""

    __slots__ = ("_ahead", "_first")

    def __init__(self) -> None:
        self._first = 0
        self._ahead: list[float] = []

    def at(self, i: int) -> float:
        """Draw number i."""
        place = i - self._first
        if not 0 <= place < len(self._ahead):
            self._first, place = i - i % AHEAD, i % AHEAD
            self._ahead = self.block(self._first, AHEAD).tolist()
        return self._ahead[place]

    def block(self, start: int, n: int) -> np.ndarray:
        """Draws start, start+1, ... start+n-1 as float64: the same numbers as `at` gives."""
        raise NotImplementedError


class Stream(Draws):
    """Uniform draws in (0, 1), numbered from 0, of one role of one actor: `Stream(seed, "billing-0", "service")`."""

    __slots__ = ("_key",)

    def __init__(self, seed: int, *names: str | int):
        super().__init__()
        self._key = _key(int(seed), *names)

    uniform = Draws.at

    def block(self, start: int, n: int) -> np.ndarray:
        skip = start % WORDS
        raw = Philox(key=self._key, counter=start // WORDS).random_raw(skip + n)[skip:]
        return unit_interval(raw)


@lru_cache(maxsize=1_024, typed=True)
def _key(*names: str | int) -> int:
    text = json.dumps(names)
    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=16).digest(), "little")


def unit_interval(raw: np.ndarray) -> np.ndarray:
    """Raw 64-bit integers as doubles strictly inside (0, 1): the top 52 bits, in the middle of their interval."""
    drawn = (raw >> np.uint64(12)).astype(np.float64)
    drawn += 0.5
    drawn *= 2.0**-52
    return drawn


class Sampler(Draws):
    """Draws of a distribution, numbered like its stream's."""

    __slots__ = ("distribution", "stream")

    def __init__(self, distribution: Distribution, stream: Stream):
        super().__init__()
        self.distribution = distribution
        self.stream = stream

    def block(self, start: int, n: int) -> np.ndarray:
        return self.distribution.draws(self.stream, start, n)
