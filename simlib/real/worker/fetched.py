"""Records of kafka-python that a poll brought and that the service has not been handed yet.

They are there when a service stopped waiting before they came. The thread of the consumer adds and drops, the event
loop takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from threading import Lock
from typing import Any

Place = tuple[str, int]
"""(topic, partition), as kafka-python names them."""


class Fetched:
    """In the order in which they came."""

    def __init__(self) -> None:
        self._records: list[Any] = []
        self._lock = Lock()

    def add(self, records: Iterable[Any]) -> None:
        with self._lock:
            self._records += records

    def take(self, wanted: Collection[Place] = (), most: int | None = None) -> list[Any]:
        """The first of these partitions, of any if none is named; they are the service's now."""
        with self._lock:
            taken = [record for record in self._records if not wanted or place_of(record) in wanted][:most]
            numbers = set(map(id, taken))
            self._records = [record for record in self._records if id(record) not in numbers]
        return taken

    def drop(self, places: Collection[Place]) -> None:
        """Partitions that others read from now on, or that are read from elsewhere."""
        with self._lock:
            self._records = [record for record in self._records if place_of(record) not in places]

    def has(self, wanted: Collection[Place] = ()) -> bool:
        """Is there a record of one of these partitions (of any, if none is named)?"""
        with self._lock:
            return any(not wanted or place_of(record) in wanted for record in self._records)

    def first_offsets(self) -> dict[Place, int]:
        """Where each partition that has records here goes on for the service."""
        with self._lock:
            return {place_of(record): record.offset for record in reversed(self._records)}


def place_of(record: Any) -> Place:
    return record.topic, record.partition
