"""Records that come evenly: a number says when each is created and where it goes, so that none has to be kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from simlib.flow.arrivals import EVER, Arrivals
from simlib.scenario.draws import Stream
from simlib.scenario.loads import InOrder, even_times, key_codes, key_names, mean_rate
from simlib.scenario.settings import ProducerSettings
from simlib.scenario.topology import Producer
from simlib.units import SECOND, nanoseconds


def cycle(producer: Producer, settings: ProducerSettings, partitions: int, seed: int) -> np.ndarray | None:
    """To which partitions records 0, 1, ... go, until it begins again; None if that is drawn for each of them."""
    if partitions == 1:
        return np.zeros(1, np.int64)
    table = Arrivals(producer, settings, partitions, seed, 0.0).partition_of_keys()
    if len(table) and isinstance(producer.key_distribution, InOrder):
        return table
    return table[:1] if len(table) and (table == table[0]).all() else None


class Numbers:
    """The numbers of the records that go to one partition: some places of every cycle, the same each time."""

    def __init__(self, places: np.ndarray, cycle: int) -> None:
        self._places, self._cycle = places, cycle
        self._list: list[int] = places.tolist()

    def of(self, ordinal: int) -> int:
        """Of the how-manieth record of the partition."""
        cycles, place = divmod(ordinal, len(self._list))
        return cycles * self._cycle + self._list[place]

    def of_all(self, ordinals: np.ndarray) -> np.ndarray:
        """The same for many."""
        cycles, place = np.divmod(ordinals, len(self._list))
        return cycles * self._cycle + self._places[place]

    def below(self, number: int) -> int:
        """How many there are below a number."""
        cycles, place = divmod(number, self._cycle)
        return cycles * len(self._list) + bisect_left(self._list, place)


class Reckoned:
    """A column of which nothing is kept. It is read as a `Sliding` one; there is nothing to forget."""

    gone = 0

    def __init__(self, length: int, values: Callable[[np.ndarray], np.ndarray]) -> None:
        """`values`: of the places asked for."""
        self._length = length
        self._values = values

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: Any) -> Any:
        return self._values(place)

    def between(self, first: int, end: int) -> np.ndarray:
        """The values from a place to before another."""
        return self._values(np.arange(first, end))

    def forget(self, before: int) -> None:
        """They can always be reckoned again."""


class Created(Reckoned):
    """When the records of a partition are created (ns)."""

    def __init__(self, start: int, rate: float, numbers: Numbers, length: int) -> None:
        super().__init__(length, lambda ordinals: start + even_times(rate, numbers.of_all(ordinals)))
        self._start, self._rate, self._numbers = start, rate, numbers

    def __getitem__(self, place: Any) -> Any:
        return self._time(self._numbers.of(place)) if place.__class__ is int else self._values(place)

    def _time(self, number: int) -> int:
        return self._start + round(number * float(SECOND) / self._rate)  # as `even_times`, of one

    def upto(self, time: int, first: int, end: int) -> int:
        """Of records first ... end - 1, the first that is created after a time."""
        found = self._numbers.below(created_by(time - self._start, self._rate))
        return first if found < first else end if found > end else found


def created_by(time: int, rate: float) -> int:
    """How many records have come until a time (ns after the first); one that is created then counts."""
    number = max(0, int(time * rate / SECOND))
    while round(number * float(SECOND) / rate) <= time:
        number += 1
    while number and round((number - 1) * float(SECOND) / rate) > time:
        number -= 1
    return number


Columns = tuple[Created, Reckoned, Reckoned]
"""When records are created, their numbers, their keys."""


def lanes(producer: Producer, where: np.ndarray, codes: np.ndarray, seed: int, until: float
          ) -> Iterator[tuple[int, Columns]]:
    """Partition by partition, all that a producer creates before `until` seconds; `where`: see `cycle`."""
    rate, start = mean_rate(producer), nanoseconds(producer.start)
    end = nanoseconds(until if producer.stop is None else min(until, producer.stop))
    records = created_by(end - start - 1, rate) if end > start else 0
    records = records if producer.records is None else min(records, producer.records)
    names_of = _key_codes(producer, codes, seed)
    for partition in np.unique(where).tolist():
        numbers = Numbers(np.flatnonzero(where == partition), len(where))
        length = numbers.below(records)
        if length:
            yield partition, (Created(start, rate, numbers, length), Reckoned(length, numbers.of_all),
                              Reckoned(length, _after(names_of, numbers)))


def _after(names_of: Callable[[np.ndarray], np.ndarray], numbers: Numbers) -> Callable[[np.ndarray], np.ndarray]:
    return lambda ordinals: names_of(numbers.of_all(ordinals))


def _key_codes(producer: Producer, codes: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The keys of records with these numbers."""
    stream, keys = Stream(seed, producer.name, "key"), len(key_names(producer.keys))

    def of(numbers: np.ndarray) -> np.ndarray:
        if keys and isinstance(producer.key_distribution, InOrder):
            return codes[numbers % keys]
        first, end = int(numbers.min(initial=EVER)), int(numbers.max(initial=-1)) + 1
        drawn = key_codes(producer, stream, first, end - first)[numbers - first] if len(numbers) else numbers
        return codes[drawn] if keys else drawn

    return of
