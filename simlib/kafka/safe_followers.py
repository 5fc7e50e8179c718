"""Followers in a run in which nothing can befall a broker: what they are sure to take is not sent to them.

An answer to a follower's fetch and its next fetch take two latencies. Nobody but the leader looks at a follower's log
while the leader lives, so that the leader only notes when the next fetch is here; and it looks then only if the fetch
brings a new offset, or finds something new. The times of everything else are those of `FollowerSessions`.
`explore` runs thousands of such worlds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simlib.kafka.follower_sessions import FollowerSessions, Row, Session
from simlib.world.clock import MESSAGE

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led


@dataclass
class Trip:
    """A follower's next fetch: when it is here, the ends of the logs it will have, and whether anybody waits for it."""

    here_at: int = 0
    ends: dict[int, int] = field(default_factory=dict)
    awaited: bool = False


class SafeFollowers(FollowerSessions):
    """All followers of one broker that cannot fail."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker)
        self._trips: dict[Session, tuple[int, Trip]] = {}

    def _begin(self, follower: int) -> Session:
        session = super()._begin(follower)
        self._trips[session] = follower, Trip()
        return session

    def high_watermark_moved(self, led: Led) -> None:
        high_watermark, now = led.leader.high_watermark, self.broker.clock.now
        for session in led.sessions.values():
            _, trip = self._trips[session]
            is_here = session.parked is not None and now >= trip.here_at and not trip.awaited
            if is_here and session.sent_high_watermark.get(led.tp, -1) < high_watermark:
                session.news[led.tp] = None
                self._answer(session, [])

    def _answer(self, session: Session, rows: list[Row]) -> None:
        if rows or session.parked is None:
            super()._answer(session, rows)
            return
        follower, trip = self._trips[session]
        now = self.broker.clock.now
        if not trip.awaited:
            if now >= trip.here_at:
                trip.ends = self._taken(session)
                trip.here_at = now + 2 * self.broker.network.latency
            if trip.ends or session.news:
                self._await(session, follower, trip)

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
        order = MESSAGE + self.broker.cluster.brokers[follower].rank
        self.broker.clock.at(trip.here_at, order, self._here, session, follower, trip)

    def _here(self, session: Session, follower: int, trip: Trip) -> None:
        """The follower's next fetch arrives, unless it has begun anew meanwhile (there are more partitions)."""
        if self.sessions.get(follower) is not session:
            return
        trip.awaited = False
        ends, trip.ends = trip.ends, {}
        parked: Any = session.parked
        session.parked = None  # as while any fetch is looked at
        for tp, end in ends.items():
            self._asked(session, follower, tp, end, -1, self.broker.leads[tp].leader.epoch)
        session.parked = parked
        if session.news:
            self._answer(session, [])
