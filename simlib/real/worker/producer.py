"""`app.producer()` on a real Kafka: kafka-python in a thread of its own, behind the face services know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from simlib.real.client_settings import CLIENT, producer_config
from simlib.real.worker.errors import as_ours, ours
from simlib.real.worker.records import Carried, to_headers
from simlib.real.worker.transactions import RealTransactional
from simlib.services.errors import MessageSizeTooLargeError
from simlib.services.producer import (
    RecordMetadata,
    all_answered,
    check_partition,
    check_record,
    check_timestamp,
    encode_key,
    encode_value,
    look_at_exception,
)

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


NO_OFFSET = -1
"""With acks=0 nobody has said where the record is; kafka-python 3.0.12 makes it offset 0 (K01)."""


class RealProducer(RealTransactional):
    """Raises what kafka-python raises, under the names services know."""

    def __init__(self, app: RealApp, config: Mapping[str, Any],
                 key_serializer: Callable[[Any], bytes] | None = None) -> None:
        self._app = app
        self._plan = app.plan
        self._key_serializer = key_serializer
        self._config = {**app.client, **producer_config(config)}
        self._transactional_id = self._config.get("transactional_id")
        if self._transactional_id is not None:
            self._config["transactional_id"] = self._plan.prefix + self._transactional_id
        self._thread = ThreadPoolExecutor(1, "producer")
        self._waiting: dict[int, asyncio.Future[RecordMetadata]] = {}
        self._closed = False
        self._client: Any = None
        self._made = app.loop.run_in_executor(self._thread, self._make)

    def _make(self) -> None:
        from kafka import KafkaProducer

        with as_ours():
            self._client = KafkaProducer(**self._config)
        self._app.marks.write("produces", self._client.config["acks"])

    # -- sending

    async def send_and_wait(self, topic: str, value: Any = None, key: Any = None, headers: Any = None,
                            partition: int | None = None, timestamp_ms: int | None = None) -> RecordMetadata:
        """Send one record and wait for the brokers' answer. Raises a KafkaError when the send failed."""
        async def act() -> RecordMetadata:
            return await (await self._send(topic, value, key, headers, partition, timestamp_ms))

        answer: RecordMetadata = await self._app.step("send", act)
        return answer

    async def send(self, topic: str, value: Any = None, key: Any = None, headers: Any = None,
                   partition: int | None = None, timestamp_ms: int | None = None) -> asyncio.Future[RecordMetadata]:
        """Hand one record to the producer; the future it returns is done when the brokers have answered."""
        future: asyncio.Future[RecordMetadata] = await self._app.step(
            "send", lambda: self._send(topic, value, key, headers, partition, timestamp_ms))
        return future

    async def _send(self, topic: str, value: Any, key: Any, headers: Any, partition: int | None,
                    timestamp_ms: int | None) -> asyncio.Future[RecordMetadata]:
        if self._closed:
            raise RuntimeError("this producer is closed")
        self._check_open()
        self._app.check_topic(f"send to topic {topic!r}", topic)
        if timestamp_ms is not None:
            check_timestamp(timestamp_ms)
        content, raw_key = as_bytes(value), encode_key(key, self._key_serializer)
        check_record(value, raw_key, headers, CLIENT)
        if partition is not None:
            check_partition(topic, partition, await self._partitions(topic))
        shown = key if self._key_serializer is None else raw_key
        return await self.hand_over(topic, content, raw_key, shown, headers, partition, value,
                                    timestamp_ms=timestamp_ms)

    async def _partitions(self, topic: str) -> int:
        """How many the topic has by now."""
        def asked() -> int:
            with as_ours():
                return len(self._client.partitions_for(self._plan.real_topic(topic)))

        await asyncio.shield(self._made)
        return await self._app.loop.run_in_executor(self._thread, asked)

    async def hand_over(self, topic: str, content: bytes | None, raw_key: bytes | None, key: Any, headers: Any,
                        partition: int | None, value: Any, load: bool = False,
                        timestamp_ms: int | None = None) -> asyncio.Future[RecordMetadata]:
        """One record, as bytes; the answer comes later. `timestamp_ms`: after the scenario's time 0."""
        await asyncio.shield(self._made)
        number = self._app.next_number()
        pairs, texts = to_headers(headers)
        told = Carried(f"{self._app.name}:{number}", isinstance(key, bytes), texts, load)
        size = len(content or b"") + len(raw_key or b"")
        self._app.marks.write("produced", number, topic, key, None if load else value, size)
        future = self._waiting[number] = self._app.loop.create_future()
        future.add_done_callback(look_at_exception)
        await self._app.loop.run_in_executor(
            self._thread, self._sent, number, self._plan.real_topic(topic), content, raw_key, [*pairs, told.header()],
            partition, None if timestamp_ms is None else timestamp_ms + self._app.time_of_day)
        return future

    def _sent(self, number: int, topic: str, content: bytes | None, key: bytes | None, headers: Any,
              partition: int | None, timestamp_ms: int | None) -> None:
        """In the thread: a send may have to wait for metadata, or for room."""
        try:
            with as_ours():
                answer = self._client.send(topic, value=content, key=key, headers=headers, partition=partition,
                                           timestamp_ms=timestamp_ms)
        except Exception as error:
            self._failed(number, error)
            if isinstance(error, MessageSizeTooLargeError) and self._transactional_id is None:
                return  # the client's answer instead of the brokers'
            raise
        answer.add_callback(lambda metadata: self._acked(number, metadata))
        answer.add_errback(lambda error: self._failed(number, ours(error)))

    def _acked(self, number: int, metadata: Any) -> None:
        offset = metadata.offset if self._client.config["acks"] != 0 else NO_OFFSET
        self._app.marks.write("acked", number, metadata.partition, offset)
        result = RecordMetadata(self._plan.topic(metadata.topic), metadata.partition, offset,
                                metadata.timestamp - self._app.time_of_day)
        self._app.loop.call_soon_threadsafe(self._settle, number, result, None)

    def _failed(self, number: int, error: BaseException) -> None:
        self._app.marks.write("failed", number, type(error).__name__)
        self._app.loop.call_soon_threadsafe(self._settle, number, None, error)

    def _settle(self, number: int, result: RecordMetadata | None, error: BaseException | None) -> None:
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if error is not None:
            future.set_exception(error)
        elif result is not None:
            future.set_result(result)

    # -- closing

    async def flush(self) -> None:
        """Wait until everything sent so far is answered, well or badly."""
        await all_answered(self._waiting.values())

    async def stop(self) -> None:
        """Flush, then take no more records. An open transaction is aborted."""
        if self._closed:
            return
        self._closed = True
        await self.abort_what_is_open()
        await self.flush()
        await asyncio.shield(self._made)
        await self._app.loop.run_in_executor(self._thread, self._client.close)

    close = stop

    async def __aenter__(self) -> RealProducer:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.stop()


def as_bytes(value: Any) -> bytes | None:
    """A value as JSON; None is a null value, which Kafka takes for a deletion."""
    return None if value is None else encode_value(value).encode("utf-8")
