"""Gives the group coordinator its place: the broker that leads the internal topic, with its log and a clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from simlib.kafka.groups.coordinator import GroupCoordinator
from simlib.kafka.groups.effects import Answer, Append, Effect
from simlib.kafka.groups.messages import ALL_IS_WELL
from simlib.kafka.groups.records import OffsetsCommitted, OffsetsPending, Record, TransactionEnded
from simlib.kafka.lane import NO_SEQUENCE, Batch, TransactionalBatch
from simlib.kafka.shares.messages import Change, WriteShareState
from simlib.kafka.shares.partition import ARCHIVED
from simlib.kafka.shares.states import ShareStates
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange

RECORD_BYTES = 100


class Coordination:
    """The coordinator's hands on one broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.led: Led | None = None
        self.coordinator = GroupCoordinator(broker.settings, broker.partitions)
        self.share_states = ShareStates()
        self.alarm = Alarm(broker, self._deadline)
        self._last_append: _WhenReplicated | None = None

    def forget(self) -> None:
        self.led = self._last_append = None
        self.coordinator = GroupCoordinator(self.broker.settings, self.broker.partitions)
        self.share_states = ShareStates()

    def take_over(self, led: Led) -> None:
        """This broker leads the internal topic now: read it, and be the coordinator."""
        self.led = led
        records = [entry.batch.payload for entry in led.leader.log.entries]
        self.broker.recorder.event("coordinator", self.broker)
        self.share_states.load(records)
        for record in records:
            if isinstance(record, WriteShareState):
                self.note_stored(record)
        self._perform(self.coordinator.load(self.broker.clock.now, records))

    def give_up(self) -> None:
        self.led = self._last_append = None
        self.share_states.unload()
        self._perform(self.coordinator.unload())

    def handle(self, exchange: Exchange) -> None:
        self._perform(self.coordinator.handle(self.broker.clock.now, exchange, exchange.payload))

    def handle_share_state(self, exchange: Exchange) -> None:
        """The leader of a partition asks what is known of a share group, or has it stored."""
        self._perform(self.share_states.handle(exchange, exchange.payload))

    def settled(self) -> bool:
        """Nothing is going on in the groups kept here, and nothing will by itself."""
        return self.led is None or self.coordinator.settled(self.broker.clock.now)

    def _deadline(self) -> None:
        self._perform(self.coordinator.expire(self.broker.clock.now))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Answer):
                self._answer(effect)
            elif isinstance(effect, Append):
                self._append(effect.record, effect.answers)
            else:
                self._note(effect)
        self.alarm.set(self.coordinator.deadline())

    def _answer(self, answer: Answer) -> None:
        """Nothing is answered before everything appended earlier is replicated: a failover could void it."""
        if self._last_append is not None and not self._last_append.replicated:
            self._last_append.answers += (answer,)
        elif answer.response is ALL_IS_WELL:
            answer.reply.reply_nothing_new(answer.response)
        else:
            answer.reply.reply(answer.response)

    def _append(self, record: Record, answers: tuple[Answer, ...]) -> None:
        if self.led is not None:
            batch = _batch(record, self.broker.clock.now)
            self._last_append = _WhenReplicated(self.broker, record, answers)
            self.broker.write(self.led, batch, -1, self._last_append)

    def transaction_ended(self, ended: TransactionEnded) -> None:
        """A transaction's marker stands in this log."""
        for record in self.coordinator.transaction_ended(ended):
            self.note_commit(record)

    def note_commit(self, record: OffsetsCommitted) -> None:
        """Write committed offsets down: they are replicated now."""
        broker = self.broker
        recorder, now = broker.recorder, broker.clock.now
        group = recorder.code("groups", record.group)
        member = broker.cluster.process(record.client_name)
        code = -1 if member is None else member.code
        for tp, offset in record.offsets:
            recorder.commit((now, group, broker.cluster.tp(*tp), offset, code, int(record.auto)))
            if broker.cluster.committed.get((group, tp)) != offset:
                broker.cluster.committed[group, tp] = offset
                recorder.mark(now)

    def note_stored(self, record: WriteShareState) -> None:
        """What a leader wanted stored of a share group is replicated now."""
        self.note_answers(record.group, self.broker.cluster.tp(*record.partition), record.leader_epoch, record.changes)

    def note_answers(self, group: str, tp: int, leader_epoch: int, changes: Iterable[Change]) -> None:
        """Write down what became of records of a share group: once, though it may be sent again."""
        broker = self.broker
        recorder, now = broker.recorder, broker.clock.now
        code, noted = recorder.code("groups", group), broker.cluster.answers_noted
        for change in changes:
            assert change.about is not None
            lane, ordinal, member, how = change.about
            key = (code, tp, leader_epoch, change.offset, change.deliveries, how)
            if key not in noted:
                noted.add(key)
                recorder.acknowledgement((now, code, tp, lane, ordinal, 1, change.offset, member, how,
                                          change.deliveries, int(change.state == ARCHIVED)))
                recorder.mark(now)

    def _note(self, note: Any) -> None:
        recorder = self.broker.recorder
        recorder.mark(self.broker.clock.now, False)
        actor = self.broker.cluster.process(note.member) if note.member else None
        tp = -1 if note.partition is None else self.broker.cluster.tp(*note.partition)
        recorder.event(note.kind, actor, group=recorder.code("groups", note.group), tp=tp, a=note.a, b=note.b,
                       detail=note.detail)


class _WhenReplicated:
    """Answers that wait for acks=all of the internal topic."""

    def __init__(self, broker: Broker, record: Record, answers: tuple[Answer, ...]) -> None:
        self.broker = broker
        self.record = record
        self.answers = answers
        self.replicated = False

    def reply(self, outcome: tuple[str, int]) -> None:
        if outcome[0]:  # not replicated, or no longer ours to say: the client looks for the coordinator again
            for answer in self.answers:
                answer.reply.reply(type(answer.response)("NOT_COORDINATOR"))
            return
        self.replicated = True
        if isinstance(self.record, OffsetsCommitted):
            self.broker.coordination.note_commit(self.record)
        elif isinstance(self.record, WriteShareState):
            self.broker.coordination.note_stored(self.record)
        for answer in self.answers:
            answer.reply.reply(answer.response)


def _batch(record: Record, now: int) -> Batch:
    if not isinstance(record, OffsetsPending):
        return Batch(None, 0, 1, RECORD_BYTES, now, payload=record)
    return TransactionalBatch(None, 0, 1, RECORD_BYTES, now, record.pid, record.epoch, NO_SEQUENCE, record)
