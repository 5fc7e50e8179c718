"""A member's fetches: one on its way to each leader, answered as soon as there is something to send.

The rules are those of `simlib.kafka.consumer.fetching` and `simlib.kafka.consumer_fetches`. No message is sent: when a
fetch is answered, and with what, is read off the columns of the leader.
"""

from __future__ import annotations

from dataclasses import dataclass

from simlib.flow.leader import Leader
from simlib.kafka.consumer.positions import Cursor

Rows = list[tuple[int, int]]
"""(partition, offset): asked for from there, or answered up to there."""


class FlowCursor(Cursor):
    """What lies between `taken` and `fetched` is in the buffer."""

    def wants_fetch(self) -> bool:
        return not self.fetching and self.taken == self.fetched >= 0


@dataclass
class Fetch:
    """One request. `answered`: when the answer is here (None: not known yet)."""

    number: int
    arrival: int
    rows: Rows
    ends_at: int | None = None
    """When the broker answers though there is nothing (fetch_max_wait_ms); None while nobody waits for that."""
    answered: int | None = None
    answer: Rows | None = None
    cause: tuple[int, ...] = ()
    """What made the leader answer: (time, order, number), as of a reply in `FlowClock.moment`."""


class Fetches:
    """All fetches of one life of one member."""

    def __init__(self, leaders: list[Leader], leader_of: list[int], latency: int, order: int, max_bytes: int,
                 max_wait: int) -> None:
        self.leaders = leaders
        self.leader_of = leader_of
        self.latency = latency
        self.order = order
        self.max_bytes = max_bytes
        self.max_wait = max_wait
        self.in_flight: dict[int, Fetch] = {}
        self.known: tuple[int, ...] = (0,)
        """Up to which moment the leaders' columns are complete."""
        self._numbers = 0

    def skip_numbers(self, many: int) -> None:
        """So many requests were reckoned elsewhere."""
        self._numbers += many

    def next_number(self) -> int:
        """The how-manieth request of this process."""
        self._numbers += 1
        return self._numbers

    def send(self, now: int, cursors: dict[int, Cursor]) -> None:
        """Ask for every partition with an empty buffer, where no other fetch is under way."""
        wanted: dict[int, Rows] = {}
        for tp, cursor in cursors.items():
            if cursor.wants_fetch():
                wanted.setdefault(self.leader_of[tp], []).append((tp, cursor.fetched))
        for number, rows in wanted.items():
            under_way = self.in_flight.get(number)
            if under_way is not None:
                self._hurry(now, number, under_way)
                continue
            for tp, _ in rows:
                cursors[tp].fetching = True
            self.in_flight[number] = fetch = Fetch(self.next_number(), now + self.latency, rows)
            self._look(number, fetch)

    def _hurry(self, now: int, number: int, fetch: Fetch) -> None:
        """The broker answers an idle fetch only when fetch_max_wait_ms is over."""
        if fetch.ends_at is None:
            fetch.ends_at = max(fetch.arrival + self.max_wait, now)
            self._look(number, fetch)

    def asked(self) -> Rows:
        """What all fetches under way ask for; a consumer that is closed, or has given up a partition, has some too."""
        return [row for fetch in self.in_flight.values() for row in fetch.rows]

    def look(self, known: tuple[int, ...]) -> None:
        """The leaders have moved on: see what is answered now. That there is nothing may have been too early to say."""
        self.known = known
        for number, fetch in self.in_flight.items():
            if not fetch.answer:
                self._look(number, fetch)

    def next_answer(self) -> tuple[int, int, tuple[int, ...]] | None:
        """(time, leader, cause) of the next answer that is known."""
        first = None
        for number, fetch in self.in_flight.items():
            at = fetch.answered
            if at is not None and (first is None or (at, number) < first[:2]):
                first = at, number, fetch.cause
        return first

    def land(self, number: int, cursors: dict[int, Cursor]) -> Rows:
        """An answer is here: up to where it brings each partition, for those that still wait for it."""
        fetch = self.in_flight.pop(number)
        waits = []
        for tp, offset in fetch.rows:
            cursor = cursors.get(tp)
            if cursor is not None and cursor.fetched == offset:
                cursor.fetching = False
                waits.append(tp)
        assert fetch.answer is not None
        return [(tp, end) for tp, end in fetch.answer if tp in waits]

    # -- at the leader

    def _look(self, number: int, fetch: Fetch) -> None:
        if (fetch.arrival, self.order) >= self.known:
            return
        at, order, answer = fetch.arrival, self.order, self._there(number, fetch)
        if not answer:
            at, order, answer = self._next(number, fetch)
        if fetch.ends_at is not None and (not answer or at >= fetch.ends_at):
            at, order, answer = fetch.ends_at, 0, []
        elif not answer:
            return
        fetch.answered, fetch.answer, fetch.cause = at + self.latency, answer, (at, order, fetch.number)

    def _there(self, number: int, fetch: Fetch) -> Rows:
        """What the fetch finds when it arrives."""
        found = []
        for tp, offset in fetch.rows:
            log = self.leaders[number].data[tp]
            limit = log.seen_at((fetch.arrival, self.order))
            if limit > offset:
                found.append((tp, log.read(offset, limit, self.max_bytes)))
        return found

    def _next(self, number: int, fetch: Fetch) -> tuple[int, int, Rows]:
        """What comes first of all it waits for, and when."""
        logs = self.leaders[number].data
        moments = [(moment, tp, offset) for tp, offset in fetch.rows
                   if (moment := logs[tp].visible(offset)) is not None]
        if not moments:
            return fetch.arrival, 0, []
        (at, order, change), tp, offset = min(moments)
        return at, order, [(tp, logs[tp].read(offset, logs[tp].seen_at((at, order, change + 1)), self.max_bytes))]
