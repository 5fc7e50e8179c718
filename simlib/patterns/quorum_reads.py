"""How long is "eventually"? Reads of replicated data, by the model of Bailis et al. (PBS, VLDB 2012) [T33].

A write goes to all replicas and is confirmed when `write` of them have answered; a read asks all of them and believes
the newest of the first `read` answers. Each message is delayed by itself. How often does a read that begins t seconds
after the confirmation miss the write?

    fresh = read_after_write(LNKD_DISK, replicas=3, write=1, read=1)
    fresh.chance(0.010)      # of seeing the write 10 ms later: 0.93
    fresh.after(0.999)       # seconds until that chance is 99.9 %

With read + write > replicas every read sees it. This is a model of its own, not a run of the simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simlib.scenario.draws import Stream

Delay = Callable[[np.ndarray], np.ndarray]
"""Uniforms in (0, 1) in, seconds out."""


# -- how long a message takes


def exponential(mean: float) -> Delay:
    """Memoryless, with this mean."""
    return lambda u: -mean * np.log1p(-u)


def pareto(least: float, alpha: float) -> Delay:
    """Never below `least`, with a tail that is the heavier the smaller `alpha` is."""
    return lambda u: least * (1 - u) ** (-1 / alpha)


def mixed(share: float, first: Delay, second: Delay) -> Delay:
    """`first` in this share of the cases, else `second`."""
    return lambda u: np.where(u < share, first(np.minimum(u / share, 1 - 2**-52)),
                              second(np.maximum((u - share) / (1 - share), 0)))


@dataclass(frozen=True)
class Delays:
    """One way each: the write and its answer, the read and its answer.

    `distance`: seconds more to every replica but the one nearby; writer and reader are near any of them.
    """

    write: Delay
    write_answer: Delay
    read: Delay
    read_answer: Delay
    distance: float = 0.0


SSD = mixed(0.9122, pareto(0.235e-3, 10), exponential(1e-3 / 1.66))
LNKD_SSD = Delays(SSD, SSD, SSD, SSD)
"""LinkedIn's Voldemort on solid-state disks, as fitted in the paper."""

LNKD_DISK = Delays(mixed(0.38, pareto(1.05e-3, 1.51), exponential(1e-3 / 0.183)), SSD, SSD, SSD)
"""The same on spinning disks: writes are slow."""

_YMMR = mixed(0.982, pareto(1.5e-3, 3.8), exponential(1e-3 / 0.0217))
YMMR = Delays(mixed(0.939, pareto(3e-3, 3.5), exponential(1e-3 / 0.0028)), _YMMR, _YMMR, _YMMR)
"""Yammer's Riak (3.5 is the exponent of the authors' simulator; their paper prints 3.35)."""

WAN = Delays(LNKD_DISK.write, SSD, SSD, SSD, distance=75e-3)
"""LNKD_DISK with each replica in a data centre of its own, 75 ms apart."""


# -- the model


class Freshness:
    """What came of many trials. `needed`: seconds after the confirmation from which on that read saw the write."""

    def __init__(self, needed: np.ndarray, write_takes: np.ndarray, read_takes: np.ndarray) -> None:
        self.needed = needed
        self.write_takes = write_takes
        self.read_takes = read_takes

    def chance(self, after: float) -> float:
        """The chance that a read sees the write when it begins so many seconds after the confirmation."""
        return float((self.needed <= after).mean())

    def after(self, chance: float) -> float:
        """Seconds after the confirmation from which on a read sees the write with at least this chance."""
        if not 0 < chance < 1:
            raise ValueError(f"after({chance}): a chance between 0 and 1")
        return float(np.quantile(self.needed, chance, method="higher"))


def read_after_write(delays: Delays, replicas: int = 3, write: int = 1, read: int = 1, trials: int = 100_000,
                     seed: int = 0) -> Freshness:
    """Try one write and one read so often. Raises ValueError for quorums that cannot be met."""
    for name, size in (("write", write), ("read", read)):
        if not 1 <= size <= replicas:
            raise ValueError(f"read_after_write({name}={size}): from 1 to replicas={replicas}")
    draw = _Draws(seed, trials, replicas)
    near_writer, near_reader = draw.nearest("writer"), draw.nearest("reader")
    written = draw.delays("write", delays.write) + delays.distance * ~near_writer
    confirmed = written + draw.delays("write answer", delays.write_answer) + delays.distance * ~near_writer
    reached = draw.delays("read", delays.read) + delays.distance * ~near_reader
    answered = reached + draw.delays("read answer", delays.read_answer) + delays.distance * ~near_reader
    write_takes = np.sort(confirmed)[:, write - 1]
    believed = np.argsort(answered)[:, :read]
    late = np.take_along_axis(written - reached, believed, axis=1).min(axis=1)
    return Freshness(np.maximum(late - write_takes, 0.0), write_takes, np.sort(answered)[:, read - 1])


class _Draws:
    """One row a trial, one column a replica."""

    def __init__(self, seed: int, trials: int, replicas: int) -> None:
        self._seed, self._trials, self._replicas = seed, trials, replicas

    def delays(self, what: str, delay: Delay) -> Any:
        uniforms = Stream(self._seed, "quorum reads", what).block(0, self._trials * self._replicas)
        return delay(uniforms).reshape(self._trials, self._replicas)

    def nearest(self, what: str) -> Any:
        """True for the one replica that is nearby."""
        place = Stream(self._seed, "quorum reads", what).block(0, self._trials) * self._replicas
        return np.arange(self._replicas) == place.astype(np.int64)[:, None]
