"""Where a real consumer stands: what it commits, where it goes on reading, what can be asked about offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.plan import Plan
from simlib.real.worker.errors import as_ours
from simlib.real.worker.fetched import Fetched
from simlib.real.worker.lookups import RealLookups
from simlib.services.errors import NoOffsetForPartitionError
from simlib.services.in_hand import ConsumerGroupMetadata
from simlib.services.lookups import OffsetAndTimestamp, check_offset, check_offsets

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp

T = TypeVar("T")
KNOWN_WITHIN_MS = 1_000
"""Where a position is to be asked for, nothing else of the service runs meanwhile."""


class Positions:
    """The part of `app.consumer()` that is about offsets."""

    group: str
    _app: RealApp
    _plan: Plan
    _client: Any
    _fetched: Fetched
    _lookups: RealLookups
    _thread: ThreadPoolExecutor
    _made: asyncio.Future[None]
    _closed: bool
    _config: dict[str, Any]

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Store positions (or the given offsets: the *next* record to read) with the group.

        Raises CommitFailedError.
        """
        check_offsets("commit", offsets or {})
        wanted = None if offsets is None else {self._owned(tp): offset for tp, offset in offsets.items()}
        await self._app.step("commit", lambda: self._in_thread(self._commit, wanted))

    def _commit(self, offsets: Mapping[Any, int] | None) -> None:
        from kafka import OffsetAndMetadata

        consumed = self._consumed() if offsets is None else {
            real: OffsetAndMetadata(offset, "", -1) for real, offset in offsets.items()}
        with as_ours():
            self._client.commit(consumed)
        self._committed({tp: each.offset for tp, each in consumed.items()}, False)

    def _consumed(self) -> dict[Any, Any]:
        """kafka-python's positions, but before what the service has not been handed yet."""
        from kafka import OffsetAndMetadata

        waiting = self._fetched.first_offsets()
        return {tp: OffsetAndMetadata(waiting[tp], "", -1) if tp in waiting else each
                for tp, each in self._client._subscription.all_consumed_offsets().items()}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue reading a partition at `offset`."""
        real = self._owned(partition)
        check_offset("seek", partition, offset)
        self._now(lambda: self._seek(real, offset))

    def _seek(self, real: Any, offset: int) -> None:
        self._client.seek(real, offset)
        self._fetched.drop([real])

    def position(self, partition: TopicPartition) -> int:
        """The offset of the next record to be handed over, -1 while it is not known."""
        real = self._owned(partition)
        found = self._now(lambda: self._client.position(real, timeout_ms=KNOWN_WITHIN_MS))
        return self._fetched.first_offsets().get(real, -1 if found is None else int(found))

    def assignment(self) -> set[TopicPartition]:
        """The partitions this member owns now."""
        if self._client is None:
            return set()
        owned = self._client.assignment()  # the one answer that kafka-python guards with a lock
        return {TopicPartition(self._plan.topic(tp.topic), tp.partition) for tp in owned}

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group, for `send_offsets_to_transaction`; generation -1 while it is in none."""
        if self._client is None:
            return ConsumerGroupMetadata(self.group, -1, "", self._config.get("group_instance_id"))
        found = self._client.group_metadata()
        return ConsumerGroupMetadata(self.group, found.generation_id, found.member_id, found.group_instance_id)

    async def seek_to_committed(self, *partitions: TopicPartition) -> None:
        """Go back to the committed offset (of all partitions, if none is named): after an abort, say."""
        for partition in self._chosen(partitions):
            found = await self._in_thread(self._committed_offset, self._owned(partition))
            if found is not None:
                self.seek(partition, found)
            else:
                await self._seek_where_new_groups_begin(partition)

    def _committed_offset(self, real: Any) -> int | None:
        with as_ours():
            found: int | None = self._client.committed(real)
        return found

    async def _seek_where_new_groups_begin(self, partition: TopicPartition) -> None:
        policy = self._client.config["auto_offset_reset"]
        if policy == "none":
            raise NoOffsetForPartitionError(f"{partition} has no committed offset, and auto_offset_reset='none'")
        await (self.seek_to_end if policy == "latest" else self.seek_to_beginning)(partition)

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Continue at the log start of these partitions, of all it owns if none is named."""
        await self._seek_to("beginning_offsets", partitions)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Continue after the last record of these partitions, of all it owns if none is named."""
        await self._seek_to("end_offsets", partitions)

    async def _seek_to(self, question: str, partitions: tuple[TopicPartition, ...]) -> None:
        for partition, offset in (await self._lookups.offsets(question, self._chosen(partitions))).items():
            self.seek(partition, offset)

    def _chosen(self, partitions: tuple[TopicPartition, ...]) -> list[TopicPartition]:
        """All it owns, if none is named."""
        for partition in partitions:
            self._owned(partition)
        return [*partitions] or sorted(self.assignment())

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The numbers of a topic's partitions, None if there is no such topic."""
        return self._now(lambda: self._client.partitions_for_topic(self._plan.real_topic(topic))) or None

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where each log begins: above 0 if retention has taken its beginning."""
        return await self._lookups.offsets("beginning_offsets", partitions)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The high watermark of each partition: the offset after the last record that can be read."""
        return await self._lookups.offsets("end_offsets", partitions)

    async def offsets_for_times(self, timestamps: Mapping[TopicPartition, int]
                                ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record of each partition whose timestamp is not before a time (ms); None if all are before it."""
        return await self._lookups.for_times(timestamps, self._app.time_of_day)

    # -- how

    async def _in_thread(self, act: Callable[..., T], *arguments: Any) -> T:
        await asyncio.shield(self._made)
        if self._closed:
            raise RuntimeError("this consumer is closed")
        return await self._app.loop.run_in_executor(self._thread, act, *arguments)

    def _now(self, act: Callable[[], T]) -> T:
        """kafka-python may be asked from one thread only; what that one is doing takes a moment at most."""
        def carried_out() -> T:
            with as_ours():
                return act()

        return self._thread.submit(carried_out).result()

    def _committed(self, offsets: Mapping[Any, int], auto: bool) -> None:
        rows = [[self._plan.topic(tp[0]), tp[1], offset] for tp, offset in offsets.items()]
        self._app.marks.write("committed", self.group, rows, auto)

    def _owned(self, partition: TopicPartition) -> Any:
        if partition not in self.assignment():
            raise ValueError(f"{partition}: not assigned to {self._app.name}; it owns {sorted(self.assignment())}")
        return self._lookups.real(partition)
