"""All that one broker leads: batches arrive, followers fetch, high watermarks rise, producers are answered.

One loop over batches and fetches, in exactly the order the readable engine would have them: by time, then by who
caused them. `advance` carries it on to any moment; nothing that is asked for later changes what has been.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, Protocol

from simlib.flow.leader_alone import may_be_alone, write_alone
from simlib.flow.outbox import BY_ANSWER, Outbox
from simlib.flow.partition_log import PartitionLog, Waiting
from simlib.flow.sessions import Session
from simlib.world.clock import MESSAGE

AFTER_ALL = 1 << 62
"""Later than anything of the same instant and actor."""


class Internal(Protocol):
    """A partition whose log is the readable engine's."""

    @property
    def end(self) -> int:
        """Where its log ends."""

    @property
    def high_watermark(self) -> int: ...

    def fetched(self, follower: int, offset: int) -> None:
        """A follower has everything below an offset."""


class Leader:
    """The data of one broker's partitions."""

    def __init__(self, latency: int) -> None:
        self.latency = latency
        self._round_trip = 2 * latency
        self.data: dict[int, PartitionLog] = {}
        self.logs: dict[int, PartitionLog | Internal] = {}
        """The same, and the partition in which groups keep their state, if it is led here."""
        self.sessions: dict[int, Session] = {}
        self._agenda: list[tuple[int, int, int, int, Any]] = []
        self._changes = 0
        self._started = 0
        self._is_alone = False
        self.now = 0

    # -- what there is

    def lead(self, log: PartitionLog, followers: list[Session]) -> None:
        self.logs[log.tp] = self.data[log.tp] = log
        for session in followers:
            session.follow(log.tp)
        log.sessions = followers

    def begin(self, here_at: int) -> None:
        """The followers' second fetches arrive; nothing was written before."""
        for number in sorted(self.sessions):
            self._depart(self.sessions[number], here_at, [])

    def start(self, outbox: Outbox) -> None:
        """A producer begins to send."""
        self._started += 1
        self.data[outbox.tp].expect(outbox)
        self._is_alone = self._started == 1 and may_be_alone(self.data[outbox.tp], outbox)
        self._send(outbox)

    def go_on(self, outbox: Outbox) -> None:
        """It waited for more records, and has them."""
        outbox.waits_for_records = False
        self._send(outbox)

    # -- time

    def advance(self, until: tuple[int, ...]) -> None:
        """Everything before a moment (time, order within it) happens."""
        agenda = self._agenda
        while agenda and agenda[0] < until:
            if self._is_alone and len(agenda) == 1 and self._write_alone(until[0]):
                continue
            time, order, _, _, what = heappop(agenda)
            self.now, self._order = time, order
            if isinstance(what, Outbox):
                self._write(what)
            else:
                self._fetched(*what)

    def _write_alone(self, until: int) -> bool:
        """Batches that nobody gets in between, up to a time; False if the next one is not of that kind."""
        arrival, order, occasion, _, outbox = self._agenda[0]
        if not isinstance(outbox, Outbox) or arrival + 2 * self._round_trip >= until:
            return False
        left = write_alone(self.data[outbox.tp], outbox, (arrival, occasion), self.latency, until)
        self._agenda.clear()
        if left is not None:
            self._changes += 1
            heappush(self._agenda, (left[0], order, left[1], self._changes, outbox))
        return True

    # -- producers

    def _send(self, outbox: Outbox) -> None:
        cut = outbox.cut()
        if cut is not None:
            at, occasion = cut
            self._changes += 1
            heappush(self._agenda, (at + self.latency, MESSAGE + outbox.rank, occasion, self._changes, outbox))

    def _write(self, outbox: Outbox) -> None:
        """A batch arrives."""
        log = self.data[outbox.tp]
        log.append(self.now, outbox, outbox.counts[-1])
        if not log.sessions:
            self._raise(log, log.end)
        if outbox.acks == -1 and log.high_watermark < log.end:
            log.waiting.append(Waiting(log.end, outbox))
        elif outbox.acks != 0:
            self._answer_producer(outbox)
        self._appended(log.tp, log.sessions)
        if not outbox.waits_for_answer:
            self._send(outbox)

    def _answer_producer(self, outbox: Outbox) -> None:
        outbox.answers.append(self.now + self.latency)
        if outbox.waits_for_answer:
            outbox.waits_for_answer = False
            self._send(outbox)

    # -- followers

    def _appended(self, tp: int, sessions: list[Session]) -> None:
        for session in sessions:
            session.news[tp] = None
            if session.parked:
                self._answer(session)

    def _answer(self, session: Session) -> None:
        """A parked fetch is answered: the next one is here two latencies later, and says what was taken."""
        taken, logs = [], self.logs
        for tp in session.news:
            log = logs[tp]
            session.told[tp] = log.high_watermark
            if session.offsets[tp] < log.end:
                taken.append((tp, log.end))
        session.news.clear()
        self._depart(session, self.now + self._round_trip, taken)

    def _depart(self, session: Session, here_at: int, taken: list[tuple[int, int]]) -> None:
        session.parked = False
        session.here_at = here_at
        self._changes += 1
        heappush(self._agenda, (here_at, MESSAGE + session.rank, BY_ANSWER, self._changes, (session, taken)))

    def _fetched(self, session: Session, taken: list[tuple[int, int]]) -> None:
        """A follower's next fetch arrives."""
        for tp, offset in taken:
            session.offsets[tp] = offset
            log = self.logs[tp]
            if isinstance(log, PartitionLog):
                replicated = log.replicated()
                if replicated > log.high_watermark:
                    self._raise(log, replicated)
            else:
                log.fetched(session.number, offset)
            if offset < log.end or session.told[tp] < log.high_watermark:
                session.news[tp] = None
        session.parked = True
        if session.news:
            self._answer(session)

    def _raise(self, log: PartitionLog, high_watermark: int) -> None:
        self._changes += 1
        log.raise_to(high_watermark, (self.now, self._order, self._changes))
        waiting = log.waiting
        while waiting and waiting[0].end <= high_watermark:
            self._answer_producer(waiting.pop(0).outbox)
        self.tell(log.tp, high_watermark, log.sessions)

    def tell(self, tp: int, high_watermark: int, sessions: list[Session]) -> None:
        """The followers that wait hear of a new high watermark."""
        for session in sessions:
            if session.parked and session.told[tp] < high_watermark:
                session.news[tp] = None
                self._answer(session)

    def appended_elsewhere(self, moment: tuple[int, ...], tp: int) -> None:
        """The group coordinator has written something."""
        self.now, self._order, *_ = moment
        self._appended(tp, self.followers_of(tp))

    def followers_of(self, tp: int) -> list[Session]:
        return [session for session in self.sessions.values() if tp in session.offsets]
