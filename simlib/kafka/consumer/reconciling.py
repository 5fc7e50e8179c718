"""A consumer's place in a group of KIP-848: it is told what it shall have, and gets there by itself (K94).

The group does not stop. A member that has to give something up does so inside a poll; what it keeps it reads on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simlib.kafka.consumer.consumer_heartbeats import ConsumerHeartbeats
from simlib.kafka.consumer.place import Place
from simlib.kafka.groups.messages import (
    AWAY_EPOCH,
    LEAVING_EPOCH,
    NO_GENERATION,
    ConsumerGroupHeartbeatResponse,
)
from simlib.units import millis

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient

FATAL = {"FENCED_INSTANCE_ID": "FencedInstanceIdError", "UNRELEASED_INSTANCE_ID": "UnreleasedInstanceIdError"}
FENCED = frozenset({"FENCED_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID"})


class ReconcilingMembership(Place):
    """Its `generation` is the member's epoch. `life` counts how often it has lost or left its place."""

    def __init__(self, consumer: ConsumerClient) -> None:
        super().__init__(consumer)
        self.member_id = consumer.cluster.new_member_id(consumer.process.name)
        self.life = 0
        self.heartbeats = ConsumerHeartbeats(self)
        self._told: tuple[int, ...] | None = None
        self._is_moving = False

    def identity(self) -> tuple[int, str]:
        """Member epoch (-1: it is in no group now) and member id, for offsets committed in a transaction (KIP-447)."""
        return self.generation, self.member_id

    # -- what polls do

    def polled(self) -> None:
        """The application polls: the time for everything that had to wait for it."""
        self._poll_limit.set(None)
        if self._lost or self._told is not None or not self.heartbeats.alive:
            self._catch_up()

    def may_deliver(self) -> bool:
        """Nothing stops a member from reading what it keeps."""
        return True

    def _catch_up(self) -> None:
        if self._lost:
            self._lost = False
            self.consumer.revoke(list(self.consumer.cursors), lost=True)
        if not self.heartbeats.alive:
            self.heartbeats.begin()
        elif self._told is not None and not self._is_moving:
            self._move(self._told)

    # -- from what it has to what it shall have

    def heard(self, answer: ConsumerGroupHeartbeatResponse) -> None:
        """The coordinator says which epoch this member is in, and perhaps what it may hold."""
        self.generation = answer.epoch
        if answer.assignment is not None:
            self._told = tuple(self.consumer.cluster.tp(*tp) for tp in answer.assignment)
            if self.consumer.waiting is not None and not self._is_moving:
                self._move(self._told)

    def _move(self, target: tuple[int, ...]) -> None:
        """Commit, if auto-commit is on, then give up what is not in the target, and take what is new in it."""
        self._told = None
        leaving = [tp for tp in self.consumer.cursors if tp not in target]
        if not leaving and len(target) == len(self.consumer.cursors):
            return
        self._is_moving = True
        self.consumer.set_aside(leaving)
        self._commit(self._in_this_life(lambda: self._arrive(target, leaving)))

    def _commit(self, then: Callable[[], None]) -> None:
        """A commit that was overtaken by a new epoch is made again with that; another refusal changes nothing."""
        consumer = self.consumer

        def committed(error: str | None) -> None:
            if error == "STALE_MEMBER_EPOCH" and self.generation >= 0:
                backoff = millis(consumer.settings.retry_backoff_ms)
                consumer.process.after(backoff, self._in_this_life(lambda: self._commit(then)))
            else:
                then()

        consumer.commits.auto_commit(committed)

    def _arrive(self, target: tuple[int, ...], leaving: list[int]) -> None:
        consumer = self.consumer
        self._is_moving = False
        consumer.commits.start_interval()
        consumer.revoke(leaving)
        consumer.assign(target)
        self.heartbeats.acknowledge()
        if self._told is not None and consumer.waiting is not None:
            self._move(self._told)

    def _in_this_life(self, act: Callable[[], None]) -> Callable[[], None]:
        """`act`, to be called later: by then the member may have lost its place."""
        life = self.life
        return lambda: act() if life == self.life else None

    # -- losing the place

    def commit_refused(self, error: str) -> None:
        """The commit failed, no more: what has become of the member it hears from its heartbeats."""

    def refused(self, error: str) -> None:
        """A heartbeat was refused for good."""
        if error in FENCED:
            self.fenced(error)
        else:
            self.heartbeats.stop()
            self.consumer.on_error(FATAL.get(error, error))

    def fenced(self, error: str) -> None:
        """The group went on without this member: it gives up everything, and begins again at epoch 0 (K94a)."""
        self.heartbeats.stop()
        self.generation = NO_GENERATION
        self._abandon_rebalance()
        self._lost = True
        if self.consumer.waiting is not None:
            self._catch_up()

    def _abandon_rebalance(self) -> None:
        self.life += 1
        self._told = None
        self._is_moving = False

    def _say_goodbye(self, then: Callable[[], None]) -> None:
        """Epoch -1: gone. From a static member -2: away, its partitions wait until its session ends (K94b)."""
        is_static = self.consumer.settings.group_instance_id is not None
        self.heartbeats.say_goodbye(AWAY_EPOCH if is_static else LEAVING_EPOCH, then)
