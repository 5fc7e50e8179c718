"""One share-partition where it is served: the state machine, its log, what is stored of it, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simlib.kafka.shares.messages import ACCEPT, REJECT, RELEASE, Change, ShareStateResponse, Taken
from simlib.kafka.shares.partition import SharePartition
from simlib.kafka.shares.storing import Storing
from simlib.trace.trace_data import ANSWERS
from simlib.units import MS, millis

if TYPE_CHECKING:
    from simlib.kafka.replica import Led
    from simlib.kafka.shares.serving import ShareServing
    from simlib.world.exchange import Exchange

INVALID = "INVALID_RECORD_STATE"
NOT_STORED = "COORDINATOR_NOT_AVAILABLE"
ROOM = 50 * 1024 * 1024
"""fetch.max.bytes of a share consumer."""

SOON = 100 * MS
SAID = {ACCEPT: "accepted", RELEASE: "released", REJECT: "rejected"}


class Served:
    """What one share group has of one partition, on its leader.

    `shared` is None until the share coordinator has said how far the group is.
    """

    def __init__(self, serving: ShareServing, led: Led, group: str) -> None:
        broker = serving.broker
        self.serving = serving
        self.led = led
        self.group = group
        self.group_code = broker.recorder.code("groups", group)
        self.settings = broker.cluster.share_groups[group]
        self.waiting: dict[Exchange, None] = {}
        self.shared: SharePartition | None = None
        self.storing = Storing(broker, group, led.tp, led.leader.epoch, self._is_current, self._start)

    def _is_current(self) -> bool:
        """Does this broker still lead the partition, in the same epoch?"""
        return self.serving.broker.leads.get(self.led.tp) is self.led

    def _start(self) -> int:
        return -1 if self.shared is None else self.shared.start

    @property
    def is_busy(self) -> bool:
        """Will something happen here by itself?"""
        return not self.storing.is_idle or (self.shared is not None and bool(self.shared.locked()))

    # -- beginning

    def begin(self) -> None:
        """Find out how far the group is."""
        self.storing.read(self._begun)

    def _begun(self, answer: ShareStateResponse) -> None:
        broker, leader = self.serving.broker, self.led.leader
        if answer.error is not None:
            return  # somebody else leads the partition by now
        if answer.start < 0 and not leader.knows_high_watermark():
            broker.after(SOON, self._try_again, answer)
            return
        start = answer.start if answer.start >= 0 else self._reset()
        settings = broker.settings
        self.shared = SharePartition(start, settings.group_share_delivery_count_limit,
                                     millis(self.settings.share_record_lock_duration_ms),
                                     settings.group_share_partition_max_record_locks, answer.states)
        self._note_start()
        self.serving.look_again(self)

    def _try_again(self, answer: ShareStateResponse) -> None:
        if self._is_current():
            self._begun(answer)

    def _reset(self) -> int:
        """The group has not begun here: share_auto_offset_reset says where. A new leader knows of no beginning that
        was not stored: "latest" jumps over what a member may have in hand."""
        broker, tp = self.serving.broker, self.led.tp
        policy = self.settings.share_auto_offset_reset
        start = self.led.leader.log.start if policy == "earliest" else self._limit()
        broker.recorder.event("reset", broker, group=self.group_code, tp=tp, a=start,
                              detail=f"{policy}: the share group has not begun")
        begun = broker.cluster.committed.get((self.group, broker.cluster.tps[tp]), 0)
        if start > begun:
            broker.recorder.skipped((broker.clock.now, self.group_code, tp, begun, start))
        return start

    # -- records

    @property
    def _reads_committed(self) -> bool:
        return bool(self.settings.share_isolation_level == "read_committed")

    def _limit(self) -> int:
        """Up to where the group may read."""
        leader = self.led.leader
        return leader.log.last_stable_offset(leader.high_watermark) if self._reads_committed else leader.high_watermark

    def has_something(self) -> bool:
        """Is there a record that a member may have?"""
        shared = self.shared
        if shared is None:
            return False
        offset = shared.next_offset()
        return offset < self._limit() and (offset < shared.end or shared.has_room())

    def take(self, member: str, most: int) -> list[Taken]:
        """Records for a member; they are locked for it."""
        shared, leader = self.shared, self.led.leader
        if shared is None:
            return []
        before = shared.start
        shared.begin_at(leader.log.start)
        taken: list[Taken] = []
        if self.has_something():
            read = leader.log.read_committed if self._reads_committed else leader.log.read
            entries = read(shared.next_offset(), leader.high_watermark, ROOM)
            taken = shared.acquire(self.serving.broker.clock.now, member, entries, most,
                                   self.settings.share_acquire_mode == "batch_optimized")
        if shared.start != before:
            self._note_start()
        return taken

    # -- what becomes of them

    def acknowledge(self, member: str, answers: Mapping[int, str], end: Callable[[str], None]) -> None:
        """A member answers for records; `end(error)` follows when that is stored, or refused."""
        changes = None if self.shared is None else self.shared.acknowledge(member, answers)
        if changes is None:
            end(INVALID)
        elif not changes:
            end("")
        else:
            self._store(changes, lambda change: SAID[answers[change.offset]], member,
                        lambda stored: end("" if stored else NOT_STORED))

    def release(self, member: str, how: str) -> None:
        """A member is gone: what it did not answer for is free again."""
        changes = [] if self.shared is None else self.shared.release(member)
        if changes:
            self._store(changes, lambda change: how, member, lambda stored: None)

    def _store(self, changes: list[Change], how: Callable[[Change], str], member: str, end: Callable[[bool], None]
               ) -> None:
        told = tuple(self._about(change, how(change), member) for change in changes)

        def stored_or_not(stored: bool) -> None:
            assert self.shared is not None
            moved = self.shared.complete(self.serving.broker.clock.now, changes, stored)
            end(stored)
            self._changed(moved)

        self.storing.write(told, stored_or_not)

    def next_lock_end(self) -> int | None:
        return None if self.shared is None else self.shared.next_lock_end()

    def expire(self) -> None:
        """Locks that are over count no more, whether or not that can be stored."""
        if self.shared is None:
            return
        before = self.shared.start
        ended = tuple(self._about(change, "lock expired", member, entry)
                      for change, member, entry in self.shared.expire(self.serving.broker.clock.now))
        if ended:
            self.serving.broker.coordination.note_answers(self.group, self.led.tp, self.led.leader.epoch, ended)
            self.storing.write(ended, lambda stored: None)
            self._changed(self.shared.start > before)

    def _changed(self, start_moved: bool) -> None:
        if start_moved:
            self._note_start()
        self.serving.set_alarm()
        self.serving.look_again(self)

    # -- the trace

    def _note_start(self) -> None:
        """The start offset is to a share group what the committed offset is to another."""
        broker, start = self.serving.broker, self._start()
        key = self.group, broker.cluster.tps[self.led.tp]
        if broker.cluster.committed.get(key, 0) != start:
            broker.cluster.committed[key] = start
            broker.recorder.commit((broker.clock.now, self.group_code, self.led.tp, start, -1, 0))

    def _about(self, change: Change, how: str, member: str, entry: Any = None) -> Change:
        assert self.shared is not None
        entry = entry or self.shared.records[change.offset].entry
        batch = entry.batch
        return change._replace(about=(batch.lane.code, batch.start + change.offset - entry.base,
                                      self.serving.code_of(member), ANSWERS.index(how)))
