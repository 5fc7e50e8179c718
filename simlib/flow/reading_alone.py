"""A member with one partition, between two control events: poll, work, fetch ahead in one loop, without objects.

`Reading` says the same step by step, for any number of partitions, and goes on from wherever this stops.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from simlib.flow.fetches import Fetch, Fetches
from simlib.flow.moments import add, whole_numbers
from simlib.flow.partition_log import PartitionLog
from simlib.flow.reading_many import Polls, many_polls
from simlib.flow.service import Stretch
from simlib.kafka.consumer.positions import Cursor

if TYPE_CHECKING:
    from simlib.flow.reading import Reading

PATIENCE = 64
"""Polls, before it is looked again whether many can be reckoned at once."""

UNKNOWN = 1 << 62
"""When a fetch is answered that nobody has sent, or whose answer nobody knows yet."""

Answer = tuple[int, int, int, int]
"""When it is here, up to which offset, and when (time, order) the leader sent it."""

NOTHING: Answer = (UNKNOWN, 0, 0, 0)


@dataclass
class Stand:
    """Where a member with one partition stands."""

    taken: int
    fetched: int
    count: int
    """Of the records taken, how many are in hand."""
    began: int
    finish: int
    answer: Answer
    wanted: int
    """The offset that the last fetch asks for; -1 if there is none. It has been answered if more than that is there."""
    asked: int = 0
    """When the last fetch was sent."""
    requests: int = 0
    polls: int = 0
    polled: int = -1
    """Where the last poll found it; -1 if there was none."""


@dataclass
class Done:
    """Polls whose work is done: when it began and ended, how many records; `first` is the offset of the first."""

    first: int
    began: array[int] = field(default_factory=whole_numbers)
    ended: array[int] = field(default_factory=whole_numbers)
    counts: array[int] = field(default_factory=whole_numbers)

    def add(self, polls: Polls) -> None:
        for column, values in ((self.began, polls.began), (self.ended, polls.ended), (self.counts, polls.counts)):
            add(column, values)


# -- is it alone?

def may_read_alone(reading: Reading) -> bool:
    """Is there one partition, and nothing out of the ordinary about it?"""
    client = reading.client
    if len(client.cursors) != 1 or reading.done is not None or not _is_undisturbed(reading):
        return False
    (tp, cursor), = client.cursors.items()
    in_hand, fetch = reading.in_hand, next(iter(reading.fetches.in_flight.values()), None)
    if cursor.fetched < 0 or bool(in_hand) == (client.waiting is not None) or len(in_hand) > 1:
        return False
    if in_hand and in_hand[0].tp != tp or not _is_plain(reading.fetches, tp, cursor):
        return False
    first = reading.finish_at if in_hand else fetch.answered if fetch is not None else None
    return first is not None and first >= reading.not_before and _are_new(reading, tp, cursor.taken)


def _is_undisturbed(reading: Reading) -> bool:
    """No poll has more to do than to read, unless it is time to commit."""
    client = reading.client
    return client.membership.may_deliver() and not client.poll_does_more(-UNKNOWN)


def _is_plain(fetches: Fetches, tp: int, cursor: Cursor) -> bool:
    """At most one fetch is under way: for what comes next."""
    flights = list(fetches.in_flight.values())
    if len(flights) > 1 or bool(flights) != cursor.fetching:
        return False
    return all(fetch.rows == [(tp, cursor.fetched)] and fetch.ends_at is None for fetch in flights)


def _are_new(reading: Reading, tp: int, offset: int) -> bool:
    """A second delivery may take another time than the first."""
    return reading.service.constant is not None or reading.service.is_first(Stretch(tp, offset, 1))


# -- what happens

def read_alone(reading: Reading, until: int) -> None:
    """All that happens before `until` (ns) and before the next auto-commit is due."""
    client, fetches = reading.client, reading.fetches
    (tp, cursor), = client.cursors.items()
    leader, fetch = next(iter(fetches.in_flight.items()), (fetches.leader_of[tp], None))
    count = sum([stretch.count for stretch in reading.in_hand])
    wanted = cursor.fetched if fetch else -1
    stand = Stand(cursor.taken, cursor.fetched, count, reading.began, reading.finish_at, _answer_of(fetch), wanted)
    done = Done(cursor.taken - count)
    _loop(reading, tp, fetches.leaders[leader].data[tp], min(until, client.commits.due), stand, done)
    _write_down(reading, tp, done)
    cursor.fetching = _keep_fetch(fetches, leader, tp, stand)
    _keep(reading, tp, stand)


def _loop(reading: Reading, tp: int, log: PartitionLog, stop: int, stand: Stand, done: Done) -> None:
    service, fetches, most = reading.service, reading.fetches, reading.client.most
    constant, latency, sums = service.constant, fetches.latency, service.sums_up_to(tp, 0)
    began_at, ended_at, records = done.began.append, done.ended.append, done.counts.append
    taken, fetched, count, answer = stand.taken, stand.fetched, stand.count, stand.answer
    began, finish, wanted, polled, asked, requests, polls = stand.began, stand.finish, stand.wanted, -1, 0, 0, 0
    at_most, look_at = min(most, log.room(fetches.max_bytes)), 0
    may_be_many = log.is_whole and service.outlasts(2 * latency)
    while True:
        if count and finish <= answer[0]:  # the next poll
            if finish >= stop:
                break
            began_at(began)
            ended_at(finish)
            records(count)
            polled, count, began = taken, 0, finish
            if taken == fetched:
                continue
        elif answer[0] < stop:  # the fetch is answered
            arrived, fetched, answer = answer[0], answer[1], NOTHING
            if count:
                continue
            began = arrived
        else:
            break
        count = fetched - taken if fetched - taken < most else most
        taken += count
        polls += 1
        if may_be_many and taken == fetched and polls > look_at:
            many = many_polls(log, service, taken - count, taken, began, latency, stop, at_most)
            look_at = polls + PATIENCE
            if many is not None:
                done.add(many)
                polls, requests = polls + len(many.counts), requests + len(many.counts)
                polled = taken - count + many.taken
                began, count, taken = many.begins, many.fetched - many.taken, taken - count + many.fetched
                fetched, look_at = taken, polls
        if constant is not None:
            finish = began + constant * count
        else:
            if taken >= len(sums):
                service.sums_up_to(tp, taken)
            finish = began + sums[taken] - sums[taken - count]
        if taken == fetched:
            asked, wanted, requests = began, taken, requests + 1
            answer = _look(log, fetches, taken, began + latency)
    stand.taken, stand.fetched, stand.count, stand.answer = taken, fetched, count, answer
    stand.began, stand.finish, stand.polled, stand.asked = began, finish, polled, asked
    stand.requests, stand.polls, stand.wanted = requests, polls, wanted


def _look(log: PartitionLog, fetches: Fetches, offset: int, arrival: int) -> Answer:
    """When a fetch from an offset is answered, and with what (see `Fetches`)."""
    here, moments, times = (arrival, fetches.order), log.moments, log.moments.times
    place, end = bisect_right(log.high_watermarks, offset), len(times)
    if here >= fetches.known or place == end:
        return NOTHING
    sent, seen = here, bisect_left(times, arrival, place)
    if seen < end and times[seen] == arrival:
        seen = moments.before(here, place)
    if seen == place:
        at, order, change = moments[place]
        sent, seen = (at, order), place + 1
        if seen < end and times[seen] == at:
            seen = moments.before((at, order, change + 1), place)
    limit = log.high_watermarks[seen - 1]
    end = limit if log.fits(offset, limit, fetches.max_bytes) else log.read(offset, limit, fetches.max_bytes)
    return sent[0] + fetches.latency, end, *sent


# -- what there is afterwards

def _answer_of(fetch: Fetch | None) -> Answer:
    if fetch is None or fetch.answered is None or not fetch.answer:
        return NOTHING
    return fetch.answered, fetch.answer[0][1], fetch.cause[0], fetch.cause[1]


def _write_down(reading: Reading, tp: int, done: Done) -> None:
    """What was handed over and done; what was in hand before may be of an earlier generation."""
    if not done.counts:
        return
    generations = np.full(len(done.counts), reading.client.membership.generation)
    if reading.in_hand:
        generations[0] = reading.generation
    reading.deliveries.add_many(done.began, done.ended, reading.who, tp, done.first, done.counts, generations)
    records = sum(done.counts)
    reading.service.delivered(Stretch(tp, done.first, records), records)


def _keep_fetch(fetches: Fetches, leader: int, tp: int, stand: Stand) -> bool:
    """The last fetch, if it is under way. Is it?"""
    if stand.fetched != stand.wanted:
        fetches.in_flight.pop(leader, None)
        fetches.skip_numbers(stand.requests)
    elif stand.requests:
        fetches.skip_numbers(stand.requests - 1)
        fetch = Fetch(fetches.next_number(), stand.asked + fetches.latency, [(tp, stand.wanted)])
        fetches.in_flight[leader] = fetch
        if stand.answer is not NOTHING:
            at, end, time, order = stand.answer
            fetch.answered, fetch.answer, fetch.cause = at, [(tp, end)], (time, order, fetch.number)
    return stand.fetched == stand.wanted


def _keep(reading: Reading, tp: int, stand: Stand) -> None:
    client, cursor = reading.client, reading.client.cursors[tp]
    if stand.polled >= 0:
        cursor.position = stand.polled
        client.commits.watch()
    cursor.position = cursor.taken = stand.taken
    cursor.fetched = stand.fetched
    client.drain_order.pop(tp, None)
    if stand.fetched > stand.taken:
        client.drain_order[tp] = None
    reading.in_hand = [Stretch(tp, stand.taken - stand.count, stand.count)] if stand.count else []
    client.waiting = None if reading.in_hand else client.on_records
    if stand.polls:
        reading.began, reading.finish_at, reading.polls = stand.began, stand.finish, reading.polls + stand.polls
        reading.generation = client.membership.generation
