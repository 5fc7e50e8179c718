"""What a partition's leader does for transactions: it asks the coordinator before it opens one (KIP-890), and writes
the markers that end them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simlib.kafka.groups.messages import OffsetCommitResponse, TxnOffsetCommit
from simlib.kafka.groups.records import TransactionEnded
from simlib.kafka.lane import Marker, TransactionalBatch
from simlib.kafka.partition_leader import NOT_LEADER
from simlib.kafka.transactions.messages import AddPartitions, TxnResponse, WriteMarker
from simlib.units import MS

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange

TRY_AGAIN = 20 * MS
"""add.partitions.to.txn.retry.backoff.ms: the transaction before is still ending."""

ATTEMPTS = 5
"""After so many the producer is told to ask again (add.partitions.to.txn.retry.backoff.max.ms = 100)."""

NOT_NOW = "NOT_ENOUGH_REPLICAS"
"""What a producer hears when the coordinator cannot be asked just now: every client knows to try that again."""

Then = Callable[[str | None], None]


@dataclass
class Question:
    """Asked of the coordinator: does this producer's transaction include this partition? Writes wait for the answer."""

    request: AddPartitions
    waiting: list[Then] = field(default_factory=list)
    attempts: int = 0


class TransactionalWrites:
    """The transactions of the partitions that one broker leads."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.forget()

    # -- a producer's records

    def produce(self, led: Led, batch: TransactionalBatch, acks: int, exchange: Exchange) -> None:
        """Append at once if the transaction is open here already; else ask the coordinator first."""
        def verified(error: str | None) -> None:
            if error is not None:
                exchange.reply((error, -1))
            elif self.broker.leads.get(led.tp) is led:
                self.broker.write(led, batch, acks, exchange)
            else:
                exchange.reply((NOT_LEADER, -1))

        self._verify(led, batch.transactional_id, batch.pid, batch.epoch, verified)

    def offsets(self, led: Led, exchange: Exchange, store: Callable[[Exchange], None]) -> None:
        """Offsets committed in a transaction are records of the groups' own partition."""
        request: TxnOffsetCommit = exchange.payload

        def verified(error: str | None) -> None:
            if error is None:
                store(exchange)
            else:
                exchange.reply(OffsetCommitResponse("NOT_COORDINATOR" if error == NOT_NOW else error))

        self._verify(led, request.transactional_id, request.pid, request.epoch, verified)

    def _verify(self, led: Led, transactional_id: str, pid: int, epoch: int, then: Then) -> None:
        log = led.leader.log
        if log.transactions is not None and pid in log.transactions.open:
            then("INVALID_PRODUCER_EPOCH" if epoch < log.producers.epoch(pid) else None)
            return
        key = (led.tp, pid, epoch)
        question = self._questions.get(key)
        if question is None:
            verify_only = self.broker.cluster.client != "java"
            request = AddPartitions(transactional_id, pid, epoch, (led.tp,), verify_only)
            question = self._questions[key] = Question(request)
            question.waiting.append(then)
            self._ask(key, question)
        else:
            question.waiting.append(then)

    def _ask(self, key: tuple[int, int, int], question: Question) -> None:
        broker = self.broker
        number = -1 if broker.cluster.transaction_log is None else broker.image.leader(broker.cluster.transaction_log)
        if number < 0:
            self._answered(key, question, TxnResponse("NOT_COORDINATOR"))
            return
        question.attempts += 1
        broker.network.request(broker, broker.cluster.brokers[number], "add_partitions_to_txn", question.request,
                               lambda answer: self._answered(key, question, answer),
                               lambda reason: self._answered(key, question, TxnResponse("NOT_COORDINATOR")),
                               broker.give_up_after)

    def _answered(self, key: tuple[int, int, int], question: Question, answer: TxnResponse) -> None:
        if answer.error == "CONCURRENT_TRANSACTIONS" and question.attempts < ATTEMPTS:
            self.broker.after(TRY_AGAIN, self._ask, key, question)
            return
        del self._questions[key]
        error = NOT_NOW if answer.error == "NOT_COORDINATOR" else answer.error
        for then in question.waiting:
            then("INVALID_PRODUCER_EPOCH" if error == "PRODUCER_FENCED" else error)

    # -- the end of a transaction

    def write_marker(self, exchange: Exchange) -> None:
        """How a transaction ended, as a record of the partition itself."""
        broker, marker = self.broker, exchange.payload
        led = broker.leads.get(marker.tp)
        if led is None:
            exchange.reply(TxnResponse(NOT_LEADER))
        elif _is_of_a_deposed_coordinator(led, marker):
            exchange.reply(TxnResponse("TRANSACTION_COORDINATOR_FENCED"))
        else:
            self._append(led, marker, exchange)

    def _append(self, led: Led, marker: WriteMarker, exchange: Exchange) -> None:
        broker, transactions = self.broker, led.leader.log.transactions
        first = None if transactions is None else transactions.open.get(marker.pid)
        ended = TransactionEnded(marker.pid, marker.committed, broker.clock.now)
        batch = Marker(marker.pid, marker.epoch, marker.committed, marker.coordinator_epoch, broker.clock.now, ended)
        base = led.leader.log.end
        broker.write(led, batch, -1, _WhenReplicated(broker, led, ended, exchange))
        if led.leader.log.end > base and not led.is_internal:
            broker.recorder.marker((broker.clock.now, led.tp, base, -1 if first is None else first, marker.pid,
                                    marker.epoch, int(marker.committed), broker.code))
            broker.recorder.mark(broker.clock.now)

    def forget(self) -> None:
        """A new life: nobody waits for an answer any more."""
        self._questions: dict[tuple[int, int, int], Question] = {}


class _WhenReplicated:
    """The coordinator is told when its marker is replicated; then offsets committed in the transaction count."""

    def __init__(self, broker: Broker, led: Led, ended: TransactionEnded, exchange: Exchange) -> None:
        self.broker = broker
        self.led = led
        self.ended = ended
        self.exchange = exchange

    def reply(self, outcome: tuple[str, Any]) -> None:
        if self.led.is_of_groups and not outcome[0]:
            self.broker.coordination.transaction_ended(self.ended)
        self.exchange.reply(TxnResponse(outcome[0] or None))


def _is_of_a_deposed_coordinator(led: Led, marker: WriteMarker) -> bool:
    transactions = led.leader.log.transactions
    return transactions is not None and marker.coordinator_epoch < transactions.coordinator_epochs.get(marker.pid, -1)
