"""`app.consumer()` on a real Kafka: kafka-python in a thread of its own, behind the face services know."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.client_settings import consumer_config
from simlib.real.worker.errors import as_ours
from simlib.real.worker.lookups import RealLookups
from simlib.real.worker.membership import LOOK_MS, finish_joining, join, listener
from simlib.real.worker.positions import Positions
from simlib.real.worker.records import carried, from_headers, from_key
from simlib.services.in_hand import ConsumerRecord

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


class RealConsumer(Positions):
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
