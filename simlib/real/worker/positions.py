"""Where a real consumer stands: what it commits, where it goes on reading, what can be asked about offsets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.plan import Plan
from simlib.real.worker.errors import as_ours
from simlib.real.worker.lookups import RealLookups
from simlib.services.in_hand import ConsumerGroupMetadata
from simlib.services.lookups import OffsetAndTimestamp

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp

T = TypeVar("T")


class Positions:
    """The part of `app.consumer()` that is about offsets."""

    group: str
    _app: RealApp
    _plan: Plan
    _client: Any
    _fetched: deque[Any]
    _lookups: RealLookups
    _thread: ThreadPoolExecutor
    _made: asyncio.Future[None]
    _closed: bool

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Store positions (or the given offsets: the *next* record to read) with the group.

        Raises CommitFailedError.
        """
        await self._app.step("commit", lambda: self._in_thread(self._commit, offsets))

    def _commit(self, offsets: Mapping[TopicPartition, int] | None) -> None:
        from kafka import OffsetAndMetadata

        consumed = self._client._subscription.all_consumed_offsets() if offsets is None else {
            self._lookups.real(tp): OffsetAndMetadata(offset, "", -1) for tp, offset in offsets.items()}
        with as_ours():
            self._client.commit(consumed)
        self._committed({tp: each.offset for tp, each in consumed.items()}, False)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue reading a partition at `offset`."""
        real = self._owned(partition)
        self._fetched = deque(raw for raw in self._fetched if (raw.topic, raw.partition) != tuple(real))
        self._now(lambda: self._client.seek(real, offset))

    def position(self, partition: TopicPartition) -> int:
        """The offset of the next record to be handed over, -1 while it is not known."""
        real = self._owned(partition)
        found = self._now(lambda: self._client.position(real, timeout_ms=1_000))
        return -1 if found is None else int(found)

    def assignment(self) -> set[TopicPartition]:
        """The partitions this member owns now."""
        if not self._made.done():
            return set()
        return {TopicPartition(self._plan.topic(tp.topic), tp.partition)
                for tp in self._now(lambda: self._client.assignment())}

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group, for `send_offsets_to_transaction`; generation -1 while it is in none."""
        found = self._client.group_metadata()
        return ConsumerGroupMetadata(self.group, found.generation_id, found.member_id, found.group_instance_id)

    async def seek_to_committed(self, *partitions: TopicPartition) -> None:
        """Go back to the committed offset (of all partitions, if none is named): after an abort, say."""
        chosen = partitions or tuple(sorted(self.assignment()))
        for partition in chosen:
            found = await self._in_thread(self._client.committed, self._owned(partition))
            if found is not None:
                self.seek(partition, found)
            else:
                policy = self._client.config["auto_offset_reset"]
                await (self.seek_to_end if policy == "latest" else self.seek_to_beginning)(partition)

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Continue at the log start of these partitions, of all it owns if none is named."""
        await self._seek_to("beginning_offsets", partitions)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Continue after the last record of these partitions, of all it owns if none is named."""
        await self._seek_to("end_offsets", partitions)

    async def _seek_to(self, question: str, partitions: tuple[TopicPartition, ...]) -> None:
        chosen = partitions or tuple(sorted(self.assignment()))
        for partition, offset in (await self._lookups.offsets(question, chosen)).items():
            self.seek(partition, offset)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The numbers of a topic's partitions, None if there is no such topic."""
        return self._now(lambda: self._client.partitions_for_topic(self._plan.real_topic(topic)))

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
        return self._thread.submit(act).result()

    def _committed(self, offsets: Mapping[Any, int], auto: bool) -> None:
        rows = [[self._plan.topic(tp[0]), tp[1], offset] for tp, offset in offsets.items()]
        self._app.marks.write("committed", self.group, rows, auto)

    def _owned(self, partition: TopicPartition) -> Any:
        if partition not in self.assignment():
            raise ValueError(f"{partition}: not assigned to {self._app.name}; it owns {sorted(self.assignment())}")
        return self._lookups.real(partition)
