"""The messages of a real run: what became of each as its producer saw it, and its copies in the logs at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simlib.trace.recorder import ACKED, ACKED_UNKNOWN, LOST_WITH_PRODUCER, REFUSED, TIMED_OUT, Recorder
from simlib.units import SECOND

TIMEOUTS = ("KafkaTimeoutError",)

Place = tuple[str, int, int]
"""(topic, partition, offset)"""


@dataclass
class Message:
    """One message on its way."""

    producer: str
    number: int
    topic: str
    key: Any
    value: Any
    size: int
    created: int
    partition: int = -1
    offset: int = -1
    ack: tuple[int, int, int] | None = None
    """When, outcome, error."""
    places: list[tuple[int, int]] = field(default_factory=list)
    """(partition, offset) of each copy in the final log."""
    lane: int = -1
    ordinal: int = -1


class CollectedMessages:
    """First `note` every mark, then `lay_out`; after that the rest."""

    def __init__(self, recorder: Recorder, actors: dict[str, int], tp: Callable[[str, int], int]) -> None:
        self._recorder, self._actors, self._tp = recorder, actors, tp
        self._messages: dict[str, Message] = {}
        self._deaths: list[tuple[int, str]] = []

    def get(self, message: str | None) -> Message | None:
        """The message of this id; None for one that nobody has noted."""
        return self._messages.get(message or "")

    # -- what was seen of them

    def note(self, at: int, name: str, kind: str, details: list[Any]) -> None:
        """A mark of the process `name`, if it says something of a message."""
        if kind == "produced":
            number, topic, key, value, size = details
            self._messages[f"{name}:{number}"] = Message(name, number, topic, key, value, size, at)
        elif kind == "acked":
            message = self._messages[f"{name}:{details[0]}"]
            message.partition, message.offset = details[1], details[2]
            message.ack = (at, ACKED if details[2] >= 0 else ACKED_UNKNOWN, -1)
        elif kind == "failed":
            outcome = TIMED_OUT if details[1] in TIMEOUTS else REFUSED
            self._messages[f"{name}:{details[0]}"].ack = (at, outcome, self._recorder.code("errors", details[1]))
        elif kind == "delivered" and details[4] in self._messages:
            self._messages[details[4]].partition = details[2]

    def lost_with(self, producer: str, at: float) -> None:
        """A process died: what its producers had not been told about before, they never will be."""
        self._deaths.append((round(at * SECOND), producer))

    def lay_out(self, rows: Iterable[tuple[str, int, int, str]]) -> None:
        """Give each message its copies, and its lane. `rows`: (topic, partition, offset, message) of the final logs."""
        for topic, partition, offset, message in rows:
            if message in self._messages:
                self._tp(topic, partition)
                self._messages[message].places.append((partition, offset))
        for lane, messages in self._by_lane().items():
            for ordinal, each in enumerate(sorted(messages, key=lambda each: each.number)):
                each.lane, each.ordinal = self._recorder.code("lanes", lane), ordinal

    def _by_lane(self) -> dict[tuple[int, int, int], list[Message]]:
        lanes: dict[tuple[int, int, int], list[Message]] = defaultdict(list)
        for each in self._messages.values():
            if each.places:
                each.partition = each.places[0][0]
            lanes[self._actors[each.producer], self._recorder.code("topics", each.topic), each.partition].append(each)
        return lanes

    # -- the tables

    def write_acks(self) -> None:
        """What each producer was told, or that it died before."""
        for message in self._messages.values():
            if message.ack is None and (died := self._death_after(message)) is not None and not message.places:
                message.ack = (died, LOST_WITH_PRODUCER, -1)
            if message.ack is not None:
                at, outcome, error = message.ack
                self._recorder.ack((at, message.lane, message.ordinal, 1, outcome, error, message.offset))

    def _death_after(self, message: Message) -> int | None:
        return min((at for at, name in self._deaths if name == message.producer and at >= message.created),
                   default=None)

    def log_end(self) -> dict[str, Any]:
        """Every copy in the final logs."""
        return self._copies(lambda place: True)

    def aborted(self, places: set[Place]) -> dict[str, Any]:
        """Those of them that were taken back with their transactions."""
        return self._copies(lambda place: place in places)

    def _copies(self, wanted: Callable[[Place], bool]) -> dict[str, Any]:
        """Partition by partition, in the order of offsets."""
        rows = sorted((self._tp(message.topic, partition), offset, message.lane, message.ordinal)
                      for message in self._messages.values() for partition, offset in message.places
                      if wanted((message.topic, partition, offset)))
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        return {"tp": table[:, 0], "lane": table[:, 2], "start": table[:, 3], "count": np.ones(len(table), np.int64),
                "base_offset": table[:, 1]}

    def table(self) -> dict[str, Any]:
        """The messages themselves."""
        rows = sorted(self._messages.values(), key=lambda each: (each.lane, each.ordinal))
        keys = [-1 if row.key is None else self._recorder.code("keys", row.key) for row in rows]
        numbers = {"lane": [row.lane for row in rows], "ordinal": [row.ordinal for row in rows],
                   "number": [row.number for row in rows], "key": keys, "created": [row.created for row in rows],
                   "bytes": [row.size for row in rows]}
        table: dict[str, Any] = {name: np.array(values, dtype=np.int64) for name, values in numbers.items()}
        table["value"] = [row.value for row in rows] if any(row.value is not None for row in rows) else None
        return table
