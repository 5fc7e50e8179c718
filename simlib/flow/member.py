"""One member of a declared group: its control events happen one by one, its records between them in columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.flow.client import FlowClient
from simlib.flow.fetches import Fetches
from simlib.flow.reading import Reading
from simlib.kafka.member import Member
from simlib.scenario.errors import EngineError
from simlib.units import millis
from simlib.world.clock import MESSAGE
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.flow.clock import FlowClock
    from simlib.flow.deliveries import Deliveries
    from simlib.flow.leader import Leader
    from simlib.flow.service import Service

RIVALS = ("two of its members read one partition at the same time (one was evicted), and each delivery has a drawn "
          "service time; give all records the same service_time, a number")

Held = tuple[tuple[int, ...], int, Callable[..., Any], tuple[Any, ...]]


class FlowMember(Member):
    """Catches up with the columns whenever something happens to it that is not a record."""

    clock: FlowClock
    client: FlowClient
    reading: Reading
    group_members: list[FlowMember]

    def wire(self, leaders: list[Leader], leader_of: list[int], service: Service, deliveries: Deliveries) -> None:
        """What it reads from, and where it writes down what it was handed."""
        self.leaders, self.leader_of, self.service, self.deliveries = leaders, leader_of, service, deliveries
        self._held: list[Held] = []
        self._missed: tuple[int, ...] | None = None

    # -- life

    def on_start(self, now: int) -> None:
        self.stopping = False
        settings = self.settings
        self.client = FlowClient(self, self.group.name, self.group.topics, settings, self.cluster, self.network,
                                 self._give_up)
        fetches = Fetches(self.leaders, self.leader_of, self.network.latency, MESSAGE + self.rank,
                          settings.max_partition_fetch_bytes, millis(settings.fetch_max_wait_ms))
        orders = [MESSAGE + broker.rank for broker in self.cluster.brokers]
        self.reading = self.client.reading = Reading(self.client, fetches, self.service, self.deliveries, orders)
        self._planned: int | None = None
        self._watch = Alarm(self, self._look)
        self._look()
        self.client.metadata.refresh(self._poll)

    def kill(self) -> None:
        self._catch_up_at_last()
        super().kill()

    def on_kill(self, now: int) -> None:
        self._held.clear()
        self.reading.write_down(self.worked_until)

    def on_end(self, now: int) -> None:
        self._catch_up_at_last()
        self.reading.write_down(self.worked_until)

    def _catch_up_at_last(self) -> None:
        """Of what it had in hand as it stood still the others know only now: they first read on without that."""
        if self.paused:
            self.catch_up_all()
        else:
            self.catch_up()

    def _look(self) -> None:
        """Often enough to see in time that a poll's work takes longer than max_poll_interval_ms."""
        self._watch.set(self.clock.now + millis(self.settings.max_poll_interval_ms))

    # -- the loop

    def catch_up(self) -> None:
        """Read on up to now, or to where a process that stood still has got in what it missed."""
        self._refuse_rivals()
        self.reading.advance(self._missed or self.clock.moment)
        self.client.watch_polls()

    def catch_up_all(self) -> None:
        """So does the whole group: what it has read by now counts."""
        for member in self.group_members:
            if member.alive and not member.paused:
                member.catch_up()

    def _refuse_rivals(self) -> None:
        """Two members read the same where one does not know yet that the group went on without it.

        Whose delivery of a record is which then decides its service time, unless all take the same.
        """
        if self.service.constant is not None:
            return
        reading = [member for member in self.group_members if member is self or (member.alive and not member.paused)]
        tps = [tp for member in reading for tp in member.client.cursors]
        if len(set(tps)) < len(tps):
            raise EngineError([f"group {self.group.name!r}: {RIVALS}"])

    def receive(self, incarnation: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if not self.alive or incarnation != self.incarnation:
            return
        if self.paused:
            self._held.append((self.clock.moment, incarnation, function, args))
            return
        self.catch_up()
        function(*args)
        self.plan_poll()

    def plan_poll(self) -> None:
        """A poll that has more to do than to read is an event of its own."""
        reading = self.reading
        if self.alive and reading.in_hand and self._planned != reading.finish_at \
                and self.client.poll_does_more(reading.now(reading.finish_at)):
            self._planned = reading.finish_at
            self.at(reading.finish_at, self._poll_at, reading.finish_at)

    def _poll_at(self, planned: int) -> None:
        self._planned = None
        reading = self.reading
        if not reading.in_hand or reading.finish_at > self.clock.now:
            return  # it stood still meanwhile
        self.catch_up_all()
        reading.finish()
        self._poll()

    def _poll(self) -> None:
        if self.stopping:
            self.client.close(self.stopped)
        else:
            self.client.poll(self.client.on_records)

    def shut_down(self, stopped: Any) -> None:
        """SIGTERM: finish the poll in hand, then close the consumer."""
        if not self.paused:
            self.catch_up()
        self.stopping, self.stopped = True, stopped
        if not self.reading.in_hand:
            self.client.close(stopped)
        self.plan_poll()

    # -- standing still

    def pause(self) -> None:
        self.catch_up()
        super().pause()

    def resume(self) -> None:
        """What happened meanwhile is taken up in the order in which it happened."""
        self.paused = False
        self.reading.stood_still(self.paused_since, self.clock.now)
        self._missed = self.paused_since, 0
        if self.reading.in_hand and self.reading.finish_at <= self.paused_since:
            self._poll_at(self.reading.finish_at)
        held, self._held = self._held, []
        for moment, incarnation, function, args in held:
            if self.alive and incarnation == self.incarnation:
                self._missed = moment
                self.catch_up()
                function(*args)
        self._missed = None
        if self.alive:
            self.catch_up()
            self.plan_poll()
