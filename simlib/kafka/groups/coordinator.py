"""The classic group coordinator (KIP-62, KIP-345, KIP-394) as a state machine without a clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simlib.kafka.groups import joining, leaving, offsets, rebalancing
from simlib.kafka.groups.effects import Effect
from simlib.kafka.groups.group import Group, State
from simlib.kafka.groups.messages import (
    ALL_IS_WELL,
    NO_GENERATION,
    NO_MEMBER_ID,
    NO_OFFSET,
    Heartbeat,
    HeartbeatResponse,
    JoinGroup,
    JoinGroupResponse,
    LeaveGroup,
    LeaveGroupResponse,
    OffsetCommit,
    OffsetCommitResponse,
    OffsetFetch,
    OffsetFetchResponse,
    Request,
    SyncGroup,
    SyncGroupResponse,
    TxnOffsetCommit,
)
from simlib.kafka.groups.records import (
    GroupStored,
    MemberIdsReserved,
    OffsetsCommitted,
    OffsetsPending,
    Record,
    TransactionEnded,
)
from simlib.kafka.groups.timers import Timers
from simlib.kafka.groups.turn import CoordinatorSettings, Turn
from simlib.units import MS, SECOND

SILENT = 5 * SECOND
"""Longer than between two heartbeats, with the usual settings."""

_RESPONSES: dict[type, Any] = {
    JoinGroup: JoinGroupResponse,
    SyncGroup: SyncGroupResponse,
    Heartbeat: HeartbeatResponse,
    LeaveGroup: LeaveGroupResponse,
    OffsetCommit: OffsetCommitResponse,
    TxnOffsetCommit: OffsetCommitResponse,
    OffsetFetch: OffsetFetchResponse,
}


def _heartbeat(turn: Turn, group: Group, reply: Any, request: Heartbeat) -> None:
    """Still here: and by the way, is there a rebalance to rejoin for?"""
    error = group.fencing_error(request.member_id, request.instance_id, request.generation)
    if error is None:
        member = group.members[request.member_id]
        if not member.waits:
            turn.heard_from(group, member)
        error = "REBALANCE_IN_PROGRESS" if group.state is State.PREPARING else None
    turn.answer(reply, ALL_IS_WELL if error is None else HeartbeatResponse(error))


_RULES: dict[type, Any] = {
    JoinGroup: joining.join,
    SyncGroup: rebalancing.sync,
    Heartbeat: _heartbeat,
    LeaveGroup: leaving.leave,
    OffsetCommit: offsets.commit,
    TxnOffsetCommit: offsets.commit_in_transaction,
    OffsetFetch: offsets.fetch,
}


class GroupCoordinator:
    """All groups of one internal offsets partition, on the broker that leads it. `now` is in integer nanoseconds.

    Every method returns effects, to be carried out in order. Replies are any tokens but None.
    """

    def __init__(self, settings: CoordinatorSettings) -> None:
        self._settings = settings
        self._timers = Timers()
        self._refusal: str | None = "NOT_COORDINATOR"
        self.groups: dict[str, Group] = {}

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
        return turn.effects

    def unload(self) -> list[Effect]:
        """Stop being coordinator; whoever waits is told to look for the new one."""
        turn = self._turn(0)
        for group in self.groups.values():
            for member in group.members.values():
                turn.refuse_waiting(member, "NOT_COORDINATOR")
        self.groups, self._timers, self._refusal = {}, Timers(), "NOT_COORDINATOR"
        return turn.effects

    def handle(self, now: int, reply: Any, request: Request) -> list[Effect]:
        """Do what `request` asks, or refuse it with an error in the answer."""
        turn = self._turn(now)
        group, error = self._find(now, request)
        if group is None:
            turn.answer(reply, _without_group(request, error))
        else:
            offsets.expire(turn, group)
            _RULES[type(request)](turn, group, reply, request)
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
            _expire(turn, self.groups[name], what, member_id)
        return turn.effects

    def settled(self, now: int) -> bool:
        """No rebalance is under way, and no member is silent: one that is will be missed when its session ends."""
        return all(group.state in (State.EMPTY, State.STABLE) and not self._misses_somebody(group, now)
                   for group in self.groups.values())

    def _misses_somebody(self, group: Group, now: int) -> bool:
        for member in group.members.values():
            ends = self._timers.when(("session", group.name, member.member_id))
            if ends is not None and ends - now < member.session_timeout_ms * MS - SILENT:
                return True
        return False

    def _turn(self, now: int) -> Turn:
        return Turn(now, self._settings, self._timers)

    def _find(self, now: int, request: Request) -> tuple[Group | None, str | None]:
        """The group the request is about, made where it may be; or why there is none."""
        if self._refusal is not None:
            return None, self._refusal
        if isinstance(request, JoinGroup) and not self._session_timeout_allowed(request):
            return None, "INVALID_SESSION_TIMEOUT"
        group = self.groups.get(request.group)
        if group is None:
            if not _makes_group(request):
                return None, _error_without_group(request)
            group = self.groups[request.group] = Group(request.group, empty_since=now)
        return group, None

    def _session_timeout_allowed(self, request: JoinGroup) -> bool:
        low, high = self._settings.group_min_session_timeout_ms, self._settings.group_max_session_timeout_ms
        return low <= request.session_timeout_ms <= high

    def _replay(self, record: Record, now: int) -> None:
        if isinstance(record, TransactionEnded):
            self.transaction_ended(record)
            return
        group = self.groups.setdefault(record.group, Group(record.group, empty_since=now))
        if isinstance(record, GroupStored):
            group.restore(record)
        elif isinstance(record, OffsetsCommitted):
            offsets.keep(group, record)
        elif isinstance(record, OffsetsPending):
            offsets.keep_pending(group, record)
        elif isinstance(record, MemberIdsReserved):
            group.next_number = group.reserved_until = record.until
        else:
            group.offsets.clear()


def _expire(turn: Turn, group: Group, what: str, member_id: str) -> None:
    if what == "session":
        leaving.session_ended(turn, group, member_id)
    elif what == "pending":
        leaving.forget_pending(turn, group, member_id)
    elif what == "join":
        rebalancing.joining_took_too_long(turn, group)
    else:
        leaving.syncing_took_too_long(turn, group)


def _makes_group(request: Request) -> bool:
    if isinstance(request, JoinGroup):
        return request.member_id == NO_MEMBER_ID
    return isinstance(request, (OffsetCommit, TxnOffsetCommit)) and request.generation == NO_GENERATION


def _error_without_group(request: Request) -> str | None:
    """A group that is not there has no members and no offsets."""
    if isinstance(request, OffsetFetch):
        return None
    return "ILLEGAL_GENERATION" if isinstance(request, (OffsetCommit, TxnOffsetCommit)) else "UNKNOWN_MEMBER_ID"


def _without_group(request: Request, error: str | None) -> Any:
    if isinstance(request, OffsetFetch) and error is None:
        return OffsetFetchResponse(None, dict.fromkeys(request.partitions, NO_OFFSET))
    return _RESPONSES[type(request)](error)
