"""What the coordinator wants done, for whoever owns its log and its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlib.kafka.groups.messages import Response
from simlib.kafka.groups.records import Record
from simlib.kafka.topic_partition import TopicPartition


@dataclass(frozen=True, slots=True)
class Answer:
    """Send `response` to whoever asked with `reply`, but not before everything appended earlier is replicated."""

    reply: Any
    response: Response


@dataclass(frozen=True, slots=True)
class Append:
    """Append `record` to the internal log; send `answers` once it is replicated, never if it fails."""

    record: Record
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the trace. `kind`: joined, left, evicted, lost_partitions (KIP-848), rebalancing, generation;
    `member`: the client's name."""

    kind: str
    group: str
    member: str = ""
    a: int = 0
    b: int = 0
    detail: str = ""
    partition: TopicPartition | None = None


Effect = Answer | Append | Note
