"""ConsumerGroupHeartbeat from the member's side: at the brokers' interval, and at once when there is news."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka.consumer.heartbeats import NOT_HERE
from simlib.kafka.groups.messages import ALL_IS_WELL, JOINING_EPOCH, ConsumerGroupHeartbeat
from simlib.units import millis
from simlib.world.process import Alarm


class ConsumerHeartbeats:
    """`alive` from the first one on, until the member has lost or left its place. One is in flight at a time.

    `_said`: what the coordinator was last told that this member holds; None if that may not have arrived.
    """

    kind = "consumer_group_heartbeat"

    def __init__(self, membership: Any) -> None:
        """`membership`: that of KIP-848, or of a share group."""
        self.membership: Any = membership
        self.consumer: Any = membership.consumer
        self.alive = False
        self._interval = millis(self.consumer.settings.heartbeat_interval_ms)
        self._alarm = Alarm(self.consumer.process, self._due)
        self._in_flight: Any = None
        self._said: tuple[int, ...] | None = None
        self._looking = False
        self._is_late = False

    def begin(self) -> None:
        """Join."""
        self.alive = True
        self._said = None
        self._beat()

    def acknowledge(self) -> None:
        """The member has given up and taken over what it was told to: say so at once."""
        if self.alive and not self._waits():
            self._beat()  # else the answer is followed by another

    def stop(self) -> None:
        self.alive = False
        self._alarm.set(None)

    def say_goodbye(self, epoch: int, then: Callable[[], None]) -> None:
        """The last one."""
        coordinator = self.membership.coordinator()
        if coordinator is None or (self.membership.generation < 0 and self._in_flight is None):
            then()
        else:
            self._ask(coordinator, self._request(epoch, None), lambda answer: then(), lambda reason: then(), True)

    # -- one heartbeat

    def _waits(self) -> bool:
        return self._in_flight is not None and not self._in_flight.done

    def _due(self) -> None:
        """The interval is over. A slow answer is waited for, and the next heartbeat then sent at once."""
        if self._waits():
            self._is_late = True
            self._alarm.set(self.consumer.process.clock.now + self._interval)
        else:
            self._beat()

    def _beat(self) -> None:
        self._is_late = False
        coordinator = self.membership.coordinator()
        if coordinator is None:
            self._look_for_coordinator()
            return
        holds = tuple(self.consumer.cursors)
        epoch = max(self.membership.generation, JOINING_EPOCH)
        has_news = epoch == JOINING_EPOCH or holds != self._said
        self._said = holds
        self._alarm.set(self.consumer.process.clock.now + self._interval)
        life = self.membership.life
        request = self._request(epoch, holds if has_news else None)
        self._in_flight = self._ask(coordinator, request, lambda answer: self._heard(life, answer),
                                    lambda reason: self._unheard(life, coordinator), has_news)

    def _request(self, epoch: int, holds: tuple[int, ...] | None) -> Any:
        consumer = self.consumer
        settings, tps = consumer.settings, consumer.cluster.tps
        return ConsumerGroupHeartbeat(
            consumer.group, self.membership.member_id, epoch, consumer.process.name, settings.group_instance_id,
            settings.max_poll_interval_ms, consumer.topics, settings.group_remote_assignor,
            None if holds is None else tuple(tps[tp] for tp in holds))

    def _ask(self, coordinator: Any, request: Any, answered: Callable[[Any], None],
             lost: Callable[[str], None], has_news: bool) -> Any:
        """Send it. While something new is on its way the run is not over; nobody waits for a mere sign of life."""
        consumer, process = self.consumer, self.consumer.process

        def done(act: Callable[[Any], None]) -> Callable[[Any], None]:
            def end(what: Any) -> None:
                process.busy(-1)
                act(what)

            return end

        if has_news:
            process.busy(1)
            answered, lost = done(answered), done(lost)
        return consumer.network.request(process, coordinator, self.kind, request, answered, lost,
                                        consumer.request_timeout)

    def _heard(self, life: int, answer: Any) -> None:
        self._in_flight = None
        membership = self.membership
        if life != membership.life or not self.alive:
            return
        if answer.error is None:
            if answer is not ALL_IS_WELL:
                membership.heard(answer)
            if self.alive and (self._is_late or tuple(self.consumer.cursors) != self._said):
                self._beat()
        elif answer.error in NOT_HERE:
            self._again()
        else:
            self._said = None
            membership.refused(answer.error)

    def _unheard(self, life: int, coordinator: Any) -> None:
        self._in_flight = None
        self.consumer.metadata.broken(coordinator)
        if life == self.membership.life and self.alive:
            self._again()

    def _again(self) -> None:
        """Say everything once more: nobody knows what has arrived."""
        self._said = None
        self._look_for_coordinator()

    def _look_for_coordinator(self) -> None:
        if not self._looking:
            self._looking = True
            self.consumer.metadata.retry(self._coordinator_may_be_known)

    def _coordinator_may_be_known(self) -> None:
        self._looking = False
        if self.alive:
            self._beat()
