"""A sender whose records belong to the producer's open transaction."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from simlib.kafka.lane import Batch, Lane, TransactionalBatch
from simlib.kafka.producer.sender import RETRIABLE, Sender
from simlib.trace.recorder import ABORTED, REFUSED, TIMED_OUT
from simlib.units import millis

if TYPE_CHECKING:
    from simlib.kafka.producer.client import ProducerClient
    from simlib.kafka.producer.transactions import Transactions

ABORTED_BY_PRODUCER = "TRANSACTION_ABORTED"


class TransactionalSender(Sender):
    """Sends the records of one lane, as long as a transaction is open."""

    batch_type = TransactionalBatch
    retriable = RETRIABLE | {"CONCURRENT_TRANSACTIONS"}

    def __init__(self, client: ProducerClient, lane: Lane, transactions: Transactions) -> None:
        super().__init__(client, lane)
        self.transactions = transactions
        self.epoch = transactions.epoch
        self._flush_up_to: int | None = None

    def begin(self) -> None:
        """A new transaction: batches linger again."""
        self._flush_up_to = None
        self.linger = millis(self.client.settings.linger_ms)
        self.pump()

    def restart(self, epoch: int) -> None:
        """A new epoch: sequence numbers begin anew."""
        self.epoch, self.sequence, self.acked = epoch, 0, 0

    def flush(self) -> None:
        """Send what is there without lingering; what is created from now on belongs to the next transaction."""
        self._flush_up_to = self.client.process.clock.now
        self.linger = 0
        self.pump()

    @property
    def is_busy(self) -> bool:
        """Is something of this transaction still to be sent or answered?"""
        return bool(self.in_flight or self.retries) or self._has_due(self._flush_up_to)

    def _has_due(self, until: int | None) -> bool:
        created = self.lane.created
        return self.next < len(created) and (until is None or created[self.next] <= until)

    def give_up(self, error: str) -> None:
        """The transaction is aborted: what was not answered need not be sent (any more)."""
        now = self.client.process.clock.now
        while self.retries:
            self.transactions.batch_given_up()
            self._finish(self.retries.pop(0), ABORTED, error or ABORTED_BY_PRODUCER, -1, now)
        count = bisect_right(self.lane.created, now, self.next) - self.next
        if count:
            batch = self.batch_type(self.lane, self.next, count, self.lane.size(self.next, count), now)
            self.next += count
            self.client.process.busy(1)
            self._finish(batch, ABORTED, error or ABORTED_BY_PRODUCER, -1, now)

    def _cut(self, now: int) -> Batch | None:
        if self.next >= len(self.lane.created) or not self._has_due(self._flush_up_to):
            return None
        due = self.lane.created[self.next]
        if due > now:
            self._look_again_at(due)
            return None
        return super()._cut(now) if self.transactions.may_send(self.lane.tp) else None

    def _number(self, batch: Batch) -> None:
        super()._number(batch)
        assert isinstance(batch, TransactionalBatch)
        batch.transactional_id = self.transactions.transactional_id

    def _finish(self, batch: Batch, outcome: int, error: str, base: int, now: int) -> None:
        super()._finish(batch, outcome, error, base, now)
        if outcome in (REFUSED, TIMED_OUT):
            self.transactions.batch_failed(error)
        self.transactions.look_whether_flushed()

    def _after_a_gap(self) -> None:
        """Only the abort of the transaction mends that."""
