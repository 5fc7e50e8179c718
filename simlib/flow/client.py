"""A consumer client whose membership and commits are those of the readable engine, and whose fetches are columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.flow.fetches import FlowCursor
from simlib.kafka.consumer.client import ConsumerClient
from simlib.kafka.consumer.commits import Commits
from simlib.kafka.consumer.positions import Run
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.flow.member import FlowMember
    from simlib.flow.reading import Reading


class FlowCommits(Commits):
    """Whoever reads ahead in columns must not pass a deadline: at each, the member catches up."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self._deadline = Alarm(consumer.process, self._next_deadline)
        super().__init__(consumer)

    @property
    def due(self) -> int:
        """When the next auto-commit may be sent."""
        return self._due

    @due.setter
    def due(self, time: int) -> None:
        self._due = time
        if time > self.consumer.process.clock.now:
            self._deadline.set(time)

    def _next_deadline(self) -> None:
        """The member has caught up; a poll that lasts lets deadlines pass, one every interval (see `let_pass`)."""
        late = self.consumer.process.clock.now - self._due
        self._deadline.set(self._due + (late // self.interval + 1) * self.interval)


class FlowClient(ConsumerClient):
    """`reading` does what a poll does with records."""

    cursor_type = FlowCursor
    process: FlowMember
    reading: Reading

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.commits = FlowCommits(self)
        self.fetching = AskingInColumns(self)
        self._watched = 0

    def on_records(self, runs: list[Run]) -> None:
        """The reading keeps them; this only says that somebody polls."""

    def deliver(self) -> bool:
        """Hand over what is there, if somebody polls and the group lets us; True if so."""
        if not self.reading.hand_over(self.process.clock.now):
            return False
        self.membership.working()
        return True

    def poll_does_more(self, time: int) -> bool:
        """Must the poll at that time commit, or see to the group? Then it is a control event."""
        return time >= self.commits.due or self.membership.awaits_poll() or self.process.stopping

    def watch_polls(self) -> None:
        """max_poll_interval_ms counts from the last poll that brought records."""
        reading, membership = self.reading, self.membership
        if not reading.in_hand:
            membership._poll_limit.set(None)
        elif self._watched != reading.polls:
            self._watched = reading.polls
            membership._poll_limit.set(reading.began + membership._patience)


class AskingInColumns:
    """Where the readable engine would send fetches now."""

    def __init__(self, client: FlowClient) -> None:
        self.client = client

    def fetch(self) -> None:
        self.client.reading.fetches.send(self.client.process.clock.now, self.client.cursors)
