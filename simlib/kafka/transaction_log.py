"""Gives the transaction coordinator its place: the broker that leads its log, with a clock and a network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simlib.kafka.lane import Batch
from simlib.kafka.transactions.coordinator import TransactionCoordinator
from simlib.kafka.transactions.effects import Answer, Append, Effect
from simlib.kafka.transactions.messages import RESPONSES, TxnResponse, WriteMarker
from simlib.kafka.transactions.transaction import PREPARED, Transaction
from simlib.units import MS
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange

RECORD_BYTES = 100
MARKER_RETRY = 100 * MS
"""How long the coordinator waits before it sends a marker again, or writes again that all have one."""


class TransactionLog:
    """The transaction coordinator's hands on one broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.forget()

    def forget(self) -> None:
        self.led: Led | None = None
        self.coordinator: TransactionCoordinator | None = None
        self.alarm = Alarm(self.broker, self._deadline)

    # -- becoming coordinator, and stopping to be it

    def take_over(self, led: Led) -> None:
        """This broker leads the transaction log now: read it, and go on with what is not complete."""
        self.led = led
        self.coordinator = TransactionCoordinator(self.broker.settings)
        self.broker.recorder.event("coordinator", self.broker, detail="of transactions")
        records = [entry.batch.payload for entry in led.leader.log.entries]
        effects = self.coordinator.load(self.broker.clock.now, records)
        for one in self.coordinator.transactions.values():
            self._note(one)
        self._perform(effects)

    def settled(self) -> bool:
        """No transaction kept here is open or about to end."""
        return self.coordinator is None or self.coordinator.settled()

    # -- requests

    def handle(self, exchange: Exchange) -> None:
        if self.coordinator is None:
            exchange.reply(RESPONSES[type(exchange.payload)]("NOT_COORDINATOR"))
        else:
            self._perform(self.coordinator.handle(self.broker.clock.now, exchange, exchange.payload))

    def _deadline(self) -> None:
        if self.coordinator is not None:
            self._perform(self.coordinator.expire(self.broker.clock.now))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Answer):
                effect.reply.reply(effect.response)
            elif isinstance(effect, Append):
                self._append(effect)
            else:
                for tp in effect.transaction.partitions:
                    self._mark(effect.transaction, tp)
        if self.coordinator is not None:
            self.alarm.set(self.coordinator.deadline())

    def _append(self, append: Append) -> None:
        if self.led is not None:
            batch = Batch(None, 0, 1, RECORD_BYTES, self.broker.clock.now, payload=append.record)
            self.broker.write(self.led, batch, -1, _WhenReplicated(self, append))

    def written(self, append: Append, error: str) -> None:
        """The record is replicated; or it is not, or no longer ours to say, and the asker looks for the coordinator."""
        coordinator, answer = self.coordinator, append.answer
        if coordinator is None or error:
            again = [] if coordinator is None else coordinator.not_written(append.record)
            if again:
                self.broker.after(MARKER_RETRY, self._again, coordinator, again)
            if answer is not None:
                answer.reply.reply(type(answer.response)("NOT_COORDINATOR"))
            return
        self._note(append.record)
        effects = coordinator.replicated(self.broker.clock.now, append.record)
        self._perform([*([answer] if answer is not None else []), *effects])

    def _again(self, coordinator: TransactionCoordinator, effects: list[Effect]) -> None:
        if self.coordinator is coordinator:
            self._perform(effects)

    def _note(self, record: Transaction) -> None:
        """A decision that holds, once: its coordinator may die before it hears that its replicas have it."""
        recorder, now, noted = self.broker.recorder, self.broker.clock.now, self.broker.cluster.decided
        recorder.mark(now)
        if record.state in PREPARED and noted.get(record.transactional_id) is not record:
            noted[record.transactional_id] = record
            how = "committed" if record.committed else "aborted"
            actor = self.broker.cluster.process(record.client_name)
            recorder.event("transaction_ended", actor, a=record.pid, b=record.epoch,
                           detail=f"{record.transactional_id} {how}: {record.why}")

    # -- markers

    def _mark(self, record: Transaction, tp: int) -> None:
        """Tell the leader of a partition, until it has written it down (K30)."""
        broker, coordinator = self.broker, self.coordinator
        if coordinator is None or self.led is None or not coordinator.is_unmarked(record, tp):
            return
        number, again = broker.image.leader(tp), partial(self._mark_later, record, tp)
        if number < 0:
            again("no leader")
            return
        marker = WriteMarker(tp, record.pid, record.epoch, record.committed, self.led.leader.epoch)
        broker.network.request(broker, broker.cluster.brokers[number], "write_txn_markers", marker,
                               partial(self._marked, record, tp), again, broker.give_up_after)

    def _mark_later(self, record: Transaction, tp: int, reason: str) -> None:
        self.broker.after(MARKER_RETRY, self._mark, record, tp)

    def _marked(self, record: Transaction, tp: int, answer: TxnResponse) -> None:
        if answer.error not in (None, "INVALID_PRODUCER_EPOCH"):  # that one: a later marker is there already
            self._mark_later(record, tp, str(answer.error))
        elif self.coordinator is not None:
            self._perform(self.coordinator.marked(self.broker.clock.now, record, tp))


class _WhenReplicated:
    """Waits for acks=all of the transaction log."""

    def __init__(self, log: TransactionLog, append: Append) -> None:
        self.log = log
        self.append = append

    def reply(self, outcome: tuple[str, int]) -> None:
        self.log.written(self.append, outcome[0])

