"""A declared consumer's loop - poll, work each record, poll again - carried on from one control event to the next."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from simlib.flow.deliveries import Deliveries
from simlib.flow.fetches import Fetches
from simlib.flow.reading_alone import may_read_alone, read_alone
from simlib.flow.service import Service, Stretch
from simlib.units import NEVER
from simlib.world.clock import MESSAGE, TIMER

if TYPE_CHECKING:
    from simlib.flow.client import FlowClient


class Reading:
    """One life of one member: what it has in hand, and what it has asked for."""

    def __init__(self, client: FlowClient, fetches: Fetches, service: Service, deliveries: Deliveries,
                 broker_orders: list[int]) -> None:
        self.client = client
        self.fetches = fetches
        self.service = service
        self.deliveries = deliveries
        self.broker_orders = broker_orders
        process = client.process
        self.who = (process.code, process.incarnation, client.group_code)
        self.timer = TIMER + process.rank
        self.in_hand: list[Stretch] = []
        self.began = self.finish_at = 0
        self.generation = -1
        self._answer: tuple[int, int, tuple[int, ...]] | None = None
        self.polls = 0
        """How many brought records."""
        self.done: list[int] | None = None
        """When each record in hand is finished, where that cannot be reckoned: repeats, or a pause has moved it."""
        self.not_before = NEVER
        """A process that stood still takes up only now what happened meanwhile."""

    # -- time

    def advance(self, until: tuple[int, ...]) -> None:
        """Polls, work and fetched records up to a moment; stops where a poll has more to do than to read."""
        self.look(until)
        self._read_alone(until)
        if self._step_before(until):
            self._read_alone(until)  # a first poll may have let a deadline pass
            while self._step_before(until):
                pass

    def _read_alone(self, until: tuple[int, ...]) -> None:
        if may_read_alone(self):
            read_alone(self, until[0])

    def _step_before(self, until: tuple[int, ...]) -> bool:
        """What happens next, if it happens before a moment. Does it?"""
        moment = self.next()
        if moment is None or moment >= until:
            return False
        self.step()
        return True

    def look(self, until: tuple[int, ...]) -> None:
        """The leaders' columns reach up to this moment."""
        for leader in self.fetches.leaders:
            leader.advance(until[:2])
        self.fetches.look(until[:2])

    def next(self) -> tuple[int, ...] | None:
        """When something happens next; None if nothing does, or if it is a control event."""
        answer = self._answer = self.fetches.next_answer()
        if self.in_hand and (answer is None or (self.finish_at, self.timer) < (answer[0], MESSAGE)):
            self._answer = None
            return None if self.client.poll_does_more(self.now(self.finish_at)) else (self.finish_at, self.timer)
        return None if answer is None else (answer[0], self.broker_orders[answer[1]], *answer[2])

    def step(self) -> None:
        """What `next` has found."""
        if self._answer is None:
            self._poll_again()
        else:
            self._answered(self._answer[0], self._answer[1])

    def now(self, time: int) -> int:
        """When something is taken up that is due at a time."""
        return time if time > self.not_before else self.not_before

    def _poll_again(self) -> None:
        now = self.now(self.finish_at)
        self.finish()
        self.client.waiting = self.client.on_records
        self.client.commits.watch()
        self.hand_over(now)

    def _answered(self, time: int, number: int) -> None:
        now = self.now(time)
        cursors = self.client.cursors
        for tp, end in self.fetches.land(number, cursors):
            cursors[tp].fetched = end
            self.client.drain_order[tp] = None
        if not self.hand_over(now):
            self.fetches.send(now, cursors)

    # -- a poll

    def hand_over(self, now: int) -> bool:
        """If somebody polls and there is something: take it and begin to work. True if so."""
        client = self.client
        if client.waiting is None or not client.drain_order or not client.membership.may_deliver():
            return False
        client.waiting = None
        self.in_hand = self._drain()
        self.fetches.send(now, client.cursors)
        self.generation = client.membership.generation
        self.polls += 1
        client.commits.let_pass(now)
        self._begin(now)
        return True

    def _begin(self, now: int) -> None:
        service, in_hand = self.service, self.in_hand
        self.began, self.done = now, None
        if service.constant is None and not all(map(service.is_first, in_hand)):
            self.done = service.done_again(now, in_hand)
            self.finish_at = self.done[-1]
        else:
            self.finish_at = now + sum([service.length(stretch) for stretch in in_hand])

    def _drain(self) -> list[Stretch]:
        client, stretches = self.client, []
        left = client.most
        for tp in list(client.drain_order):
            cursor = client.cursors[tp]
            count = min(cursor.fetched - cursor.taken, left)
            stretches.append(Stretch(tp, cursor.taken, count))
            cursor.taken += count
            cursor.position = cursor.taken
            if cursor.taken == cursor.fetched:
                del client.drain_order[tp]
            left -= count
            if not left:
                break
        return stretches

    # -- the end of a poll's work

    def finish(self) -> None:
        """All records in hand are done."""
        if self.done is not None:
            self.write_down(self.finish_at)
            return
        began = self.began
        for stretch in self.in_hand:
            self.deliveries.add(began, self.finish_at, self.who, stretch, self.generation)
            began += self.service.length(stretch)
            self.service.delivered(stretch, stretch.count)
        self.in_hand = []

    def write_down(self, now: int) -> None:
        """Note what was handed over up to `now`, and what of it was done by then."""
        if not self.in_hand:
            return
        done = self._done()
        handed = [self.began, *done[:-1]]
        left, first = bisect_right(handed, now), 0
        for stretch in self.in_hand:
            count = min(stretch.count, left - first)
            if count <= 0:
                break
            until = [time if time <= now else NEVER for time in done[first:first + count]]
            self.deliveries.add_given(handed[first:first + count], until, now, self.who,
                                      replace(stretch, count=count), self.generation)
            self.service.delivered(stretch, count)
            first += stretch.count
        self.in_hand = []

    def _done(self) -> list[int]:
        return self.service.done(self.began, self.in_hand) if self.done is None else self.done

    # -- standing still

    def stood_still(self, since: int, now: int) -> None:
        """What was still to do is done later by as much as the process stood still."""
        self.not_before = now
        if self.in_hand:
            done = self._done()
            first = bisect_right(done, since)
            self.done = done[:first] + [time + now - since for time in done[first:]]
            self.finish_at = self.done[-1]
