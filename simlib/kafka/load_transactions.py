"""The transactions of a declared producer: one begins with the first record that is due, and is committed later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simlib.kafka.producer.transactions import State, Transactions

if TYPE_CHECKING:
    from simlib.kafka.load import LoadProducer

UNDER_WAY = (State.OPEN, State.ENDING, State.SPOILT)


class LoadTransactions:
    """Begin, wait, commit, begin again; what has failed is aborted. As kafka-producer-perf-test does."""

    def __init__(self, producer: LoadProducer, transactions: Transactions, duration: int) -> None:
        self.producer = producer
        self.transactions = transactions
        self.duration = duration
        transactions.on_due_record = self._begin

    def start(self) -> None:
        """Take the place of whoever had this transactional_id."""
        self.transactions.init(self._ended)

    def _begin(self) -> None:
        self.transactions.begin()
        self.producer.after(self.duration, self.end)

    def end(self) -> None:
        """Commit what is open, or abort it if something in it failed."""
        if self.transactions.state in (State.OPEN, State.SPOILT):
            self.transactions.end(self.transactions.state is State.OPEN, self._ended)

    def _ended(self, error: str | None) -> None:
        if self.transactions.state is State.DEAD:
            self.producer.give_up(self.transactions.error)
        elif error is not None:
            self.end()
        else:
            self.transactions.wake()

    def is_over(self) -> bool:
        """End what is open, ahead of time; True when nothing is under way."""
        self.end()
        return self.transactions.state not in UNDER_WAY
