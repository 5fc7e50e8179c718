"""A broker that keeps groups, and whose data lives in columns.

The partition in which groups keep their state has its log here. It is replicated by the same fetches as the data, so
that a commit and the records beside it wait for one another as they do in the readable engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.flow.leader import Leader
from simlib.kafka.broker import Broker
from simlib.kafka.cluster import OFFSETS
from simlib.kafka.consumer_fetches import ConsumerFetches
from simlib.kafka.follower_sessions import FollowerSessions
from simlib.world.clock import MESSAGE

if TYPE_CHECKING:
    from simlib.flow.clock import FlowClock
    from simlib.kafka.cluster import Image
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange


class FlowBroker(Broker):
    """`data` is what it leads."""

    clock: FlowClock
    data: Leader

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.fetchers = NoFetchers()

    def new_followers(self) -> FollowerSessions:
        return Followers(self)

    def new_consumers(self) -> ConsumerFetches:
        return LogEnds(self)

    # -- the internal partition

    @property
    def end(self) -> int:
        """Where its log ends."""
        return self.leads[OFFSETS].leader.log.end

    @property
    def high_watermark(self) -> int:
        """Up to where it is replicated."""
        return self.leads[OFFSETS].leader.high_watermark

    def fetched(self, follower: int, offset: int) -> None:
        """A follower has everything below an offset."""
        led = self.leads[OFFSETS]
        if led.leader.fetched(self.clock.now, follower, offset):
            self.high_watermark_moved(led)

    def watch(self) -> None:
        """While something of the internal partition is not replicated, the followers' next fetches are events."""
        if self.high_watermark < self.end:
            for session in self.data.followers_of(OFFSETS):
                if not session.parked and session.watched != session.here_at:
                    session.watched = session.here_at
                    self.clock.at(session.here_at, MESSAGE + session.rank, self._fetch_is_here)

    def _fetch_is_here(self) -> None:
        time, order, *_ = self.clock.moment
        self.data.advance((time, order + 1))
        self.watch()


class Followers(FollowerSessions):
    """Those of the internal partition: they fetch together with the data."""

    broker: FlowBroker

    def appended(self, led: Led) -> None:
        broker = self.broker
        broker.data.advance(broker.clock.moment[:2])
        broker.data.appended_elsewhere(broker.clock.moment, led.tp)
        broker.watch()

    def high_watermark_moved(self, led: Led) -> None:
        data = self.broker.data
        data.tell(led.tp, led.leader.high_watermark, data.followers_of(led.tp))


class LogEnds(ConsumerFetches):
    """Where the logs end, for a reset policy: members read the columns themselves."""

    broker: FlowBroker

    def list_offsets(self, exchange: Exchange) -> None:
        data = self.broker.data
        data.advance(self.broker.clock.moment[:2])
        for tp, log in data.data.items():
            self.broker.leads[tp].leader.high_watermark = log.high_watermark
        super().list_offsets(exchange)


class NoFetchers:
    """What a follower asks for is reckoned where it is led."""

    def forget(self) -> None:
        """There is nothing to forget."""

    def follow(self, image: Image) -> None:
        """Nobody has to be asked."""
