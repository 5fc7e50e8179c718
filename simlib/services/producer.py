"""A service's Kafka producer: aiokafka's method names, kafka-python's settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simlib.kafka.lane import Batch, Lane
from simlib.kafka.partitioner import StickyPartitioner, crc32_partition, keyed_partition, random_partition
from simlib.kafka.producer.client import ProducerClient
from simlib.scenario.check_inputs import headers_fit
from simlib.scenario.draws import Stream
from simlib.services.errors import KafkaTimeoutError, error_for
from simlib.services.transactions import Transactional
from simlib.trace.recorder import ACKED, ACKED_UNKNOWN
from simlib.units import MS, SECOND, millis

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


AS_JSON = json.JSONEncoder(ensure_ascii=False)


class RecordMetadata(NamedTuple):
    """Where a record went. `offset` is -1 with acks=0 (K01)."""

    topic: str
    partition: int
    offset: int
    timestamp: int


def encode_key(key: Any, serializer: Callable[[Any], bytes] | None = None) -> bytes | None:
    """str as UTF-8, bytes as they are, None as the null key. Raises TypeError for the rest without a serializer."""
    if serializer is not None:
        return serializer(key)
    if key is None or isinstance(key, bytes):
        return key
    if isinstance(key, str):
        return key.encode("utf-8")
    raise TypeError(f"key {key!r} is of type {type(key).__name__}; keys are str, bytes or None, "
                    "or give the producer a key_serializer")


def encode_value(value: Any) -> str:
    """Values travel as JSON. Raises TypeError for what JSON cannot say."""
    try:
        return AS_JSON.encode(value)
    except TypeError as error:
        raise TypeError(f"a value must be something JSON can say (dict, list, str, number, bool, None): {error}"
                        ) from None


class ServiceProducer(Transactional):
    """`app.producer()`."""

    def __init__(self, app: App, process: ServiceProcess, settings: Any, number: int,
                 key_serializer: Callable[[Any], bytes] | None = None) -> None:
        self._app = app
        self._key_serializer = key_serializer
        self._process = process
        self._closed = False
        self._draws = Stream(process.world.scenario.seed, process.name, "partition")
        self._sticky = StickyPartitioner(settings.batch_size)
        self._waiting: dict[tuple[int, int], asyncio.Future[RecordMetadata]] = {}
        self._room: list[asyncio.Future[None]] = []
        self._ready: asyncio.Future[None] = app.future()
        self.client = ProducerClient(process, process.name, process.world.scenario.client, settings, process.cluster,
                                     process.network, process.lanes, on_result=self._result, number=number)
        process.world.producers[process.name] = {"acks": settings.acks}
        self.client.start(lambda: self._ready.set_result(None))

    async def send_and_wait(self, topic: str, value: Any = None, key: Any = None, headers: Any = None,
                            partition: int | None = None, timestamp_ms: int | None = None) -> RecordMetadata:
        """Send one record and wait for the brokers' answer. Raises a KafkaError when the send failed.

        `timestamp_ms`: the record's own time (CreateTime) in ms; None is now. A value of None is a null value.
        """
        async def act() -> RecordMetadata:
            return await (await self._send(topic, value, key, headers, partition, timestamp_ms))

        answer: RecordMetadata = await self._app.step("send", act, on=("topic", topic), what=f"send to {topic}")
        return answer

    async def send(self, topic: str, value: Any = None, key: Any = None, headers: Any = None,
                   partition: int | None = None, timestamp_ms: int | None = None) -> asyncio.Future[RecordMetadata]:
        """Hand one record to the producer; the future it returns is done when the brokers have answered."""
        future: asyncio.Future[RecordMetadata] = await self._app.step(
            "send", lambda: self._send(topic, value, key, headers, partition, timestamp_ms), on=("topic", topic),
            what=f"send to {topic}")
        return future

    async def flush(self) -> None:
        """Wait until everything sent so far is answered, well or badly."""
        await all_answered(self._waiting.values())

    async def stop(self) -> None:
        """Flush, then take no more records. `async with app.producer() as producer:` does it at the end.

        An open transaction is aborted.
        """
        self._closed = True
        await self.abort_what_is_open()
        await self.flush()

    close = stop

    async def __aenter__(self) -> ServiceProducer:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.stop()

    async def _send(self, topic: str, value: Any, key: Any, headers: Any, partition: int | None,
                    timestamp_ms: int | None) -> asyncio.Future[RecordMetadata]:
        self._check(topic, timestamp_ms)
        text, raw_key = encode_value(value), encode_key(key, self._key_serializer)
        check_record(value, raw_key, headers, self._process.world.scenario.client)
        key = key if self._key_serializer is None else raw_key
        if not self._ready.done():
            await asyncio.shield(self._ready)
        size = len(text.encode("utf-8")) + len(raw_key or b"")
        await self._room_for(size)
        tp = self._process.cluster.tp(topic, self._partition(topic, raw_key, partition, size))
        return self._add(tp, text, key, size, headers, timestamp_ms)

    def _check(self, topic: str, timestamp_ms: int | None) -> None:
        if self._closed:
            raise RuntimeError("this producer is closed")
        self._check_open()
        known = self._process.cluster.partitions_of
        if topic not in known:
            names = ", ".join(name for name in known if not name.startswith("__"))
            raise ValueError(f"send to topic {topic!r}: no such topic; this scenario has {names}")
        if timestamp_ms is not None:
            check_timestamp(timestamp_ms)
            self._process.cluster.timestamp_chosen(timestamp_ms, self._process.clock.now // MS)

    def _add(self, tp: int, text: str, key: Any, size: int, headers: Any,
             timestamp_ms: int | None) -> asyncio.Future[RecordMetadata]:
        sender = self.client.sender(tp)
        number = self._process.lanes.next_number(self._process.name)
        code = -1 if key is None else self.client.recorder.code("keys", key)
        cause = self._app.in_hand.get()
        ordinal = sender.lane.add(self._process.clock.now, number, code, text, size, _with_cause(headers, cause),
                                  timestamp_ms)
        future = self._waiting[sender.lane.code, ordinal] = self._app.future()
        future.add_done_callback(look_at_exception)
        self._process.busy(1)  # until it is answered
        sender.pump()
        return future

    async def _room_for(self, size: int) -> None:
        """Java only: a full buffer_memory blocks the sender for up to max_block_ms (K16)."""
        limit = self.client.settings.buffer_memory
        if limit is None or self.client.buffered() + size <= limit:
            return
        try:
            async with asyncio.timeout(millis(self.client.settings.max_block_ms) / SECOND):
                while self.client.buffered() + size > limit:
                    self._room.append(self._app.future())
                    await self._room[-1]
        except TimeoutError:
            raise KafkaTimeoutError(f"no room in buffer_memory={limit} for max_block_ms="
                                    f"{self.client.settings.max_block_ms}") from None

    def _partition(self, topic: str, key: bytes | None, partition: int | None, size: int) -> int:
        count = self.client.metadata.partitions[topic]
        if partition is not None:
            check_partition(topic, partition, count)
            return partition
        if key is not None and self.client.settings.partitioner == "consistent_random":
            return crc32_partition(key, count, self._draws.uniform(0))
        if key is not None:
            return keyed_partition(key, count)
        return self._unkeyed(topic, count, size)

    def _unkeyed(self, topic: str, count: int, size: int) -> int:
        available = [p for p, tp in enumerate(self._process.cluster.partitions_of[topic][:count])
                     if self.client.metadata.image.leader(tp) >= 0] or list(range(count))  # type: ignore[union-attr]
        if self.client.settings.partitioner != "sticky":
            number = self._process.lanes.next_number(f"{self._process.name}/unkeyed")
            return random_partition(available, self._draws.uniform(number))
        if self._sticky.partition is None:
            queues = [len(self.client.sender(self._process.cluster.tp(topic, p)).retries) for p in available]
            adaptive = self.client.settings.partitioner_adaptive_partitioning_enable
            self._sticky.choose(available, self._draws.uniform(self._sticky.choices), queues if adaptive else None)
        chosen = self._sticky.partition
        assert chosen is not None
        self._sticky.produced(size)
        return chosen

    def _timestamp(self, lane: Lane, batch: Batch, i: int, offset: int) -> int:
        if offset >= 0 and lane.topic in self._process.cluster.stamped_at_append:
            return batch.appended // MS
        return lane.timestamp(batch.start + i)

    def _result(self, lane: Lane, batch: Batch, outcome: int, error: str, base: int) -> None:
        """A batch is answered: so are the futures of its records."""
        for i in range(batch.count):
            future = self._waiting.pop((lane.code, batch.start + i), None)
            if future is None:
                continue
            self._process.busy(-1)
            if future.done():
                continue
            self._process.recorder.mark(self._process.clock.now, False)  # what it does now is still to come
            if outcome in (ACKED, ACKED_UNKNOWN):
                offset = base + i if base >= 0 else -1
                future.set_result(RecordMetadata(lane.topic, lane.partition, offset,
                                                 self._timestamp(lane, batch, i, offset)))
            else:
                future.set_exception(error_for(error))
        room, self._room = self._room, []
        for waiting in room:
            if not waiting.done():
                waiting.set_result(None)


def _with_cause(headers: Any, cause: tuple[int, int]) -> Any:
    if isinstance(headers, Mapping):
        headers = list(headers.items())
    return headers if cause == (-1, -1) else [*(headers or ()), ("__cause", cause)]


# -- what can be sent, and when all of it is answered, on both backends

def check_timestamp(timestamp_ms: Any) -> None:
    """Raises ValueError for what is no time."""
    if isinstance(timestamp_ms, bool) or not isinstance(timestamp_ms, int) or timestamp_ms < 0:
        raise ValueError(f"timestamp_ms={timestamp_ms!r}: a whole number of milliseconds from 0, "
                         "such as int(app.now * 1000)")


def check_partition(topic: str, partition: int, count: int) -> None:
    """Raises ValueError for a partition that the topic does not have."""
    if not 0 <= partition < count:
        raise ValueError(f"partition {partition} of {topic!r}: it has partitions 0 to {count - 1}")


def check_record(value: Any, raw_key: bytes | None, headers: Any, client: str) -> None:
    """Raises ValueError, TypeError for what this client does not send."""
    if value is None and raw_key is None and client == "kafka-python":
        raise ValueError("send(value=None, key=None): kafka-python sends no record that has neither; a null value "
                         "deletes what has its key, so give the key")
    if headers and not headers_fit(headers):
        raise TypeError(f"headers={headers!r}: a mapping or a list of pairs, of names to str or bytes")


async def all_answered(waiting: Iterable[asyncio.Future[Any]]) -> None:
    """Well or badly. Who gives up waiting here leaves the futures as they are: others may wait for them too."""
    if futures := [*waiting]:
        await asyncio.wait(futures)


def look_at_exception(future: asyncio.Future[Any]) -> None:
    """An answer nobody awaited is not an error of the program: it is what fire-and-forget means."""
    if not future.cancelled():
        future.exception()
