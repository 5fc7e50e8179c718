"""One classic consumer group as its coordinator sees it: data and questions about it, no rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from simlib.kafka.assignors.subscription import Subscription
from simlib.kafka.groups.messages import Protocol
from simlib.kafka.groups.records import GroupStored, OffsetsPending, StoredMember
from simlib.kafka.topic_partition import TopicPartition

_STORED = ("member_id", "client_name", "instance_id", "session_timeout_ms", "rebalance_timeout_ms", "protocols")


class State(Enum):
    """Classic groups prepare and complete rebalances; those of KIP-848 assign, then reconcile."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"


@dataclass(slots=True)
class AnyGroup:
    """What all groups have: a name, and offsets. `empty_since`: ns; `next_number`: of the next member id handed out.

    `pending_offsets`: by producer id, what its open transaction would commit.
    """

    name: str
    empty_since: int
    state: State = State.EMPTY
    generation: int = 0
    static_ids: dict[str, str] = field(default_factory=dict)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    pending_offsets: dict[int, list[OffsetsPending]] = field(default_factory=dict)
    last_commit: int = 0
    next_number: int = 1
    reserved_until: int = 1


@dataclass(slots=True)
class Member:
    """A member; `join_reply` and `sync_reply` are set while it waits for that answer."""

    member_id: str
    client_name: str
    instance_id: str | None
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[Protocol, ...]
    assignment: tuple[TopicPartition, ...] = ()
    join_reply: Any = None
    sync_reply: Any = None
    is_new: bool = True
    has_to_sync: bool = False

    @property
    def waits(self) -> bool:
        return self.join_reply is not None or self.sync_reply is not None

    @property
    def lives_by_commits(self) -> bool:
        """Whether a commit counts as a heartbeat."""
        return self.join_reply is None and self.sync_reply is None


@dataclass(slots=True)
class Group(AnyGroup):
    """A group. `pending`: member ids handed out and not yet used.

    `further_wait`: in the first rebalance of an empty group, the ns by which it may still be put off; else None.
    """

    protocol: str | None = None
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    pending: dict[str, None] = field(default_factory=dict)
    further_wait: int | None = None
    grew: bool = False

    def add(self, member: Member) -> None:
        self.pending.pop(member.member_id, None)
        self.members[member.member_id] = member
        if member.instance_id is not None:
            self.static_ids[member.instance_id] = member.member_id
        self.leader = self.leader or member.member_id

    def remove(self, member: Member) -> None:
        del self.members[member.member_id]
        if member.instance_id is not None:
            del self.static_ids[member.instance_id]
        if self.leader == member.member_id:
            self.leader = next(iter(self.members), None)

    def replace(self, old: Member, new: Member) -> None:
        """Put `new` in the place of `old`, its leadership included."""
        self.members = {one.member_id: one for one in (new if one is old else one for one in self.members.values())}
        self.static_ids[new.instance_id or ""] = new.member_id
        if self.leader == old.member_id:
            self.leader = new.member_id

    def membership_error(self, member_id: str, instance_id: str | None) -> str | None:
        """Why this is not a member of ours: FENCED_INSTANCE_ID when another has taken its instance id (K98)."""
        current = self.static_ids.get(instance_id) if instance_id is not None else None
        if current is not None and current != member_id:
            return "FENCED_INSTANCE_ID"
        return None if member_id in self.members else "UNKNOWN_MEMBER_ID"

    def fencing_error(self, member_id: str, instance_id: str | None, generation: int) -> str | None:
        """As `membership_error`, and ILLEGAL_GENERATION for a member of an earlier generation (K97)."""
        error = self.membership_error(member_id, instance_id)
        return error or (None if generation == self.generation else "ILLEGAL_GENERATION")

    def everybody_joined(self) -> bool:
        return not self.pending and all(member.join_reply is not None for member in self.members.values())

    def a_leader_joined(self) -> bool:
        """Make sure that the leader is among those who joined; False when nobody did."""
        joined = [member.member_id for member in self.members.values() if member.join_reply is not None]
        if joined and self.leader not in joined:
            self.leader = joined[0]
        return bool(joined)

    def supports(self, protocols: tuple[Protocol, ...]) -> bool:
        """Whether all present members could use one of `protocols`."""
        return bool(protocols) and (not self.members or any(name in self._usable_by_all() for name, _ in protocols))

    def voted_protocol(self) -> str:
        """Each member votes for the first in its list that all can use (K93); at a tie the leader's order decides."""
        usable = self._usable_by_all()
        votes = [next(name for name, _ in member.protocols if name in usable) for member in self.members.values()]
        return max(usable, key=votes.count)

    def _usable_by_all(self) -> list[str]:
        known = [{name for name, _ in member.protocols} for member in self.members.values()]
        leading = self.members[self.leader or next(iter(self.members))]
        return [name for name, _ in leading.protocols if all(name in names for names in known)]

    def subscriptions(self) -> dict[str, Subscription]:
        """What the members told the chosen assignor, their instance ids filled in."""
        return {
            member.member_id: replace(dict(member.protocols)[self.protocol or ""], instance_id=member.instance_id)
            for member in self.members.values()
        }

    def rebalance_timeout_ms(self) -> int:
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def stored(self, now: int) -> GroupStored:
        members = tuple(
            StoredMember(**{name: getattr(member, name) for name in _STORED}, assignment=member.assignment)
            for member in self.members.values()
        )
        return GroupStored(self.name, now, self.generation, self.protocol, self.leader, members)

    def restore(self, record: GroupStored) -> None:
        """Become what `record` says; whoever is a member is one in a stable generation."""
        self.members = {
            one.member_id: Member(
                **{name: getattr(one, name) for name in _STORED}, assignment=one.assignment, is_new=False
            )
            for one in record.members
        }
        self.static_ids = {one.instance_id: one.member_id for one in record.members if one.instance_id is not None}
        self.generation, self.protocol, self.leader = record.generation, record.protocol, record.leader
        self.state = State.STABLE if record.members else State.EMPTY
        self.empty_since = record.time
