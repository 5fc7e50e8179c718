"""One producer's way to one partition: cut batches, keep few in flight, retry, keep the order.

When is a batch cut? linger_ms after its first record, or as soon as it is full (K13); if too many batches are in flight
already it goes on filling until one of them is answered (K14).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Any

from simlib.kafka.lane import Batch, Lane
from simlib.kafka.partition_leader import NOT_LEADER
from simlib.trace.recorder import ACKED, ACKED_UNKNOWN, REFUSED, TIMED_OUT
from simlib.units import millis
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.producer.client import ProducerClient

RETRIABLE = frozenset({NOT_LEADER, "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
                       "timed out", "disconnected", "connection refused", "connection attempt timed out"})
CONNECTION = frozenset({"timed out", "disconnected", "connection refused", "connection attempt timed out"})

FAR = 2**62
"""Later than anything."""


class Sender:
    """Sends the records of one lane."""

    batch_type = Batch
    retriable = RETRIABLE

    def __init__(self, client: ProducerClient, lane: Lane) -> None:
        settings = client.settings
        self.client = client
        self.lane = lane
        self.next = len(lane.number)
        self.in_flight: list[Batch] = []
        self.retries: list[Batch] = []
        self.idempotent = settings.enable_idempotence
        self.permitted = permitted_in_flight(settings, client.client)
        self.linger = millis(settings.linger_ms)
        self.most: int | None = None
        if lane.value_bytes is not None:  # all records have the same size: so many fill a batch, or leave no room
            self.most, self._filling = records_in_batch(settings.batch_size, lane.value_bytes)
        self.delivery_timeout = millis(settings.delivery_timeout_ms)
        self.epoch = 0
        self.sequence = 0
        self.acked = 0
        self.waiting_for_leader = False
        self.alarm = Alarm(client.process, self.pump)
        self.expiry = Alarm(client.process, self.expire)

    # -- what to send next

    def pump(self) -> None:
        """Send whatever may be sent now; set the alarm for what may be sent later."""
        now = self.client.process.clock.now
        while len(self.in_flight) < self.permitted:
            batch = self._next_batch(now) if self.retries else self._cut(now)
            if batch is None or not self._send(batch, now):
                return

    def _next_batch(self, now: int) -> Batch | None:
        """One that is sent again, or a new one if that may overtake it."""
        first = self.retries[0]
        if first.not_before <= now and not (self.idempotent and self._must_wait_its_turn(first)):
            if self.idempotent and first.epoch != self.epoch:
                self._number(first)
            return self.retries.pop(0)
        self.alarm.set(max(first.not_before, now + 1) if first.not_before > now else None)
        if self.idempotent or self.permitted == 1:
            return None  # nothing may overtake a batch that is sent again (K25, K27)
        return self._cut(now)

    def _must_wait_its_turn(self, batch: Batch) -> bool:
        return any(other.start < batch.start for other in self.in_flight)

    def _cut(self, now: int) -> Batch | None:
        """A new batch of the records that are there, if it is full or has lingered."""
        lane = self.lane
        start = self.next
        created = lane.created
        if start >= len(created):
            return None
        ready = created[start] + self.linger
        count, full = self._fitting(start, max(now, ready))
        ready = full if full < ready else ready
        if ready > now:
            self._look_again_at(ready)
            return None
        there = bisect_right(created, now, start) - start
        count = there if count is None or there < count else count
        self.next = start + count
        batch = self.batch_type(lane, start, count, lane.size(start, count), created[start])
        if self.idempotent:
            self._number(batch)
        if self.expiry.deadline is None:
            self.expiry.set(batch.created + self.delivery_timeout)
        self.client.process.busy(1)
        return batch

    def _look_again_at(self, time: int) -> None:
        deadline = self.alarm.deadline
        if deadline is None or time < deadline or not self.retries:
            self.alarm.set(time)

    def _fitting(self, start: int, until: int) -> tuple[int | None, int]:
        """How many records from `start` fill a batch, and when: as one comes that fills it exactly, or has no room.

        (None, FAR) if those created up to `until` do not fill it.
        """
        lane, size = self.lane, 0
        if self.most is not None:
            last = start + self._filling
            return (self.most, lane.created[last]) if last < len(lane.created) else (None, FAR)
        limit = self.client.settings.batch_size
        for i in range(start, len(lane.bytes)):
            if lane.created[i] > until:
                break
            size += lane.bytes[i]
            if size >= limit:
                return max(1, i - start + (size == limit)), lane.created[i]
        return None, FAR

    def _number(self, batch: Batch) -> None:
        batch.pid, batch.epoch, batch.sequence = self.client.pid, self.epoch, self.sequence
        self.sequence += batch.count

    # -- sending

    def _send(self, batch: Batch, now: int) -> bool:
        client = self.client
        broker = client.metadata.leader(self.lane.tp)
        if broker is None:
            insort(self.retries, batch, key=_start)
            self._wait_for_leader()
            return False
        batch.attempts += 1
        if client.acks == 0:
            self._send_and_forget(batch, broker, now)
            return True
        self.in_flight.append(batch)
        client.network.request(client.process, broker, "produce", (self.lane.tp, batch, client.acks),
                               lambda answer: self._answered(batch, broker, *answer),
                               lambda reason: self._failed(batch, broker, reason), client.request_timeout)
        return True

    def _send_and_forget(self, batch: Batch, broker: Any, now: int) -> None:
        """acks=0: written to the socket is good enough; nobody will ever know (K01)."""
        client = self.client
        client.network.tell_request(client.process, broker, "produce", (self.lane.tp, batch, 0),
                                    lambda reason: self._connection_broke(broker))
        self._finish(batch, ACKED_UNKNOWN, "", -1, now)

    def _connection_broke(self, broker: Any) -> None:
        """What was on the wire is lost; what comes next waits until the leader is known again."""
        self.client.metadata.broken(broker)
        self.client.metadata.refresh(self.pump)

    def _wait_for_leader(self) -> None:
        if not self.waiting_for_leader:
            self.waiting_for_leader = True
            self.client.metadata.retry(self._leader_may_be_known)

    def _leader_may_be_known(self) -> None:
        self.waiting_for_leader = False
        self.pump()

    # -- answers

    def _answered(self, batch: Batch, broker: Any, error: str, base: int) -> None:
        self.client.metadata.fine(broker)
        if batch not in self.in_flight:
            return  # it had expired meanwhile
        self.in_flight.remove(batch)
        if error == "" or error in ("DUPLICATE", "DUPLICATE_SEQUENCE_NUMBER"):
            self._finish(batch, ACKED, error, -1 if error == "DUPLICATE_SEQUENCE_NUMBER" else base,
                         self.client.process.clock.now)
        elif error == "MESSAGE_TOO_LARGE" and batch.count > 1:
            self._split(batch)
        else:
            self._try_again(batch, error)
        self.pump()

    def _failed(self, batch: Batch, broker: Any, reason: str) -> None:
        self.client.metadata.broken(broker)
        if batch in self.in_flight:
            self.in_flight.remove(batch)
            self._try_again(batch, reason)
            self.pump()

    def _try_again(self, batch: Batch, error: str) -> None:
        client = self.client
        now = client.process.clock.now
        retriable = error in self.retriable or (self.idempotent and (error == "OUT_OF_ORDER_SEQUENCE_NUMBER"
                                                                or batch.epoch < self.epoch))
        if not retriable or batch.attempts > client.settings.retries:
            self._finish(batch, REFUSED, error, -1, now)
            self._after_a_gap()
            return
        client.recorder.event("send_retry", client.process, tp=self.lane.tp, a=batch.start, b=batch.attempts,
                              detail=error)
        if error == "OUT_OF_ORDER_SEQUENCE_NUMBER" and batch.epoch == self.epoch and batch.sequence == self.acked:
            self._after_a_gap()  # it follows what was acknowledged last: the broker has lost records, not we
        batch.not_before = now + client.retry_backoff(batch.attempts)
        insort(self.retries, batch, key=_start)
        if error == NOT_LEADER or error in CONNECTION:
            client.metadata.refresh(self.pump)

    def _split(self, batch: Batch) -> None:
        """Too large for the broker: send it as two (K15). The split does not use up a retry."""
        self.client.recorder.event("batch_split", self.client.process, tp=self.lane.tp, a=batch.start, b=batch.count)
        self.client.process.busy(1)
        half = batch.count // 2
        for start, count in ((batch.start, half), (batch.start + half, batch.count - half)):
            part = self.batch_type(self.lane, start, count, self.lane.size(start, count), batch.created)
            part.attempts = batch.attempts - 1
            if self.idempotent:
                part.pid, part.epoch = batch.pid, batch.epoch
                part.sequence = batch.sequence + start - batch.start
            insort(self.retries, part, key=_start)

    def _finish(self, batch: Batch, outcome: int, error: str, base: int, now: int) -> None:
        client = self.client
        client.process.busy(-1)
        if outcome == ACKED and batch.epoch == self.epoch:
            self.acked = max(self.acked, batch.sequence + batch.count)
        code = client.recorder.code("errors", error) if error else -1
        client.recorder.ack((now, self.lane.code, batch.start, batch.count, outcome, code, base))
        self._watch_the_oldest()
        if client.on_result is not None:
            client.on_result(self.lane, batch, outcome, error, base)

    # -- delivery.timeout.ms

    def _oldest(self) -> Batch | None:
        return min([*self.in_flight, *self.retries], key=_start, default=None)

    def _watch_the_oldest(self) -> None:
        oldest = self._oldest() if self.in_flight or self.retries else None
        self.expiry.set(None if oldest is None else oldest.created + self.delivery_timeout)

    def expire(self) -> None:
        """delivery_timeout_ms is over for the oldest record: its caller is told that it failed, true or not (K10)."""
        now = self.client.process.clock.now
        oldest = self._oldest()
        if oldest is None:
            return
        if oldest.created + self.delivery_timeout > now:
            self._watch_the_oldest()
            return
        for queue in (self.in_flight, self.retries):
            if oldest in queue:
                queue.remove(oldest)
        self._finish(oldest, TIMED_OUT, "delivery timeout", -1, now)
        self._after_a_gap()
        self.pump()

    def _after_a_gap(self) -> None:
        """A numbered batch is gone: the rest gets numbers of a new epoch, or the broker would refuse it (KIP-360)."""
        if self.idempotent:
            self.epoch += 1
            self.sequence = self.acked = 0
            for batch in self.retries:
                self._number(batch)


def _start(batch: Batch) -> int:
    return batch.start


def permitted_in_flight(settings: Any, client: str) -> int:
    """Batches in flight to one partition: kafka-python keeps one when idempotent (K28), Java up to five."""
    if client == "kafka-python" and settings.enable_idempotence:
        return 1
    return int(settings.max_in_flight_requests_per_connection)


def records_in_batch(batch_size: int, value_bytes: int) -> tuple[int, int]:
    """How many records of one size fill a batch, and which after its first makes it leave."""
    most = max(1, batch_size // max(1, value_bytes))
    return most, most - (most * value_bytes >= batch_size)
