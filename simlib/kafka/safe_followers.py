"""Followers in a run in which nothing can befall a broker: what they are sure to take is not sent to them.

An answer to a follower's fetch and its next fetch take two latencies. Nobody but the leader looks at a follower's log
while the leader lives, so that the leader only notes when the next fetch is here; and it looks then only if the fetch
brings a new offset, or finds something new. Fetches that follow from one append are looked at together, when the last
of them is here: the high watermark waits for it anyway. The trace is that of `FollowerSessions`, to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from simlib.kafka.follower_sessions import FollowerSessions, Row, Session
from simlib.world.clock import MESSAGE

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led


HERE = -1 << 62
"""It has long been here."""


@dataclass
class Trip:
    """A follower's next fetch: when it is here, the ends of the logs it will have, and whether anybody waits for it."""

    here_at: int = HERE
    ends: dict[int, int] = field(default_factory=dict)
    awaited: bool = False


Arrival = tuple[int, Session, Trip]
"""The number of a follower, and where it stands."""


class SafeFollowers(FollowerSessions):
    """All followers of one broker that cannot fail."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker)
        self._trips: dict[Session, tuple[int, Trip]] = {}
        self._together: dict[int, list[Arrival]] | None = None

    def _begin(self, follower: int) -> Session:
        session = super()._begin(follower)
        self._trips[session] = follower, Trip()
        return session

    def appended(self, led: Led) -> None:
        self._together = {}
        super().appended(led)
        together, self._together = self._together, None
        for here_at, arrivals in together.items():
            self._plan(here_at, arrivals)

    def high_watermark_moved(self, led: Led) -> None:
        high_watermark = led.leader.high_watermark
        for session in led.sessions.values():
            follower, trip = self._trips[session]
            if (self._waits(follower, trip) and session.parked is not None
                    and session.sent_high_watermark.get(led.tp, -1) < high_watermark):
                session.news[led.tp] = None
                self._answer(session, [])

    def log_start_moved(self, led: Led) -> None:
        """Nobody will ask these followers for the beginning of their logs."""

    def _answer(self, session: Session, rows: list[Row]) -> None:
        if rows or session.parked is None:
            super()._answer(session, rows)
            return
        follower, trip = self._trips[session]
        if self._waits(follower, trip):
            trip.ends = self._taken(session)
            trip.here_at = self.broker.clock.now + 2 * self.broker.network.latency
        if not trip.awaited and (trip.ends or session.news):
            self._await(session, follower, trip)

    def _waits(self, follower: int, trip: Trip) -> bool:
        """Is its next fetch here already? Of what comes at one instant, that of a lower rank comes first."""
        if trip.awaited:
            return False
        broker = self.broker
        now = broker.clock.now
        if now != trip.here_at:
            return now > trip.here_at
        return (broker.handled_at == now and broker.handled is not None
                and broker.handled.source.rank > broker.cluster.brokers[follower].rank)

    def _taken(self, session: Session) -> dict[int, int]:
        """What an answer now would bring: the partitions with new records, and where they end."""
        ends = {}
        for tp in session.news:
            leader = self.broker.leads[tp].leader
            session.sent_high_watermark[tp] = leader.high_watermark
            if session.offsets[tp] < leader.log.end:
                ends[tp] = leader.log.end
        session.news.clear()
        return ends

    def _await(self, session: Session, follower: int, trip: Trip) -> None:
        trip.awaited = True
        arrival = follower, session, trip
        if self._together is None:
            self._plan(trip.here_at, [arrival])
        else:
            self._together.setdefault(trip.here_at, []).append(arrival)

    def _plan(self, here_at: int, arrivals: list[Arrival]) -> None:
        arrivals.sort(key=itemgetter(0))
        last = self.broker.cluster.brokers[arrivals[-1][0]]
        self.broker.clock.at(here_at, MESSAGE + last.rank, self._here, arrivals)

    def _here(self, arrivals: list[Arrival]) -> None:
        """The followers' next fetches arrive, but for those who have begun anew (there are more partitions)."""
        for follower, session, trip in arrivals:
            if self.sessions.get(follower) is session:
                self._is_here(follower, session, trip)

    def _is_here(self, follower: int, session: Session, trip: Trip) -> None:
        trip.awaited, trip.here_at = False, HERE
        ends, trip.ends = trip.ends, {}
        parked: Any = session.parked
        session.parked = None  # as while any fetch is looked at
        for tp, end in ends.items():
            self._asked(session, follower, tp, end, -1, self.broker.leads[tp].leader.epoch)
        session.parked = parked
        if session.news:
            self._answer(session, [])
