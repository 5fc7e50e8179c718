"""The records a producer sends to one partition, kept as columns, and the batches cut out of them."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

import numpy as np

from simlib.units import MS

NULL = "null"
"""A null value as JSON says it."""

NO_SEQUENCE = -1
"""Of a batch that no sequence number protects: a marker, or offsets committed in a transaction."""

MARKER_BYTES = 78


class Lane:
    """Records of one producer for one partition, in order of creation. `ordinal` counts within the lane."""

    __slots__ = ("bytes", "code", "created", "headers", "key", "number", "partition", "producer", "stamps",
                 "topic", "tp", "value", "value_bytes")

    def __init__(self, code: int, producer: str, tp: int, topic: str, partition: int, value_bytes: int | None) -> None:
        self.code = code
        self.producer = producer
        self.tp = tp
        self.topic = topic
        self.partition = partition
        self.created = array("q")
        self.number = array("q")
        self.key = array("i")
        self.value_bytes = value_bytes
        self.bytes = array("i")
        self.value: list[Any] = []
        self.headers: dict[int, Any] = {}
        self.stamps: dict[int, int] = {}
        """Timestamps (ms) that the application chose itself."""

    def add(self, created: int, number: int, key: int, value: Any, size: int, headers: Any = None,
            stamp: int | None = None) -> int:
        """Add one record; returns its ordinal."""
        if headers:
            self.headers[len(self.number)] = headers
        if stamp is not None:
            self.stamps[len(self.number)] = stamp
        self.created.append(created)
        self.number.append(number)
        self.key.append(key)
        if self.value_bytes is None:
            self.value.append(value)
            self.bytes.append(size)
        return len(self.number) - 1

    def extend(self, created: np.ndarray, number: np.ndarray, key: np.ndarray) -> None:
        """Add a block of a declared load (values are synthetic, all of one size)."""
        self.created.frombytes(created.astype(np.int64).tobytes())
        self.number.frombytes(number.astype(np.int64).tobytes())
        self.key.frombytes(key.astype(np.int32).tobytes())

    def forget_after(self, now: int, start: int) -> None:
        """Drop records from ordinal `start` on whose time has not come (their producer died or changed)."""
        keep = bisect_right(self.created, now, start)
        for column in (self.created, self.number, self.key, self.value, self.bytes):
            del column[keep:]

    def size(self, start: int, count: int) -> int:
        """Bytes of the records start .. start+count-1."""
        if self.value_bytes is not None:
            return count * self.value_bytes
        return sum(self.bytes[start:start + count])

    def timestamp(self, ordinal: int) -> int:
        """CreateTime in ms: when the record was handed to its producer, unless the application said otherwise."""
        return self.stamps[ordinal] if ordinal in self.stamps else self.created[ordinal] // MS

    def has_null_key(self, start: int, count: int) -> bool:
        """Is one of these records without a key?"""
        return min(self.key[start:start + count]) < 0

    def is_tombstone(self, ordinal: int) -> bool:
        """A null value: to compaction it says that the key is gone (K67)."""
        return self.value_bytes is None and self.value[ordinal] == NULL

    def message(self, ordinal: int) -> str:
        return f"{self.producer}:{self.number[ordinal]}"

    def columns(self) -> dict[str, Any]:
        """For the trace; the arrays are shared, not copied."""
        count = len(self.number)
        size = self.bytes if self.value_bytes is None else np.full(count, self.value_bytes)
        return {"number": np.frombuffer(self.number, np.int64), "key": np.frombuffer(self.key, np.int32),
                "created": np.frombuffer(self.created, np.int64), "bytes": np.asarray(size, np.int32),
                "value": self.value}


class Batch:
    """Consecutive records of a lane that travel, are appended and are acknowledged together."""

    is_transactional = False
    __slots__ = ("appended", "attempts", "count", "created", "epoch", "lane", "not_before", "payload", "pid",
                 "sequence", "size", "start")

    appended: int
    """When a leader last wrote it; not set before."""

    def __init__(self, lane: Lane | None, start: int, count: int, size: int, created: int, pid: int = -1,
                 epoch: int = -1, sequence: int = -1, payload: Any = None) -> None:
        self.lane = lane
        self.start = start
        self.count = count
        self.size = size
        self.created = created
        self.pid = pid
        self.epoch = epoch
        self.sequence = sequence
        self.payload = payload
        self.attempts = 0
        self.not_before = 0


class TransactionalBatch(Batch):
    """A batch of a producer that writes in transactions: it counts when the transaction is committed."""

    is_transactional = True
    __slots__ = ("transactional_id",)
    transactional_id: str


class Marker(Batch):
    """A control record that ends a transaction in one partition. It takes an offset; no application sees it (K30)."""

    is_transactional = True
    __slots__ = ("committed", "coordinator_epoch")

    def __init__(self, pid: int, epoch: int, committed: bool, coordinator_epoch: int, now: int,
                 payload: Any = None) -> None:
        super().__init__(None, 0, 1, MARKER_BYTES, now, pid, epoch, NO_SEQUENCE, payload)
        self.committed = committed
        self.coordinator_epoch = coordinator_epoch
