"""One way from a poll into the next generation: commit, give up, join, sync, and - inside a poll again - take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.kafka.assignors import Subscription, assign
from simlib.kafka.consumer.heartbeats import NOT_HERE
from simlib.kafka.groups.messages import JoinGroup, JoinGroupResponse, Protocol, SyncGroup, SyncGroupResponse
from simlib.units import SECOND, millis

if TYPE_CHECKING:
    from simlib.kafka.consumer.membership import Membership

STICKY = frozenset({"sticky", "cooperative-sticky"})
FENCED = frozenset({"UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"})
JOIN_LAPSE = 5 * SECOND
"""A join may wait for the slowest member's max_poll_interval_ms, and this much longer."""

TRY_AGAIN = NOT_HERE | {"REBALANCE_IN_PROGRESS"}


class Rebalance:
    """What a member does in one rebalance. `abandoned`: it was thrown out or closed meanwhile, and the rest is off.

    `commits` is True while offsets are being committed: nothing may be handed over then, or it would be committed too.
    """

    def __init__(self, membership: Membership) -> None:
        self.membership = membership
        self.consumer = membership.consumer
        self.abandoned = False
        self.commits = False
        self._assignment: tuple[int, ...] | None = None

    def begin(self) -> None:
        """Before joining, commit what has been handed over if auto-commit is on (K96)."""
        self._commit(self._give_up_and_join)

    def polled(self) -> None:
        """An assignment that came while the application worked is taken over by its next poll."""
        if self._assignment is not None:
            self._take(self._assignment)

    def awaits_poll(self) -> bool:
        return self._assignment is not None

    def _commit(self, then: Callable[[], None]) -> None:
        def committed(error: str | None) -> None:
            self.commits = False
            then()

        self.commits = True
        self.consumer.commits.auto_commit(self._unless_abandoned(committed))

    def _give_up_and_join(self) -> None:
        """An eager member gives up everything it has (K91), a cooperative one nothing yet: it reads on (K92)."""
        if not self.membership.cooperative:
            self.consumer.revoke(list(self.consumer.cursors))
        self._join()
        self.consumer.deliver()

    # -- join

    def _join(self) -> None:
        consumer, membership = self.consumer, self.membership
        membership.heartbeats.stop()
        membership.has_to_join = False
        settings = consumer.settings
        request = JoinGroup(consumer.group, membership.member_id, settings.session_timeout_ms,
                            settings.max_poll_interval_ms, self._protocols(), consumer.process.name,
                            settings.group_instance_id)
        others = millis(settings.max_poll_interval_ms)
        self._ask("join", request, self._joined, max(consumer.request_timeout, others + JOIN_LAPSE))

    def _protocols(self) -> tuple[Protocol, ...]:
        """What this member can use, best first; sticky assignors also hear what it has, or had before it gave it up."""
        consumer, membership = self.consumer, self.membership
        settings = consumer.settings
        has = consumer.cursors if membership.cooperative else membership.assignment
        owned = tuple(consumer.cluster.tps[tp] for tp in has)

        def subscription(assignor: str) -> Subscription:
            return Subscription(consumer.topics, owned if assignor in STICKY else (), membership.generation,
                                settings.group_instance_id)

        return tuple((name, subscription(name)) for name in settings.partition_assignment_strategy)

    def _joined(self, answer: JoinGroupResponse) -> None:
        if answer.error == "MEMBER_ID_REQUIRED":
            self.membership.member_id = answer.member_id
            self._join()
        elif answer.error is not None:
            self._refused(answer.error)
        else:
            self.membership.member_id, self.membership.generation = answer.member_id, answer.generation
            self._sync(self._assignments(answer))

    def _assignments(self, answer: JoinGroupResponse) -> dict[str, Any] | None:
        """The leader of the group assigns the partitions, on the client's side."""
        self.membership.counted = {}
        if answer.leader != answer.member_id:
            return None
        topics = {topic for subscription in answer.members.values() for topic in subscription.topics}
        partitions = self.consumer.metadata.partitions
        self.membership.counted = {topic: partitions.get(topic, 0) for topic in sorted(topics)}
        if answer.skip_assignment:
            return {}
        assert answer.protocol is not None
        return dict(assign(answer.protocol, answer.members, self.membership.counted))

    # -- sync

    def _sync(self, assignments: dict[str, Any] | None) -> None:
        consumer, membership = self.consumer, self.membership
        membership.heartbeats.start()
        request = SyncGroup(consumer.group, membership.generation, membership.member_id,
                            consumer.settings.group_instance_id, assignments)
        self._ask("sync", request, self._synced, consumer.request_timeout)

    def _synced(self, answer: SyncGroupResponse) -> None:
        if answer.error is not None:
            self._refused(answer.error)
            return
        self._assignment = tuple(self.consumer.cluster.tp(*tp) for tp in answer.assignment)
        if self.consumer.waiting is not None:
            self._take(self._assignment)

    # -- take over

    def _take(self, assignment: tuple[int, ...]) -> None:
        self._assignment = None
        if any(tp not in assignment for tp in self.consumer.cursors):
            self._commit(lambda: self._finish(assignment))
        else:
            self._finish(assignment)

    def _finish(self, assignment: tuple[int, ...]) -> None:
        """Live with the assignment; who gave up partitions only now joins once more, to have them handed on (K92)."""
        consumer, membership = self.consumer, self.membership
        moving = [tp for tp in consumer.cursors if tp not in assignment]
        membership.rebalance = None
        membership.assignment = assignment
        membership.joined_as = membership.generation, membership.member_id
        consumer.commits.start_interval()
        consumer.revoke(moving)
        consumer.assign(assignment)
        if moving or membership.has_to_join:
            membership.rejoin()

    # -- asking the coordinator

    def _ask(self, kind: str, request: Any, answered: Callable[[Any], None], timeout: int) -> None:
        consumer = self.consumer
        coordinator = self.membership.coordinator()
        if coordinator is None:
            self._join_later()
            return

        def lost(reason: str) -> None:
            consumer.metadata.broken(coordinator)
            self._join_later()

        consumer.network.request(consumer.process, coordinator, kind, request, self._unless_abandoned(answered),
                                 self._unless_abandoned(lost), timeout)

    def _refused(self, error: str) -> None:
        if error in TRY_AGAIN:
            self._join_later()
        elif error in FENCED:
            self.membership.fenced(error)
        else:
            self.consumer.on_error(error)

    def _join_later(self) -> None:
        self.consumer.metadata.retry(self._unless_abandoned(self._join))

    def _unless_abandoned(self, act: Callable[..., None]) -> Callable[..., None]:
        """`act`, to be called later: by then the rebalance may be off."""
        return lambda *args: None if self.abandoned else act(*args)
