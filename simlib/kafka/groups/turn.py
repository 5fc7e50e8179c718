"""One call to the coordinator: the instant, the settings, the deadlines, and the effects collected so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from simlib.kafka.groups.effects import Answer, Append, Effect, Note
from simlib.kafka.groups.group import AnyGroup, Member
from simlib.kafka.groups.messages import JoinGroupResponse, Response, SyncGroupResponse
from simlib.kafka.groups.records import Record
from simlib.kafka.groups.timers import Timers
from simlib.units import MS


class CoordinatorSettings(Protocol):
    """The broker settings a coordinator reads, by Kafka's names; BrokerSettings has them all."""

    @property
    def group_initial_rebalance_delay_ms(self) -> int: ...
    @property
    def group_min_session_timeout_ms(self) -> int: ...
    @property
    def group_max_session_timeout_ms(self) -> int: ...
    @property
    def offsets_retention_minutes(self) -> int: ...
    @property
    def group_consumer_session_timeout_ms(self) -> int: ...
    @property
    def group_share_session_timeout_ms(self) -> float: ...
    @property
    def group_consumer_assignors(self) -> tuple[str, ...]: ...


class Lives(Protocol):
    """A member, as far as its session goes."""

    @property
    def member_id(self) -> str: ...
    @property
    def session_timeout_ms(self) -> int: ...


@dataclass(slots=True)
class Turn:
    now: int
    settings: CoordinatorSettings
    timers: Timers
    partitions: Callable[[str], int]
    """How many partitions a topic has; 0 if there is no such topic."""
    effects: list[Effect] = field(default_factory=list)

    def answer(self, reply: Any, response: Response) -> None:
        self.effects.append(Answer(reply, response))

    def append(self, record: Record, *answers: Answer) -> None:
        self.effects.append(Append(record, answers))

    def note(self, kind: str, group: AnyGroup, client_name: str = "", a: int = 0, b: int = 0, detail: str = "") -> None:
        self.effects.append(Note(kind, group.name, client_name, a, b, detail))

    def wake(self, what: str, group: AnyGroup, after_ms: int, member_id: str = "") -> None:
        """Ask to be called for `what` after so many milliseconds, instead of when asked before."""
        self.timers.set((what, group.name, member_id), self.now + after_ms * MS)

    def forget(self, what: str, group: AnyGroup, member_id: str = "") -> None:
        self.timers.cancel((what, group.name, member_id))

    def heard_from(self, group: AnyGroup, member: Lives) -> None:
        """Start the member's session anew."""
        self.wake("session", group, member.session_timeout_ms, member.member_id)

    def refuse_waiting(self, member: Member, error: str) -> None:
        """Answer whatever the member waits for with `error`."""
        if member.join_reply is not None:
            self.answer(member.join_reply, JoinGroupResponse(error, member_id=member.member_id))
        if member.sync_reply is not None:
            self.answer(member.sync_reply, SyncGroupResponse(error))
        member.join_reply = member.sync_reply = None
