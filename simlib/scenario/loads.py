"""When a producer's records are created, and with which keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from simlib.scenario.distributions import Constant, Distribution, Exponential
from simlib.scenario.draws import Stream
from simlib.scenario.field_info import LONGEST, declared
from simlib.scenario.plain import Plain, plain
from simlib.units import SECOND

if TYPE_CHECKING:
    from simlib.scenario.topology import Producer

BLOCK = 4_096
DRAWN_AT_ONCE = 16_384  # keys: few enough that the processor's cache holds them


class Arrivals(Plain):
    """Base of the arrival processes that are objects."""


@plain
class Bursts(Arrivals):
    """`size` records at one instant, every `every` seconds; the first burst at the producer's start."""

    size: int = declared("Burst size", kind="whole", low=1, high=500, minimum=1)
    every: float = declared("Burst every", unit="s", low=0.1, high=60, minimum=0, exclusive=True)


@plain
class Replay(Arrivals):
    """Given instants in seconds after the producer's start, in order; no record after the last."""

    times: tuple[float, ...]


class KeyDistribution(Plain):
    """Base of the key distributions: how likely each key is, from the first to the last."""

    def weights(self, keys: int) -> np.ndarray:
        raise NotImplementedError


@plain
class Zipf(KeyDistribution):
    """The k-th key is as likely as k ** -s: few customers order most."""

    s: float = declared("Zipf exponent", default=1.0, low=0, high=3, step=0.1, minimum=0)

    def weights(self, keys: int) -> np.ndarray:
        return np.arange(1, keys + 1, dtype=np.float64) ** -self.s


@plain
class Weights(KeyDistribution):
    """Given weights, one for each key; they need not sum to one."""

    values: tuple[float, ...]

    def weights(self, keys: int) -> np.ndarray:
        return np.array(self.values, dtype=np.float64)


@plain
class InOrder(KeyDistribution):
    """No draw: record i has key i, from the first again when they run out."""

    def weights(self, keys: int) -> np.ndarray:
        return np.ones(keys)


def key_names(keys: int | tuple | None) -> tuple[str | bytes, ...]:
    """The keys of a producer: a number n means key-0 ... key-(n-1); None means none (null keys)."""
    if isinstance(keys, int):
        return _numbered(keys)
    return () if keys is None else tuple(keys)


@lru_cache(maxsize=8)
def _numbered(keys: int) -> tuple[str, ...]:
    return tuple([f"key-{i}" for i in range(keys)])


def key_codes(producer: Producer, stream: Stream, start: int, n: int) -> np.ndarray:
    """Places in `key_names(producer.keys)` of records start ... start+n-1 (int32; -1 is the null key)."""
    keys = producer.keys if isinstance(producer.keys, int) else len(key_names(producer.keys))
    if not keys:
        return np.full(n, -1, dtype=np.int32)
    if isinstance(producer.key_distribution, InOrder):
        return (np.arange(start, start + n) % keys).astype(np.int32)
    shares = None if producer.key_distribution is None else np.cumsum(producer.key_distribution.weights(keys))
    codes = np.empty(n, dtype=np.int32)
    for begin in range(0, n, DRAWN_AT_ONCE):
        u = stream.block(start + begin, min(DRAWN_AT_ONCE, n - begin))
        codes[begin : begin + len(u)] = (u * keys if shares is None else
                                         np.minimum(np.searchsorted(shares, u * shares[-1], side="right"), keys - 1))
    return codes


def arrival_times(producer: Producer, stream: Stream, until: float) -> np.ndarray:
    """The instants (int64 ns) before `until` seconds at which the producer creates its records 0, 1, ..."""
    blocks = list(arrival_blocks(producer, stream, until))
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)


def arrival_blocks(
    producer: Producer, stream: Stream, until: float, start: float | None = None, first: int = 0
) -> Iterator[np.ndarray]:
    """The same in blocks of at most 4,096 records.

    `start` and `first` continue a producer whose rate has changed: record `first` is the first reckoned from `start`.
    """
    begin = producer.start if start is None else start
    end = until if producer.stop is None else min(until, producer.stop)
    offset = round(begin * SECOND)
    last = round(end * SECOND)
    for times in _offsets(producer, stream, first):
        inside = times[: np.searchsorted(times, last - offset, side="left")] + offset
        if len(inside):
            yield inside
        if len(inside) < len(times):
            return


