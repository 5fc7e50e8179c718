"""Committing positions: the next record to read, never the last one read (K72)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simlib.kafka.groups.messages import OffsetCommit, OffsetCommitResponse
from simlib.units import millis
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient

Then = Callable[[str | None], None]
FENCED = frozenset({"UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"})


class Commits:
    """The commits of one consumer."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer
        self.interval = millis(consumer.settings.auto_commit_interval_ms)
        self.due = consumer.process.clock.now + self.interval
        self.alarm = Alarm(consumer.process, self.auto_commit_if_due)

    def positions(self) -> dict[int, int]:
        """What a commit of everything would say."""
        return {tp: cursor.position for tp, cursor in self.consumer.cursors.items() if cursor.position >= 0}

    # -- auto-commit

    def auto_commit_if_due(self) -> None:
        """Inside a poll: commit what earlier polls handed over, once auto_commit_interval_ms has passed (K75)."""
        consumer = self.consumer
        if not consumer.settings.enable_auto_commit or consumer.waiting is None:
            return
        now = consumer.process.clock.now
        if now >= self.due:
            self.due = now + self.interval
            self.auto_commit(_ignore)
        elif self._something_new():
            self.alarm.set(self.due)

    def _something_new(self) -> bool:
        return any(cursor.position != cursor.committed for cursor in self.consumer.cursors.values())

    def auto_commit(self, then: Then) -> None:
        consumer = self.consumer
        offsets = self.positions()
        if consumer.membership.generation < 0 or not any(
                consumer.cursors[tp].committed != offset for tp, offset in offsets.items()):
            then(None)
            return
        self.commit(offsets, then, auto=True)

    # -- commit

    def commit(self, offsets: dict[int, int], then: Then, auto: bool = False) -> None:
        """Send positions to the coordinator; `then(None)` when stored, `then(error)` when refused.

        A lost coordinator is looked for until it is found: that is no error.
        """
        self.consumer.process.busy(1)
        self._send(offsets, then, auto)

    def _send(self, offsets: dict[int, int], then: Then, auto: bool) -> None:
        consumer = self.consumer
        membership = consumer.membership
        coordinator = membership.coordinator()
        if coordinator is None:
            consumer.metadata.retry(lambda: self._send(offsets, then, auto))
            return
        named = {consumer.cluster.tps[tp]: offset for tp, offset in offsets.items()}
        request = OffsetCommit(consumer.group, membership.generation, membership.member_id, named,
                               consumer.settings.group_instance_id, auto)
        consumer.network.request(consumer.process, coordinator, "commit", request,
                                 lambda answer: self._answered(offsets, then, auto, answer),
                                 lambda reason: self._again(offsets, then, auto), consumer.request_timeout)

    def _again(self, offsets: dict[int, int], then: Then, auto: bool) -> None:
        self.consumer.metadata.retry(lambda: self._send(offsets, then, auto))

    def _answered(self, offsets: dict[int, int], then: Then, auto: bool, answer: OffsetCommitResponse) -> None:
        error = answer.error
        if error in ("NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS"):
            self._again(offsets, then, auto)
            return
        if error is None:
            for tp, offset in offsets.items():
                if tp in self.consumer.cursors:
                    self.consumer.cursors[tp].committed = offset
        else:
            self._refused(error)
        self.consumer.process.busy(-1)
        then(error)

    def _refused(self, error: str) -> None:
        consumer = self.consumer
        consumer.recorder.event("commit_failed", consumer.process, group=consumer.group_code, detail=error)
        if error in FENCED:
            consumer.membership.fenced(error)
        elif error == "REBALANCE_IN_PROGRESS":
            consumer.membership.rejoin_at_next_poll()


def _ignore(error: str | None) -> None:
    """An auto-commit that fails is written down and tried again at the next interval."""
