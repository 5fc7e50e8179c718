"""Committing positions: the next record to read, never the last one read (K72)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simlib.kafka.consumer.heartbeats import NOT_HERE
from simlib.kafka.groups.messages import OffsetCommit, OffsetCommitResponse
from simlib.units import millis
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient

Then = Callable[[str | None], None]


class Commits:
    """The commits of one consumer."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer
        self.interval = millis(consumer.settings.auto_commit_interval_ms)
        self.backoff = millis(consumer.settings.retry_backoff_ms)
        self.alarm = Alarm(consumer.process, self.auto_commit_if_due)
        self.start_interval()

    def positions(self) -> dict[int, int]:
        """What a commit of everything would say."""
        return {tp: cursor.position for tp, cursor in self.consumer.cursors.items() if cursor.position >= 0}

    # -- auto-commit

    def start_interval(self) -> None:
        """A new assignment begins: the next auto-commit is an interval away."""
        self.due = self.consumer.process.clock.now + self.interval

    def auto_commit_if_due(self) -> None:
        """Inside a poll: commit what earlier polls handed over, once auto_commit_interval_ms has passed (K75)."""
        consumer = self.consumer
        if not consumer.settings.enable_auto_commit or consumer.waiting is None:
            return
        now = consumer.process.clock.now
        if now >= self.due:
            self.due = now + self.interval
            if consumer.membership.may_deliver() and self._something_new() and not consumer.dies_at_commit("before"):
                self._send(self.positions(), self._auto_committed, True, self._postpone)
        else:
            self.watch()

    def watch(self) -> None:
        """A poll that lasts commits by itself when it is time, if there is something new when it begins."""
        if self.alarm.deadline != self.due and self._something_new():
            self.alarm.set(self.due)

    def waited(self) -> None:
        """A long poll is over: shorter ones would have let its deadlines pass one by one, with nothing to commit."""
        self.let_pass(self.consumer.process.clock.now)

    def let_pass(self, now: int) -> None:
        """The next deadline is one that lies ahead."""
        late = now - self.due
        if late >= 0:
            self.due += (late // self.interval + 1) * self.interval

    def _something_new(self) -> bool:
        return any([cursor.position != cursor.committed for cursor in self.consumer.cursors.values()])

    def _auto_committed(self, error: str | None) -> None:
        """An auto-commit that was refused is written down already; the next one says more."""
        if error is None:
            self.consumer.dies_at_commit("after")

    def _postpone(self) -> None:
        """An auto-commit that got lost is not sent again - the next one says more -, but the next one comes early."""
        self.due = min(self.due, self.consumer.process.clock.now + self.backoff)
        self.consumer.metadata.refresh(self.auto_commit_if_due)

    def auto_commit(self, then: Then) -> None:
        """Commit before partitions are given up, if auto-commit is on; `then` follows in any case."""
        consumer = self.consumer
        wanted = consumer.settings.enable_auto_commit and consumer.membership.generation >= 0
        if wanted and self._something_new():
            self.commit(self.positions(), then, auto=True)
        else:
            then(None)

    # -- commit

    def commit(self, offsets: dict[int, int], then: Then, auto: bool = False) -> None:
        """Send positions to the coordinator; `then(None)` when stored, `then(error)` when refused.

        A lost coordinator is looked for until it is found: that is no error.
        """
        consumer, process = self.consumer, self.consumer.process
        if not offsets:
            then(None)
            return
        if consumer.dies_at_commit("before"):
            return
        process.busy(1)
        _Commit(self, offsets, then, auto).attempt()

    def _send(self, offsets: dict[int, int], then: Then, auto: bool, again: Callable[[], None]) -> None:
        """One attempt. `again()` follows if no coordinator takes it, `then` if it is stored or refused."""
        consumer, membership = self.consumer, self.consumer.membership
        coordinator = membership.coordinator()
        if membership.generation < 0:  # thrown out, and the client knows it: nothing is sent (K97)
            self._refused("UNKNOWN_MEMBER_ID", membership.generation)
            then("UNKNOWN_MEMBER_ID")
        elif coordinator is None:
            again()
        else:
            generation = membership.generation
            named = {consumer.cluster.tps[tp]: offset for tp, offset in offsets.items()}
            request = OffsetCommit(consumer.group, generation, membership.member_id, named,
                                   consumer.settings.group_instance_id, auto)
            consumer.network.request(consumer.process, coordinator, "commit", request,
                                     lambda answer: self._answered(offsets, generation, then, again, answer),
                                     lambda reason: again(), consumer.request_timeout)

    def _answered(self, offsets: dict[int, int], generation: int, then: Then, again: Callable[[], None],
                  answer: OffsetCommitResponse) -> None:
        if answer.error in NOT_HERE:
            again()
            return
        if answer.error is None:
            self._stored(offsets)
        else:
            self._refused(answer.error, generation)
        then(answer.error)

    def _stored(self, offsets: dict[int, int]) -> None:
        cursors = self.consumer.cursors
        for tp, offset in offsets.items():
            if tp in cursors:
                cursors[tp].committed = offset

    def _refused(self, error: str, generation: int) -> None:
        """Learn from a refusal, unless it is about a generation that is over."""
        consumer, membership = self.consumer, self.consumer.membership
        consumer.recorder.event("commit_failed", consumer.process, group=consumer.group_code, detail=error)
        if generation < 0 or generation != membership.generation:
            return
        membership.commit_refused(error)


class _Commit:
    """One commit on its way. Not closures that name one another: those are garbage only the collector can find."""

    def __init__(self, commits: Commits, offsets: dict[int, int], then: Then, auto: bool) -> None:
        self.commits = commits
        self.offsets = offsets
        self.then = then
        self.auto = auto

    def attempt(self) -> None:
        self.commits._send(self.offsets, self._settled, self.auto, self._again)

    def _again(self) -> None:
        self.commits.consumer.metadata.retry(self.attempt)

    def _settled(self, error: str | None) -> None:
        consumer = self.commits.consumer
        consumer.process.busy(-1)
        if error is not None or not consumer.dies_at_commit("after"):
            self.then(error)
