"""A service's transactions: aiokafka's and kafka-python's method names.

What is sent between begin_transaction and commit_transaction, and the offsets given to send_offsets_to_transaction,
take effect together or not at all, for whoever reads with isolation_level="read_committed" [K30]. Nothing else does: an
effect or a database is outside of it [K37].
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simlib.kafka.producer.transactions import State, Then, Transactions
from simlib.kafka.topic_partition import TopicPartition
from simlib.services.errors import IllegalStateError, KafkaTimeoutError, error_for, settle
from simlib.services.faces import NO_TRANSACTIONAL_ID, ProducerTransaction, member_of
from simlib.services.in_hand import ConsumerGroupMetadata
from simlib.services.lookups import check_offsets
from simlib.units import SECOND, millis

if TYPE_CHECKING:
    from simlib.kafka.producer.client import ProducerClient
    from simlib.services.app import App

CAN_BE_ABORTED = (State.OPEN, State.SPOILT)


class Transactional:
    """The part of `app.producer(transactional_id=...)` that is about transactions.

    Each awaited call to a coordinator is a step of the kind `commit`; begin_transaction is none: nothing is sent.
    """

    _app: App
    _ready: asyncio.Future[None]
    client: ProducerClient

    async def init_transactions(self) -> None:
        """Take the place of whoever had this transactional_id: its open transaction is aborted, it is fenced [K33].

        Call it before the first transaction, and before reading; begin_transaction does it if you did not. Raises
        KafkaTimeoutError after max_block_ms, InvalidTransactionTimeoutError.
        """
        if self._transactions("init_transactions").state is State.UNINITIALISED:
            await self._step("init_transactions", "init_producer_id", self._init)

    async def begin_transaction(self) -> None:
        """What is sent from now on belongs together. Raises ProducerFencedError, IllegalStateError."""
        self._transactions("begin_transaction")  # refused by this name, not by that of the next line
        await self.init_transactions()
        self._check_state("begin_transaction", State.READY)
        self._transactions("begin_transaction").begin()

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int],
                                          group_id: str | ConsumerGroupMetadata) -> None:
        """Commit these offsets (the *next* record to read, K72) with the transaction.

        `group_id`: the group's name, or better `consumer.group_metadata()`: then a consumer that has lost its place in
        the group is refused with CommitFailedError (KIP-447). Raises ProducerFencedError, IllegalStateError.
        """
        self._check_state("send_offsets_to_transaction", State.OPEN)
        check_offsets("send_offsets_to_transaction", offsets)
        group, generation, member_id, instance_id = member_of(group_id)
        wanted = {TopicPartition(*tp): offset for tp, offset in offsets.items()}
        told = ", ".join(f"{topic}-{partition}: {offset}" for (topic, partition), offset in wanted.items())
        await self._step(f"offsets to transaction {told}", "txn_offset_commit", lambda: self._settled(
            lambda kafka, then: kafka.send_offsets(group, (generation, member_id, instance_id), wanted, then)))

    async def commit_transaction(self) -> None:
        """All of it counts. Waits for everything sent; raises what a send failed with, ProducerFencedError."""
        await self._end("commit_transaction", True, (State.OPEN,))

    async def abort_transaction(self) -> None:
        """None of it counts; what was not sent yet is given up. The consumer's position stays where it is [K36]."""
        await self._end("abort_transaction", False, CAN_BE_ABORTED)

    def transaction(self) -> ProducerTransaction:
        """`async with producer.transaction():` begins, and commits at the end; an exception aborts, and goes on."""
        return ProducerTransaction(self)

    # -- how

    async def _end(self, what: str, committed: bool, allowed: tuple[State, ...]) -> None:
        self._check_state(what, *allowed)
        await self._step(what.replace("_", " "), "end_txn",
                         lambda: self._settled(lambda kafka, then: kafka.end(committed, then)))

    async def _step(self, what: str, wire: str, act: Callable[[], Any]) -> None:
        on = ("transactional_id", self.client.settings.transactional_id)
        await self._app.step("commit", act, on=on, what=what, wire=wire)

    async def _init(self) -> None:
        limit = self.client.settings.max_block_ms
        try:
            async with asyncio.timeout(millis(limit) / SECOND):
                if not self._ready.done():
                    await asyncio.shield(self._ready)
                await self._settled(lambda kafka, then: kafka.init(then))
        except TimeoutError:
            raise KafkaTimeoutError(f"init_transactions: no transaction coordinator answered for max_block_ms={limit:g}"
                                    ) from None

    async def _settled(self, start: Callable[[Transactions, Then], None]) -> None:
        """Start something at the client; wait for how it ends.

        Nothing of the client is kept in a local name here or above: a process that dies meanwhile is suspended for
        ever, and the whole run would be kept with it.
        """
        done = self._app.future()
        start(self._transactions("transaction"), lambda error: settle(done, error))
        await done

    def _transactions(self, what: str) -> Transactions:
        if self.client.transactions is None:
            raise IllegalStateError(f"{what}: {NO_TRANSACTIONAL_ID}")
        return self.client.transactions

    def _check_state(self, what: str, *allowed: State) -> None:
        if self._transactions(what).state not in allowed:
            raise self._not_now(what)

    def _not_now(self, what: str) -> Exception:
        """Why this cannot be done in the state the producer is in."""
        transactions = self._transactions(what)
        if transactions.error:
            return error_for(transactions.error)
        return IllegalStateError(f"{what}: {transactions.state.value}")

    def _check_open(self) -> None:
        """A transactional producer sends inside of transactions only."""
        if self.client.transactions is not None:
            self._check_state("send", State.OPEN)

    async def abort_what_is_open(self) -> None:
        """Closing: a transaction that nobody ended is aborted, as KafkaProducer.close() does."""
        if self.client.transactions is not None and self.client.transactions.state in CAN_BE_ABORTED:
            await self.abort_transaction()
