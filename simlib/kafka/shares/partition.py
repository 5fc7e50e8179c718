"""One partition as one share group sees it, on the broker that leads it (KIP-932). No clock.

Every record from the start offset on is available, acquired (locked by one member for a while), acknowledged or
archived. The start offset goes past what is acknowledged or archived. `now` comes in with every call, in ns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simlib.kafka.shares.messages import ACCEPT, REJECT, RELEASE, Change, Taken, count_of
from simlib.units import NEVER

AVAILABLE, ACQUIRED, ACKNOWLEDGED, ARCHIVED = "available", "acquired", "acknowledged", "archived"
DONE = (ACKNOWLEDGED, ARCHIVED)
BECOMES = {ACCEPT: ACKNOWLEDGED, RELEASE: AVAILABLE, REJECT: ARCHIVED}


@dataclass(slots=True)
class InFlight:
    """One record. `deliveries` counts how often it was acquired; `until`: when its lock ends.

    `is_changing`: its new state is not stored yet; until then nobody can do anything with it.
    """

    state: str
    deliveries: int
    member: str = ""
    until: int = NEVER
    entry: Any = None
    is_changing: bool = False

    def is_free(self) -> bool:
        return self.state == AVAILABLE and not self.is_changing


class SharePartition:
    """Records `start` up to, not including, `end` are in flight; what comes after has never been acquired."""

    def __init__(self, start: int, delivery_limit: int, lock_duration: int, most_in_flight: int,
                 stored: Mapping[int, tuple[str, int]] | None = None) -> None:
        """`lock_duration`: how long a member has a record for itself (ns). `stored`: (state, deliveries) by offset."""
        self.start = self.end = start
        self.delivery_limit = delivery_limit
        self.lock_duration = lock_duration
        self.most_in_flight = most_in_flight
        self.records: dict[int, InFlight] = {}
        self._locks: deque[tuple[int, tuple[int, ...]]] = deque()
        known = {offset: state for offset, state in (stored or {}).items() if offset >= start}
        for offset in range(start, max(known, default=start - 1) + 1):
            self.records[offset] = InFlight(*known.get(offset, (AVAILABLE, 0)))
            self.end = offset + 1
        self.advance()

    # -- taking records

    def next_offset(self) -> int:
        """The first record that can be taken."""
        return next((offset for offset, record in self.records.items() if record.is_free()), self.end)

    def has_room(self) -> bool:
        """May records be taken that nobody has had yet? (group.share.partition.max.record.locks)"""
        return self.end - self.start < self.most_in_flight

    def acquire(self, now: int, member: str, entries: Iterable[Any], most: int, whole_batches: bool) -> list[Taken]:
        """Lock records of these log entries for a member: `most` of them, and with `whole_batches` the rest of the
        entry with the last one.

        The entries begin at `next_offset()`. What the log does not have any more, or does not show, is archived.
        """
        taken: list[Taken] = []
        for entry in entries:
            self._close_gap(entry.base)
            for offset in range(max(entry.base, self.start), entry.end):
                enough = count_of(taken) >= most and not whole_batches
                if enough or not self._may_begin(offset, entry, whole_batches):
                    break
                self._take(taken, entry, offset, member, now)
            if count_of(taken) >= most or self.end < entry.end:
                break
        self._note_locks(now, taken)
        self.advance()
        return taken

    def _may_begin(self, offset: int, entry: Any, whole_batches: bool) -> bool:
        """Is there room for a record that nobody has had? Of a batch that was begun the rest may come too."""
        if offset < self.end:
            return True
        return offset == self.end and (self.has_room() or (whole_batches and offset > max(entry.base, self.start)))

    def _take(self, taken: list[Taken], entry: Any, offset: int, member: str, now: int) -> None:
        record = self.records.get(offset)
        if record is not None and not record.is_free():
            return
        if entry.batch.lane is None:
            self._archive(offset)
        else:
            _add(taken, entry, offset, self._lock(offset, member, now, entry))

    def _close_gap(self, base: int) -> None:
        """The log goes on at `base`: what was before, and could still be taken, is gone (compaction)."""
        for offset, record in self.records.items():
            if offset < base and record.is_free():
                record.state = ARCHIVED
        for offset in range(self.end, base):
            self._archive(offset)

    def _archive(self, offset: int) -> None:
        """There is nothing to deliver at this offset: a marker, an aborted record, or one that is gone."""
        self.records[offset] = InFlight(ARCHIVED, 0)
        self.end = max(self.end, offset + 1)

    def _lock(self, offset: int, member: str, now: int, entry: Any) -> int:
        before = self.records.get(offset)
        deliveries = 1 if before is None else before.deliveries + 1
        self.records[offset] = InFlight(ACQUIRED, deliveries, member, now + self.lock_duration, entry)
        self.end = max(self.end, offset + 1)
        return deliveries

    def _note_locks(self, now: int, taken: list[Taken]) -> None:
        offsets = tuple(offset for run in taken for offset in range(run.first, run.first + run.count))
        if offsets:
            self._locks.append((now + self.lock_duration, offsets))

    # -- answering for them

    def acknowledge(self, member: str, answers: Mapping[int, str]) -> list[Change] | None:
        """What a member says of its records: changes that count when they are stored. None: it does not have one.

        Records before the start offset are forgotten already: that is no error.
        """
        mine = {offset: answer for offset, answer in answers.items() if offset >= self.start}
        if not all(self._is_held_by(member, offset) for offset in mine):
            return None
        return [self._begin_change(offset, BECOMES[answer]) for offset, answer in mine.items()]

    def release(self, member: str) -> list[Change]:
        """The member is gone: what it had and did not answer for is given back."""
        mine = [offset for offset in self.records if self._is_held_by(member, offset)]
        return [self._begin_change(offset, AVAILABLE) for offset in mine]

    def _is_held_by(self, member: str, offset: int) -> bool:
        record = self.records.get(offset)
        return record is not None and record.state == ACQUIRED and record.member == member and not record.is_changing

    def _begin_change(self, offset: int, wanted: str) -> Change:
        record = self.records[offset]
        record.is_changing = True
        return Change(offset, self._after_delivery(record, wanted), record.deliveries)

    def _after_delivery(self, record: InFlight, wanted: str) -> str:
        """There is no next delivery after the last one (group.share.delivery.count.limit)."""
        return ARCHIVED if wanted == AVAILABLE and record.deliveries >= self.delivery_limit else wanted

    def complete(self, now: int, changes: Iterable[Change], stored: bool) -> bool:
        """The changes are stored, or could not be: then the locks go on. True if the start offset moved."""
        for change in changes:
            record = self.records.get(change.offset)
            if record is None:
                continue  # retention took it meanwhile
            record.is_changing = False
            if stored:
                record.state, record.member, record.until = change.state, "", NEVER
            elif record.until <= now:
                self._free(record)
        return self.advance()

    # -- locks end

    def next_lock_end(self) -> int | None:
        """When the next lock ends by itself; None if nothing is locked."""
        while self._locks:
            until, offsets = self._locks[0]
            if any(offset in self.records and self.records[offset].until == until for offset in offsets):
                return until
            self._locks.popleft()
        return None

    def expire(self, now: int) -> list[tuple[Change, str, Any]]:
        """Locks that are over: the changes, which count at once, whose locks they were, and the records' entries."""
        changes = []
        while (until := self.next_lock_end()) is not None and until <= now:
            for offset in self._locks.popleft()[1]:
                record = self.records.get(offset)
                if record is not None and record.until == until and not record.is_changing:
                    member = record.member
                    self._free(record)
                    changes.append((Change(offset, record.state, record.deliveries), member, record.entry))
        self.advance()
        return changes

    def _free(self, record: InFlight) -> None:
        record.state, record.member, record.until = self._after_delivery(record, AVAILABLE), "", NEVER

    # -- the start offset

    def advance(self) -> bool:
        """The start offset goes past what is done with."""
        before = self.start
        while (record := self.records.get(self.start)) is not None and record.state in DONE and not record.is_changing:
            del self.records[self.start]
            self.start += 1
        return self.start > before

    def begin_at(self, log_start: int) -> None:
        """Retention has moved the log's beginning: what is before it is forgotten."""
        if log_start <= self.start:
            return
        self.records = {offset: record for offset, record in self.records.items() if offset >= log_start}
        self.start, self.end = log_start, max(self.end, log_start)
        self.advance()

    def locked(self) -> list[int]:
        """The offsets that members have."""
        return [offset for offset, record in self.records.items() if record.state == ACQUIRED]


def _add(taken: list[Taken], entry: Any, offset: int, deliveries: int) -> None:
    """Records that follow each other in one entry, delivered equally often, travel together."""
    if taken:
        last = taken[-1]
        if last.entry is entry and last.first + last.count == offset and last.deliveries == deliveries:
            last.count += 1
            return
    taken.append(Taken(entry, offset, 1, deliveries))
