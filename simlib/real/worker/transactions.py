"""Transactions of a real producer: the names that services know, kafka-python's doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.plan import Plan
from simlib.real.worker.errors import as_ours
from simlib.services.errors import IllegalStateError, ProducerFencedError
from simlib.services.faces import NO_TRANSACTIONAL_ID, ProducerTransaction, member_of
from simlib.services.in_hand import ConsumerGroupMetadata
from simlib.services.lookups import check_offsets

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


class RealTransactional:
    """The part of `app.producer(transactional_id=...)` that is about transactions; each call is a step `commit`."""

    _app: RealApp
    _plan: Plan
    _thread: ThreadPoolExecutor
    _made: asyncio.Future[None]
    _client: Any
    _transactional_id: str | None
    _initialised = False
    _open = False
    _fenced: ProducerFencedError | None = None
    """Why this producer can do nothing any more."""
    _offsets: dict[str, dict[TopicPartition, int]]
    """Of the open transaction: by group, what is committed with it."""

    async def init_transactions(self) -> None:
        """Take the place of whoever had this transactional_id: its open transaction is aborted, it is fenced."""
        self._check_transactional("init_transactions")
        if not self._initialised:
            await self._at_the_coordinator("init_transactions", "init_producer_id",
                                           lambda: self._client.init_transactions())
            self._initialised = True

    async def begin_transaction(self) -> None:
        """What is sent from now on belongs together."""
        self._check_transactional("begin_transaction")
        await self.init_transactions()
        if self._open:
            raise IllegalStateError("begin_transaction: a transaction is open already")
        await self._in_thread(lambda: self._client.begin_transaction())
        self._open, self._offsets = True, {}

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int],
                                          group_id: str | ConsumerGroupMetadata) -> None:
        """Commit these offsets (the *next* record to read) with the transaction."""
        from kafka import OffsetAndMetadata
        from kafka import TopicPartition as RealPartition

        self._check_transactional("send_offsets_to_transaction", open=True)
        check_offsets("send_offsets_to_transaction", offsets)
        wanted = {RealPartition(self._plan.real_topic(topic), partition): OffsetAndMetadata(offset, "", -1)
                  for (topic, partition), offset in offsets.items()}
        member = _real_member(group_id, self._plan.prefix)
        await self._at_the_coordinator("offsets to transaction", "txn_offset_commit",
                                       lambda: self._client.send_offsets_to_transaction(wanted, member))
        self._offsets.setdefault(member_of(group_id).group_id, {}).update(offsets)

    async def commit_transaction(self) -> None:
        """All of it counts. Waits for everything sent."""
        self._check_transactional("commit_transaction", open=True)
        await self._at_the_coordinator("commit transaction", "end_txn", self._commit_all)
        self._open = False

    async def abort_transaction(self) -> None:
        """None of it counts. The consumer's position stays where it is."""
        self._check_transactional("abort_transaction", open=True)
        self._open = False
        await self._at_the_coordinator("abort transaction", "end_txn", lambda: self._client.abort_transaction())

    def transaction(self) -> ProducerTransaction:
        """`async with producer.transaction():` begins, and commits at the end; an exception aborts, and goes on."""
        return ProducerTransaction(self)

    # -- how

    def _commit_all(self) -> None:
        self._client.commit_transaction()
        for group, offsets in self._offsets.items():
            rows = [[topic, partition, offset] for (topic, partition), offset in offsets.items()]
            self._app.marks.write("committed", group, rows, False)

    async def _at_the_coordinator(self, what: str, wire: str, act: Callable[[], Any]) -> None:
        try:
            await self._app.step("commit", lambda: self._in_thread(act), what=what, wire=wire)
        except ProducerFencedError as error:
            self._fenced, self._open = error, False
            raise

    async def _in_thread(self, act: Callable[[], Any]) -> None:
        def carried_out() -> None:
            with as_ours():
                act()

        await asyncio.shield(self._made)
        await self._app.loop.run_in_executor(self._thread, carried_out)

    def _check_transactional(self, what: str, open: bool = False) -> None:
        if self._transactional_id is None:
            raise IllegalStateError(f"{what}: {NO_TRANSACTIONAL_ID}")
        if self._fenced is not None:
            raise ProducerFencedError(str(self._fenced))
        if open and not self._open:
            raise IllegalStateError(f"{what}: no transaction is open")

    def _check_open(self) -> None:
        """A transactional producer sends inside of transactions only."""
        if self._transactional_id is not None:
            self._check_transactional("send", open=True)

    async def abort_what_is_open(self) -> None:
        if self._open:
            await self.abort_transaction()


def _real_member(group_id: str | ConsumerGroupMetadata, prefix: str) -> Any:
    from kafka.structs import ConsumerGroupMetadata as Real

    member = member_of(group_id)
    return Real(**{**member._asdict(), "group_id": prefix + member.group_id})
