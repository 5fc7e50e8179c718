"""What passes between share consumers, the leaders of partitions, and the share coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simlib.kafka.topic_partition import TopicPartition

ACCEPT, RELEASE, REJECT = "accept", "release", "reject"
ACKNOWLEDGE_TYPES = (ACCEPT, RELEASE, REJECT)

FENCED = "FENCED_LEADER_EPOCH"
"""Somebody else leads the partition by now."""

Acknowledgements = dict[int, dict[int, str]]
"""By partition of the run's table and offset: accept, release or reject."""


class ShareFetch(NamedTuple):
    """Take records of these partitions, about `most` of them, and lock them.

    `is_first`: the member has a new connection, and knows of no records that it took before.
    """

    group: str
    member_id: str
    tps: tuple[int, ...]
    most: int
    is_first: bool = False


@dataclass(slots=True)
class Taken:
    """Consecutive records of one entry of a log, delivered for the `deliveries`-th time."""

    entry: Any
    first: int
    count: int
    deliveries: int


def count_of(taken: list[Taken]) -> int:
    """How many records these are."""
    return sum([run.count for run in taken])


class ShareRow(NamedTuple):
    """The answer for one partition: an error ("" if none), and what was taken."""

    tp: int
    error: str
    taken: list[Taken]


class ShareAcknowledge(NamedTuple):
    """What has become of records; a member that is `closing` gives back all it has not answered for."""

    group: str
    member_id: str
    answers: Acknowledgements
    closing: bool = False


class Change(NamedTuple):
    """The state of one record, as the share coordinator keeps it. `about`: lane, ordinal, member and how it came to
    that, as codes of the trace."""

    offset: int
    state: str
    deliveries: int
    about: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class WriteShareState:
    """A leader stores what has changed since it last did; before `start` everything is done with.

    The share coordinator writes it to its log as it is.
    """

    group: str
    partition: TopicPartition
    leader_epoch: int
    start: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ReadShareState:
    """A new leader asks how far its predecessor was."""

    group: str
    partition: TopicPartition
    leader_epoch: int


@dataclass(frozen=True, slots=True)
class ShareStateResponse:
    """`start` is -1 where the group has not begun. `states`: (state, deliveries) by offset, where it is known."""

    error: str | None = None
    start: int = -1
    states: Mapping[int, tuple[str, int]] = field(default_factory=dict)
