"""What the coordinator wants done, for whoever owns its log and its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlib.kafka.groups.messages import Response
from simlib.kafka.groups.records import Record


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
    """A line for the trace. `kind`: joined, left, evicted, rebalancing, generation; `member`: the client's name."""

    kind: str
    group: str
    member: str = ""
    a: int = 0
    b: int = 0
    detail: str = ""


Effect = Answer | Append | Note
