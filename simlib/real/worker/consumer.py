"""`app.consumer()` on a real Kafka: kafka-python in a thread of its own, behind the face services know."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.client_settings import consumer_config
from simlib.real.worker.errors import as_ours
from simlib.real.worker.lookups import RealLookups
from simlib.real.worker.membership import LOOK_MS, finish_joining, join, listener
from simlib.real.worker.records import carried, from_headers, from_key
from simlib.services.in_hand import ConsumerGroupMetadata, ConsumerRecord
from simlib.services.lookups import OffsetAndTimestamp

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp

T = TypeVar("T")


class RealConsumer:
    """Iterate over it, or use `getone` and `getmany`."""

    def __init__(self, app: RealApp, topics: tuple[str, ...], group_id: str, config: Mapping[str, Any]) -> None:
        self._app = app
        self._plan = app.plan
        self.group = group_id
        self._config = {**app.client, **consumer_config(config), "group_id": self._plan.prefix + group_id,
                        "consumer_timeout_ms": LOOK_MS, "default_offset_commit_callback": self._auto_committed}
        self._thread = ThreadPoolExecutor(1, f"consumer of {group_id}")
        self._fetched: deque[Any] = deque()
        self._in_hand: list[ConsumerRecord] = []
        self._asking = asyncio.Lock()
        self._closed = False
        self._client: Any = None
        self._lookups = RealLookups(self._plan, self._in_thread, lambda: self._client)
        self._made = app.loop.run_in_executor(self._thread, self._make, topics)

    # -- in the thread

    def _make(self, topics: tuple[str, ...]) -> None:
        from kafka import KafkaConsumer

        with as_ours():
            self._client = KafkaConsumer(**self._config)
            join(self._client, [self._plan.real_topic(topic) for topic in topics], listener(self._app, self.group))

    def _next(self) -> Any:
        with as_ours():
            finish_joining(self._client)
            return next(self._client, None)

    def _poll(self, timeout_ms: float, most: int | None) -> list[Any]:
        with as_ours():
            finish_joining(self._client)
            found = self._client.poll(timeout_ms=timeout_ms, max_records=most)
        return [record for records in found.values() for record in records]

    def _auto_committed(self, offsets: Mapping[Any, Any], answer: Any) -> None:
        """kafka-python tells how a commit ended that nobody waits for."""
        if isinstance(answer, Exception):
            self._app.marks.write("commit_failed", self.group, f"{type(answer).__name__}: {answer}")
        else:
            self._committed({tp: each.offset for tp, each in offsets.items()}, True)

    def _committed(self, offsets: Mapping[Any, int], auto: bool) -> None:
        rows = [[self._plan.topic(tp[0]), tp[1], offset] for tp, offset in offsets.items()]
        self._app.marks.write("committed", self.group, rows, auto)

    async def _in_thread(self, act: Callable[..., T], *arguments: Any) -> T:
        await asyncio.shield(self._made)
        if self._closed:
            raise RuntimeError("this consumer is closed")
        return await self._app.loop.run_in_executor(self._thread, act, *arguments)

    # -- reading

    def __aiter__(self) -> RealConsumer:
        return self

    async def __anext__(self) -> ConsumerRecord:
        return await self.getone()

    async def getone(self) -> ConsumerRecord:
        """The next record, however long it takes to come."""
        self.finish_records_in_hand()
        async with self._asking:
            while not self._fetched:
                await asyncio.shield(asyncio.ensure_future(self._fetch_one()))
        record: ConsumerRecord = await self._app.step("receive", self._hand_over_one)
        return record

    async def _fetch_one(self) -> None:
        """What comes when nobody wants it any more is kept for the next who asks."""
        record = await self._in_thread(self._next)
        if record is not None:
            self._fetched.append(record)

    async def _hand_over_one(self) -> ConsumerRecord:
        return self.hand_over(self._fetched.popleft())

    async def getmany(self, *partitions: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
                      ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What one poll brings, by partition; waits up to `timeout_ms` for the first record."""
        if partitions:
            raise NotImplementedError("getmany(partition): kafka-python's poll reads all partitions; leave them out "
                                      "on a real run")
        if max_records is not None and (isinstance(max_records, bool) or max_records < 1):
            raise ValueError(f"getmany(max_records={max_records!r}): a whole number from 1, or None")
        self.finish_records_in_hand()
        records = await self.poll(timeout_ms, max_records)
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        if records:  # an empty poll is no step
            found = await self._app.step("receive", lambda: self._hand_over_many(records))
        return found

    async def poll(self, timeout_ms: float, most: int | None = None) -> list[Any]:
        """kafka-python's own records, not handed over yet."""
        if self._fetched:
            kept = [*self._fetched][:most]
            self._fetched = deque([*self._fetched][len(kept):])
            return kept
        async with self._asking:
            return await self._in_thread(self._poll, timeout_ms, most)

    async def _hand_over_many(self, records: list[Any]) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        for record in records:
            handed = self.hand_over(record)
            found.setdefault(TopicPartition(handed.topic, handed.partition), []).append(handed)
        return found

    def hand_over(self, raw: Any) -> ConsumerRecord:
        """The record is the service's now."""
        told = carried(raw.headers)
        value = None if told.load or raw.value is None else json.loads(raw.value)
        record = ConsumerRecord(self._plan.topic(raw.topic), raw.partition, raw.offset,
                                raw.timestamp - self._app.time_of_day, from_key(raw.key, told.bytes_key), value,
                                from_headers(raw.headers, told.texts), told.message, raw.timestamp_type)
        self._app.marks.write("delivered", self.group, record.topic, record.partition, record.offset, record.message,
                              self._client.group_metadata().generation_id)
        self._in_hand.append(record)
        self._app.in_hand.set(record.message)
        return record

    def finish_records_in_hand(self) -> None:
        """Asking for more means being done with the last ones."""
        for record in self._in_hand:
            self._app.marks.write("handled", self.group, record.topic, record.partition, record.offset)
        self._in_hand.clear()

    # -- positions

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

    def _now(self, act: Callable[[], T]) -> T:
        """kafka-python may be asked from one thread only; what that one is doing takes a moment at most."""
        return self._thread.submit(act).result()

    def _owned(self, partition: TopicPartition) -> Any:
        if partition not in self.assignment():
            raise ValueError(f"{partition}: not assigned to {self._app.name}; it owns {sorted(self.assignment())}")
        return self._lookups.real(partition)

    # -- closing

    async def stop(self) -> None:
        """Commit if auto-commit is on, and leave the group."""
        if not self._closed:
            if sys.exc_info()[0] is None:  # closed because of an exception: the records in hand are not done
                self.finish_records_in_hand()
            await self._in_thread(self._close)
            self._closed = True

    def _close(self) -> None:
        """What KafkaConsumer.close() does; the commit is asked for here, because close tells nobody how it went."""
        from kafka.errors import KafkaError

        consumed = self._client._subscription.all_consumed_offsets()
        if self._client.config["enable_auto_commit"] and consumed:
            try:
                self._client.commit(consumed)
                self._committed({tp: each.offset for tp, each in consumed.items()}, True)
            except KafkaError as error:
                self._app.marks.write("commit_failed", self.group, f"{type(error).__name__}: {error}")
        self._client.close(autocommit=False)

    close = stop

    async def __aenter__(self) -> RealConsumer:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.stop()
