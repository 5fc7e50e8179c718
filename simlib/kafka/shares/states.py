"""The share coordinator: keeps what the leaders of partitions store about their share groups. No clock.

In Kafka it has a topic of its own, `__share_group_state`; here it shares broker and log with the group coordinator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from simlib.kafka.groups.effects import Answer, Append, Effect
from simlib.kafka.shares.messages import FENCED, Change, ReadShareState, ShareStateResponse, WriteShareState
from simlib.kafka.topic_partition import TopicPartition


@dataclass(slots=True)
class Kept:
    """One partition of one share group. `leader_epoch`: of the last leader that came."""

    leader_epoch: int = -1
    start: int = -1
    states: dict[int, tuple[str, int]] = field(default_factory=dict)

    def apply(self, start: int, changes: Iterable[Change]) -> None:
        self.start = max(self.start, start)
        self.states.update({change.offset: (change.state, change.deliveries) for change in changes})
        self.states = {offset: state for offset, state in self.states.items() if offset >= self.start}


class ShareStates:
    """All share groups' partitions."""

    def __init__(self) -> None:
        self.refusal: str | None = "NOT_COORDINATOR"
        self.kept: dict[tuple[str, TopicPartition], Kept] = {}

    def load(self, records: Iterable[Any]) -> None:
        """Take over: become what the replicated `records` say."""
        self.kept, self.refusal = {}, None
        for record in records:
            if isinstance(record, WriteShareState):
                self._apply(record)

    def unload(self) -> None:
        self.kept, self.refusal = {}, "NOT_COORDINATOR"

    def handle(self, reply: Any, request: ReadShareState | WriteShareState) -> list[Effect]:
        """Store, or tell; a leader that has a successor is refused."""
        key = request.group, request.partition
        kept = self.kept.get(key, Kept())
        error = self.refusal or (FENCED if request.leader_epoch < kept.leader_epoch else None)
        if error is not None:
            return [Answer(reply, ShareStateResponse(error))]
        if isinstance(request, ReadShareState):
            kept.leader_epoch = request.leader_epoch
            self.kept[key] = kept
            return [Answer(reply, ShareStateResponse(None, kept.start, dict(kept.states)))]
        self._apply(request)
        return [Append(request, (Answer(reply, ShareStateResponse()),))]

    def _apply(self, record: WriteShareState) -> None:
        kept = self.kept.setdefault((record.group, record.partition), Kept())
        kept.leader_epoch = record.leader_epoch
        kept.apply(record.start, record.changes)
