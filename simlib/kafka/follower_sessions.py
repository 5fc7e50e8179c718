"""The followers' fetches at a leader: what each has, what is new for it, and its request while there is nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.kafka.partition_leader import NOT_LEADER, never

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange

FETCH_MAX_BYTES = 50 * 1024 * 1024

Row = tuple[int, str, Any, int]
"""(partition, error, entries, high watermark); in place of the entries DIVERGING has (epoch, its end), LOG_START the
offset at which the log begins."""


class Session:
    """One follower's standing fetch at this leader (KIP-227): offsets by partition, and what is new since."""

    __slots__ = ("log_starts", "news", "offsets", "parked", "sent_high_watermark", "silent")

    def __init__(self) -> None:
        self.offsets: dict[int, int] = {}
        self.sent_high_watermark: dict[int, int] = {}
        self.news: dict[int, None] = {}
        self.log_starts: dict[int, int] = {}
        """Log starts the follower has to be told."""
        self.parked: Exchange | None = None
        self.silent = False

    def waits(self) -> bool:
        """Is the follower waiting here for the next record?"""
        return self.parked is not None and not self.silent


class FollowerSessions:
    """All followers of one broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.sessions: dict[int, Session] = {}

    # -- a fetch comes

    def fetch(self, exchange: Exchange) -> None:
        """A follower has everything below the offsets it asks for."""
        follower, everything, wanted = exchange.payload
        session = self.sessions.get(follower)
        if session is None or everything:
            session = self._begin(follower)
        answers: list[Row] = []
        for tp, offset, last_epoch, epoch in wanted:
            problem = self._asked(session, follower, tp, offset, last_epoch, epoch)
            if problem:
                answers.append(problem)
        session.parked = exchange
        if answers or session.news or session.log_starts:
            self._answer(session, answers)

    def _begin(self, follower: int) -> Session:
        for led in self.broker.leads.values():
            led.sessions.pop(follower, None)
        session = self.sessions[follower] = Session()
        return session

    def _asked(self, session: Session, follower: int, tp: int, offset: int, last_epoch: int, epoch: int) -> Row | None:
        led = self.broker.leads.get(tp)
        if led is None or led.leader.epoch != epoch:
            return tp, NOT_LEADER if led is None or led.leader.epoch < epoch else "FENCED_LEADER_EPOCH", (), 0
        leader = led.leader
        if offset < leader.log.start:  # there is nothing left to compare: it begins anew at our log start
            session.log_starts[tp] = leader.log.start
        elif last_epoch >= 0 and (last_epoch != leader.log.last_epoch or offset > leader.log.end):
            found, end = leader.log.end_of_epoch(last_epoch)
            if found != last_epoch or end < offset:
                return tp, "DIVERGING", (found, end), 0
        session.offsets[tp] = offset
        if led.sessions.get(follower) is not session:
            led.sessions[follower] = session
            leader.followers[follower].waits = session.waits
            if leader.log.start:
                session.log_starts[tp] = leader.log.start
        if leader.fetched(self.broker.clock.now, follower, offset):
            self.broker.high_watermark_moved(led)
        if follower not in leader.isr:
            self.broker.note_end(led, follower, offset)
            self.broker.in_sync.let_join(led, follower)
        if offset < leader.log.end or session.sent_high_watermark.get(tp, -1) < leader.high_watermark:
            session.news[tp] = None
        return None

    # -- something is new

    def appended(self, led: Led) -> None:
        for session in led.sessions.values():
            session.news[led.tp] = None
            if session.parked is not None:
                self._answer(session, [])

    def high_watermark_moved(self, led: Led) -> None:
        high_watermark = led.leader.high_watermark
        for session in led.sessions.values():
            if session.parked is not None and session.sent_high_watermark.get(led.tp, -1) < high_watermark:
                session.news[led.tp] = None
                self._answer(session, [])

    def log_start_moved(self, led: Led) -> None:
        """The beginning of the log is gone: the followers forget it too."""
        for session in led.sessions.values():
            session.log_starts[led.tp] = led.leader.log.start
            self._answer(session, [])

    def stopped_leading(self, led: Led) -> None:
        for session in led.sessions.values():
            session.offsets.pop(led.tp, None)
            session.news[led.tp] = None
            self._answer(session, [])

    def _answer(self, session: Session, rows: list[Row]) -> None:
        exchange = session.parked
        if exchange is None:
            return
        leads, offsets = self.broker.leads, session.offsets
        if session.log_starts:
            rows.extend([(tp, "LOG_START", start, 0) for tp, start in session.log_starts.items() if tp in offsets])
            session.log_starts.clear()
        for tp in session.news:
            led = leads.get(tp)
            if led is None:
                rows.append((tp, NOT_LEADER, (), 0))
            elif tp in offsets:
                log, high_watermark = led.leader.log, led.leader.high_watermark
                session.sent_high_watermark[tp] = high_watermark
                rows.append((tp, "", log.read(offsets[tp], log.end, FETCH_MAX_BYTES), high_watermark))
        session.news.clear()
        session.parked = None
        exchange.reply(rows)

    # -- followers that cannot be reached

    def gone(self, follower: int) -> None:
        """Its connection is closed: the session is over."""
        self._falls_behind(follower)
        for led in self.broker.leads.values():
            if led.sessions.pop(follower, None):
                led.leader.followers[follower].waits = never
        self.sessions.pop(follower, None)

    def silent(self, follower: int, silent: bool) -> None:
        """Nothing comes from it any more (paused, cut off, without power), or it does again."""
        if silent:
            self._falls_behind(follower)
        if follower in self.sessions:
            self.sessions[follower].silent = silent

    def _falls_behind(self, follower: int) -> None:
        for led in self.broker.leads.values():
            if follower in led.sessions:
                led.leader.stopped_fetching(follower, self.broker.clock.now)
                self.broker.note_end(led, follower, led.leader.followers[follower].end)
