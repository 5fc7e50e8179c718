"""The group coordinator as a state machine without a clock: classic groups (KIP-62, 345, 394), KIP-848's, KIP-932's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from simlib.kafka.groups import offsets
from simlib.kafka.groups.consumer_protocol.group import ConsumerGroup
from simlib.kafka.groups.consumer_protocol.leaving import go_on_waiting
from simlib.kafka.groups.effects import Effect
from simlib.kafka.groups.group import Group, State
from simlib.kafka.groups.messages import ConsumerGroupHeartbeat, JoinGroup, Request
from simlib.kafka.groups.records import (
    ConsumerGroupStored,
    GroupStored,
    MemberIdsReserved,
    OffsetsCommitted,
    OffsetsPending,
    Record,
    ShareGroupStored,
    TransactionEnded,
)
from simlib.kafka.groups.rules import DEADLINES, RULES, answer_without_group, error_without_group, made_by
from simlib.kafka.groups.share_protocol.group import ShareGroup
from simlib.kafka.groups.timers import Timers
from simlib.kafka.groups.turn import CoordinatorSettings, Turn
from simlib.kafka.shares.messages import WriteShareState
from simlib.units import MS, SECOND

SILENT = 5 * SECOND
"""Longer than between two heartbeats, with the usual settings."""

SomeGroup = Group | ConsumerGroup | ShareGroup
Kind = TypeVar("Kind", Group, ConsumerGroup, ShareGroup)
_KEPT = ("name", "empty_since", "generation", "offsets", "pending_offsets", "last_commit", "next_number",
         "reserved_until")


def no_topics(topic: str) -> int:
    """For groups whose members assign the partitions themselves."""
    return 0


class GroupCoordinator:
    """All groups of one internal offsets partition, on the broker that leads it. `now` is in integer nanoseconds.

    Every method returns effects, to be carried out in order. Replies are any tokens but None. `partitions` says how
    many partitions a topic has: KIP-848's groups are assigned here.
    """

    def __init__(self, settings: CoordinatorSettings, partitions: Callable[[str], int] = no_topics) -> None:
        self._settings = settings
        self._partitions = partitions
        self._timers = Timers()
        self._refusal: str | None = "NOT_COORDINATOR"
        self.groups: dict[str, SomeGroup] = {}

    def start_loading(self) -> None:
        """From now to `load` requests are answered with COORDINATOR_LOAD_IN_PROGRESS."""
        self._refusal = "COORDINATOR_LOAD_IN_PROGRESS"

    def load(self, now: int, records: Iterable[Record]) -> list[Effect]:
        """Take over: become what the replicated `records` say, and give every member a new session."""
        self.groups, self._timers, self._refusal = {}, Timers(), None
        turn = self._turn(now)
        for record in records:
            self._replay(record, now)
        for group in self.groups.values():
            for member in group.members.values():
                turn.heard_from(group, member)
            if isinstance(group, ConsumerGroup):
                go_on_waiting(turn, group)
        return turn.effects

    def unload(self) -> list[Effect]:
        """Stop being coordinator; whoever waits is told to look for the new one."""
        turn = self._turn(0)
        for group in self.groups.values():
            for member in group.members.values() if isinstance(group, Group) else ():
                turn.refuse_waiting(member, "NOT_COORDINATOR")
        self.groups, self._timers, self._refusal = {}, Timers(), "NOT_COORDINATOR"
        return turn.effects

    def handle(self, now: int, reply: Any, request: Request) -> list[Effect]:
        """Do what `request` asks, or refuse it with an error in the answer."""
        turn, kind = self._turn(now), type(request)
        group, error = self._find(now, request, kind)
        if group is None:
            turn.answer(reply, answer_without_group(request, error))
        else:
            offsets.expire(turn, group)
            RULES[type(group)][kind](turn, group, reply, request)
        return turn.effects

    def transaction_ended(self, ended: TransactionEnded) -> list[OffsetsCommitted]:
        """A marker was written to this log: what the transaction committed, to be noted when that is replicated."""
        return [commit for group in self.groups.values() for commit in offsets.end_transaction(group, ended)]

    def deadline(self) -> int | None:
        """The next instant at which `expire` has something to do."""
        return self._timers.next()

    def expire(self, now: int) -> list[Effect]:
        """Act on every deadline up to `now`."""
        turn = self._turn(now)
        while (key := self._timers.pop_due(now)) is not None:
            what, name, member_id = key
            group = self.groups[name]
            DEADLINES[type(group)][what](turn, group, member_id)
        return turn.effects

    def settled(self, now: int) -> bool:
        """No rebalance is under way, and no member is silent: one that is will be missed when its session ends."""
        return all(group.state in (State.EMPTY, State.STABLE) and not self._misses_somebody(group, now)
                   for group in self.groups.values())

    def _misses_somebody(self, group: SomeGroup, now: int) -> bool:
        for member in group.members.values():
            ends = self._timers.when(("session", group.name, member.member_id))
            if ends is not None and ends - now < member.session_timeout_ms * MS - SILENT:
                return True
        return False

    def _turn(self, now: int) -> Turn:
        return Turn(now, self._settings, self._timers, self._partitions)

    # -- the group a request is about

    def _find(self, now: int, request: Request, kind: type) -> tuple[SomeGroup | None, str | None]:
        """The group the request is about, made where it may be; or why there is none."""
        if self._refusal is not None:
            return None, self._refusal
        if kind in _BEFORE and (error := _BEFORE[kind](self, request)) is not None:
            return None, error
        group = self.groups.get(request.group)
        if group is None:
            made = made_by(request)
            if made is None:
                return None, error_without_group(request)
            group = self.groups[request.group] = made(request.group, empty_since=now)
        return group, None

    def _before_join(self, request: JoinGroup) -> str | None:
        low, high = self._settings.group_min_session_timeout_ms, self._settings.group_max_session_timeout_ms
        if not low <= request.session_timeout_ms <= high:
            return "INVALID_SESSION_TIMEOUT"
        self._change_protocol(request.group, Group)
        return None

    def _before_heartbeat(self, request: ConsumerGroupHeartbeat) -> None:
        self._change_protocol(request.group, ConsumerGroup)

    def _change_protocol(self, name: str, kind: type[Kind]) -> None:
        """A group without members can go over to the other protocol; its offsets stay. A share group stays one."""
        group = self.groups.get(name)
        if group is not None and type(group) not in (kind, ShareGroup) and group.state is State.EMPTY:
            self.groups[name] = _turned_into(kind, group)

    # -- what the log says

    def _replay(self, record: Record, now: int) -> None:
        if isinstance(record, TransactionEnded):
            self.transaction_ended(record)
        elif isinstance(record, GroupStored):
            self._group(record.group, Group, now).restore(record)
        elif isinstance(record, ConsumerGroupStored):
            self._group(record.group, ConsumerGroup, now).restore(record)
        elif isinstance(record, ShareGroupStored):
            self._group(record.group, ShareGroup, now).restore(record)
        elif not isinstance(record, WriteShareState):  # which is the share coordinator's
            self._replay_offsets(self.groups.setdefault(record.group, Group(record.group, empty_since=now)), record)

    def _replay_offsets(self, group: SomeGroup, record: Any) -> None:
        if isinstance(record, OffsetsCommitted):
            offsets.keep(group, record)
        elif isinstance(record, OffsetsPending):
            offsets.keep_pending(group, record)
        elif isinstance(record, MemberIdsReserved):
            group.next_number = group.reserved_until = record.until
        else:
            group.offsets.clear()

    def _group(self, name: str, kind: type[Kind], now: int) -> Kind:
        """The group of that name, of that kind."""
        group = self.groups.get(name)
        if group is None or not isinstance(group, kind):
            group = kind(name, empty_since=now) if group is None else _turned_into(kind, group)
            self.groups[name] = group
        return group


_BEFORE: dict[type, Any] = {
    JoinGroup: GroupCoordinator._before_join,
    ConsumerGroupHeartbeat: GroupCoordinator._before_heartbeat,
}


def _turned_into(kind: type[Kind], group: SomeGroup) -> Kind:
    new = kind(**{name: getattr(group, name) for name in _KEPT})
    if isinstance(new, ConsumerGroup):
        new.target_epoch = new.settled_epoch = new.generation
    return new