def arrivals_before(horizon: int, rest: np.ndarray, blocks: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Times before a horizon (ns), and what is left for later of the last block looked at; `rest` was left before."""
    parts = [rest]
    while not len(parts[-1]) or parts[-1][-1] < horizon:
        block = next(blocks, None)
        if block is None:
            break
        parts.append(block)
    times = np.concatenate(parts)
    cut = int(np.searchsorted(times, horizon))
    return times[:cut], times[cut:]


def _offsets(producer: Producer, stream: Stream, first: int) -> Iterator[np.ndarray]:
    """Times since the start (int64 ns) of records first, first+1, ... in blocks, until the producer has no more."""
    number, carry = first, 0
    while producer.records is None or number < producer.records:
        n = BLOCK if producer.records is None else min(BLOCK, producer.records - number)
        times, carry = _block(producer, stream, number, n, first, carry)
        if not len(times):
            return
        yield times
        number += len(times)


def _block(producer: Producer, stream: Stream, number: int, n: int, first: int, carry: int) -> tuple[np.ndarray, int]:
    """Records number ... number+n-1 (fewer at the end of a replay) and the sum of gaps so far."""
    arrivals, since = producer.arrivals, np.arange(number - first, number - first + n)
    if isinstance(arrivals, Replay):
        return _nanoseconds(np.array(arrivals.times[number : number + n], dtype=np.float64)), 0
    if isinstance(arrivals, Bursts):
        return _nanoseconds((since // arrivals.size) * arrivals.every), 0
    gaps = _gaps(producer)
    if gaps is None:
        return even_times(mean_rate(producer), since), 0
    # Gaps are rounded to ns and summed as integers, so that the sum does not depend on the blocks. None that was drawn
    # is rounded to nothing: at one instant it would be up to the clients which record goes first.
    drawn = gaps.draws(stream, number, n)
    times = carry + np.cumsum(np.maximum(_nanoseconds(drawn), drawn > 0))
    return times, int(times[-1])


def even_times(rate: float, numbers: np.ndarray) -> np.ndarray:
    """When records that come evenly are created, counted from the first (int64 ns)."""
    return _whole(numbers * float(SECOND) / rate)


def comes_evenly(producer: Producer) -> bool:
    """Are its records always as far apart, so that the number of one decides when it is created?"""
    return producer.arrivals == "constant" and _gaps(producer) is None


def _gaps(producer: Producer) -> Distribution | None:
    """The distribution of the time between records; None if they come evenly."""
    if isinstance(producer.arrivals, Distribution):
        return producer.arrivals
    if producer.arrivals == "poisson":
        return Exponential(1 / mean_rate(producer))
    if isinstance(producer.rate, Distribution) and not isinstance(producer.rate, Constant):
        return _Reciprocal(producer.rate)
    return None


def mean_rate(producer: Producer) -> float:
    """Records per second on average. Raises ValueError for arrivals that need no rate."""
    if producer.rate is None:
        raise ValueError(f"{producer!r} has no rate")
    return producer.rate.mean if isinstance(producer.rate, Distribution) else producer.rate


@plain
class _Reciprocal(Distribution):
    """Gaps of a producer whose rate is drawn anew for each record."""

    rate: Distribution

    def draws(self, stream: Stream, start: int, n: int) -> np.ndarray:
        return 1.0 / self.rate.draws(stream, start, n)


def _nanoseconds(seconds: np.ndarray) -> np.ndarray:
    return _whole(seconds * SECOND)


def _whole(nanoseconds: np.ndarray) -> np.ndarray:
    """Rounded; nothing is longer than LONGEST, so that the sum of a block of gaps fits into 64 bits."""
    return np.rint(np.minimum(nanoseconds, LONGEST * SECOND)).astype(np.int64)
