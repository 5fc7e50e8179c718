"""A consumer's life in its group (classic protocol): join, sync, heartbeat, revoke, leave.

A rebalance happens only inside a poll: an application that is busy with a record keeps its partitions until it polls
again - unless the group loses patience and evicts it (K86, K88).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.kafka.assignors import Subscription, assign
from simlib.kafka.groups.messages import (
    Heartbeat,
    HeartbeatResponse,
    JoinGroup,
    JoinGroupResponse,
    LeaveGroup,
    SyncGroup,
    SyncGroupResponse,
)
from simlib.units import SECOND, millis
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient

OFFSETS = 0
STICKY = frozenset({"sticky", "cooperative-sticky"})
TRY_AGAIN = frozenset({"NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS"})


class Membership:
    """Member id, generation, and what has to be done about them."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer
        settings = consumer.settings
        self.member_id = ""
        self.generation = -1
        self.needs_rejoin = True
        self.rejoining = False
        self.left = False
        self.lost = False
        self.cooperative = set(settings.partition_assignment_strategy) == {"cooperative-sticky"}
        self._assignment: tuple[int, ...] = ()
        self._counted: dict[str, int] = {}
        self._beating = False
        self._interval = millis(settings.heartbeat_interval_ms)
        self._patience = millis(settings.max_poll_interval_ms)
        self.heart = Alarm(consumer.process, self._beat)
        self.poll_limit = Alarm(consumer.process, self._polled_too_late)
        consumer.metadata.on_change.append(self._partitions_changed)

    def coordinator(self) -> Any:
        """The broker that keeps this group; None if it is not known or left alone for now."""
        return self.consumer.metadata.leader(OFFSETS)

    # -- what polls do

    def polled(self) -> None:
        """The application polls: the time for everything that had to wait for it."""
        self.poll_limit.set(None)
        if self.lost:
            self._give_up_lost_partitions()
        if self.needs_rejoin and not self.rejoining:
            self._prepare()

    def working(self) -> None:
        """The application has records in hand and must poll again within max_poll_interval_ms (K88)."""
        self.poll_limit.set(self.consumer.process.clock.now + self._patience)

    def may_deliver(self) -> bool:
        return not self.rejoining or self.cooperative

    def rejoin_at_next_poll(self) -> None:
        self.needs_rejoin = True
        if self.consumer.waiting is not None and not self.rejoining:
            self._prepare()

    # -- joining

    def _prepare(self) -> None:
        """Before joining: commit if auto-commit is on; then eager members give everything up (K91, K96)."""
        self.rejoining = True
        if self.generation >= 0 and self.consumer.settings.enable_auto_commit and self.consumer.cursors:
            self.consumer.commits.auto_commit(lambda error: self._revoke_and_join())
        else:
            self._revoke_and_join()

    def _revoke_and_join(self) -> None:
        if self.lost:
            self._give_up_lost_partitions()
        if not self.cooperative:
            self.consumer.revoke(list(self.consumer.cursors))
        self.join()

    def join(self) -> None:
        consumer = self.consumer
        coordinator = self.coordinator()
        if coordinator is None:
            consumer.metadata.retry(self.join)
            return
        self.heart.set(None)
        settings = consumer.settings
        request = JoinGroup(consumer.group, self.member_id, settings.session_timeout_ms, settings.max_poll_interval_ms,
                            self._protocols(), consumer.process.name, settings.group_instance_id)
        timeout = max(consumer.request_timeout, self._patience + 5 * SECOND)
        consumer.network.request(consumer.process, coordinator, "join", request, self._joined,
                                 lambda reason: self._coordinator_lost(coordinator, self.join), timeout)

    def _protocols(self) -> tuple[tuple[str, Subscription], ...]:
        """What this member can use, best first; sticky assignors also hear what it has, or had before it revoked."""
        consumer = self.consumer
        instance = consumer.settings.group_instance_id
        owned = tuple(consumer.cluster.tps[tp] for tp in (consumer.cursors if self.cooperative else self._assignment))
        return tuple((name, Subscription(consumer.topics, owned if name in STICKY else (), self.generation, instance))
                     for name in consumer.settings.partition_assignment_strategy)

    def _joined(self, answer: JoinGroupResponse) -> None:
        error = answer.error
        if error == "MEMBER_ID_REQUIRED":
            self.member_id = answer.member_id
            self.join()
        elif error in TRY_AGAIN:
            self.consumer.metadata.retry(self.join)
        elif error == "UNKNOWN_MEMBER_ID":
            self._forget_identity()
            self.join()
        elif error is not None:
            self._join_failed(error)
        else:
            self.member_id, self.generation = answer.member_id, answer.generation
            self._sync(self._assignments(answer))

    def _join_failed(self, error: str) -> None:
        if error in ("ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"):
            self.consumer.metadata.retry(self.join)
        else:
            self.consumer.on_error(error)

    def _assignments(self, answer: JoinGroupResponse) -> dict[str, Any] | None:
        """The leader of the group assigns the partitions, on the client's side."""
        if answer.leader != answer.member_id:
            return None
        if answer.skip_assignment:
            return {}
        assert answer.protocol is not None
        topics = {topic for subscription in answer.members.values() for topic in subscription.topics}
        self._counted = {topic: self.consumer.metadata.partitions.get(topic, 0) for topic in sorted(topics)}
        return dict(assign(answer.protocol, answer.members, self._counted))

    def _sync(self, assignments: dict[str, Any] | None) -> None:
        consumer = self.consumer
        coordinator = self.coordinator()
        if coordinator is None:
            consumer.metadata.retry(lambda: self._sync(assignments))
            return
        self._start_beating()
        request = SyncGroup(consumer.group, self.generation, self.member_id, consumer.settings.group_instance_id,
                            assignments)
        consumer.network.request(consumer.process, coordinator, "sync", request, self._synced,
                                 lambda reason: self._coordinator_lost(coordinator, self.join),
                                 max(consumer.request_timeout, self._patience + 5 * SECOND))

    def _synced(self, answer: SyncGroupResponse) -> None:
        if answer.error in ("UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"):
            self.fenced(answer.error)
            self.join()
        elif answer.error is not None:
            self.consumer.metadata.retry(self.join)
        else:
            self._take(tuple(self.consumer.cluster.tp(*tp) for tp in answer.assignment))

    def _take(self, assignment: tuple[int, ...]) -> None:
        """Live with the new assignment; a cooperative member gives up what moves and joins again (K92)."""
        consumer = self.consumer
        self.rejoining = self.needs_rejoin = False
        self._assignment = assignment
        moving = [tp for tp in consumer.cursors if tp not in assignment]
        if moving and consumer.settings.enable_auto_commit:
            consumer.commits.auto_commit(lambda error: self._move(moving, assignment))
        else:
            self._move(moving, assignment)

    def _move(self, moving: list[int], assignment: tuple[int, ...]) -> None:
        self.consumer.revoke(moving)
        self.consumer.assign(assignment)
        if moving:
            self.rejoin_at_next_poll()

    # -- heartbeats

    def _start_beating(self) -> None:
        self.heart.set(self.consumer.process.clock.now + self._interval)

    def _beat(self) -> None:
        consumer = self.consumer
        coordinator = self.coordinator()
        if coordinator is not None and not self._beating:
            self._beating = True
            request = Heartbeat(consumer.group, self.generation, self.member_id, consumer.settings.group_instance_id)
            consumer.network.request(consumer.process, coordinator, "heartbeat", request, self._heard,
                                     lambda reason: self._no_pulse(coordinator),
                                     millis(consumer.settings.session_timeout_ms))
        elif coordinator is None:
            consumer.metadata.refresh(lambda: None)
        self.heart.set(consumer.process.clock.now + self._interval)

    def _no_pulse(self, coordinator: Any) -> None:
        self._beating = False
        self.consumer.metadata.broken(coordinator)
        self.consumer.metadata.refresh(lambda: None)

    def _heard(self, answer: HeartbeatResponse) -> None:
        self._beating = False
        if answer.error == "REBALANCE_IN_PROGRESS":
            self.rejoin_at_next_poll()
        elif answer.error in TRY_AGAIN:
            self.consumer.metadata.refresh(lambda: None)
        elif answer.error is not None and not self.rejoining:
            self.fenced(answer.error)
            self.rejoin_at_next_poll()

    def _coordinator_lost(self, coordinator: Any, then: Callable[[], None]) -> None:
        self.consumer.metadata.broken(coordinator)
        self.consumer.metadata.retry(then)

    # -- losing membership

    def fenced(self, error: str) -> None:
        """The group went on without this member: its partitions belong to others already (K97)."""
        if error == "FENCED_INSTANCE_ID":
            self.heart.set(None)
            self.consumer.on_error("FencedInstanceIdError")
            return
        if error == "UNKNOWN_MEMBER_ID":
            self._forget_identity()
        self.generation = -1
        self.heart.set(None)
        self.lost = True
        self.needs_rejoin = True

    def _forget_identity(self) -> None:
        self.member_id = ""
        self.generation = -1

    def _give_up_lost_partitions(self) -> None:
        self.lost = False
        self.consumer.revoke(list(self.consumer.cursors), lost=True)

    def _polled_too_late(self) -> None:
        """max_poll_interval_ms is over and the application has not polled (K88); a static member goes silent (K89)."""
        consumer = self.consumer
        consumer.recorder.event("evicted", consumer.process, group=consumer.group_code, detail="max_poll_interval_ms")
        self.heart.set(None)
        if consumer.settings.group_instance_id is None:
            self._send_leave(lambda: None)
            self.fenced("UNKNOWN_MEMBER_ID")

    def leave(self, then: Callable[[], None]) -> None:
        """Close: commit (auto-commit), then tell the group (dynamic members only)."""
        def leave_group() -> None:
            self.heart.set(None)
            self.poll_limit.set(None)
            self.consumer.revoke(list(self.consumer.cursors))
            if self.member_id and self.consumer.settings.group_instance_id is None:
                self._send_leave(then)
            else:
                then()

        if self.consumer.settings.enable_auto_commit and self.generation >= 0:
            self.consumer.commits.auto_commit(lambda error: leave_group())
        else:
            leave_group()

    def _send_leave(self, then: Callable[[], None]) -> None:
        consumer = self.consumer
        coordinator = self.coordinator()
        if coordinator is None:
            then()
            return
        request = LeaveGroup(consumer.group, self.member_id, consumer.settings.group_instance_id)
        consumer.network.request(consumer.process, coordinator, "leave", request, lambda answer: then(),
                                 lambda reason: then(), consumer.request_timeout)

    # -- topics grow

    def _partitions_changed(self) -> None:
        """Only the leader, who assigned, notices that there are more partitions than it counted (K81)."""
        now = {topic: self.consumer.metadata.partitions.get(topic, 0) for topic in self._counted}
        if self._counted and now != self._counted:
            self.rejoin_at_next_poll()
