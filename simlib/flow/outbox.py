"""One producer's way to one partition, batch by batch: when each batch is cut, and what is in it.

The rules are those of `simlib.kafka.producer.sender`: a batch is cut linger_ms after its first record, or as soon as it
is full (K13); if too many are in flight it goes on filling until one of them is answered (K14).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np

from simlib.flow.arrivals import EVER
from simlib.flow.moments import add
from simlib.kafka.producer.sender import permitted_in_flight, records_in_batch
from simlib.trace.trace_data import narrow
from simlib.units import millis

BY_ALARM, BY_ANSWER = 0, 1
"""What made a producer cut a batch; at one instant its alarms come before its answers."""


class Outbox:
    """The records of one lane, and the batches cut out of them so far."""

    is_whole = True
    """All its records are there from the beginning."""
    upto: Callable[[Any, int, int, int], int] = staticmethod(bisect_right)
    """Of records first ... end - 1, the first that is created after a time: `upto(created, time, first, end)`."""

    def __init__(self, tp: int, rank: int, settings: Any, client: str, value_bytes: int) -> None:
        self.code = -1
        self.tp = tp
        self.rank = rank
        self.value_bytes = value_bytes
        self.linger = millis(settings.linger_ms)
        self.most, self.filling = records_in_batch(settings.batch_size, value_bytes)
        self.acks = {"all": -1, -1: -1}.get(settings.acks, settings.acks)
        self.permitted = permitted_in_flight(settings, client)
        self.delivery_timeout = millis(settings.delivery_timeout_ms)
        self.request_timeout = millis(settings.request_timeout_ms)
        self.created = array("q")
        self.next = 0
        self.known = EVER
        """Up to here (ns) all its records are there; a batch that depends on later ones waits for them."""
        self.waits_for_answer = self.waits_for_records = False
        self.singles: Any = None
        """Which records are batches of their own, once that was looked for (`simlib.flow.singles`)."""
        self.cuts, self.starts, self.counts, self.answers = array("q"), array("q"), array("q"), array("q")
        """Of each batch: when it was cut, its first ordinal, its records; and when its answer arrived."""

    def fill(self, created: np.ndarray, number: np.ndarray, key: np.ndarray) -> None:
        """All records of the run."""
        add(self.created, created)
        self.number, self.key = narrow(np.asarray(number, np.int64)), narrow(np.asarray(key, np.int32))

    def cut(self) -> tuple[int, int] | None:
        """Cut the next batch: when, and on what occasion. None if there is nothing, or an answer has to come first."""
        if self.next >= len(self.created):
            self.waits_for_records = True
            return None
        gate = self._gate()
        if gate is None:
            self.waits_for_answer = True
            return None
        ready = self._ready()
        at = ready if ready > gate else gate
        if at > self.known:
            self.waits_for_records = True
            return None
        count = min(self.upto(self.created, at, self.next, len(self.created)) - self.next, self.most)
        self.cuts.append(at)
        self.starts.append(self.next)
        self.counts.append(count)
        self.next += count
        return at, BY_ALARM if ready > gate else BY_ANSWER

    def _gate(self) -> int | None:
        """Before this no batch may leave: the batch before, and enough answers. None if such an answer is awaited."""
        batch = len(self.cuts)
        before = self.cuts[-1] if batch else self.created[0]
        if self.acks == 0 or batch < self.permitted:
            return before
        if len(self.answers) <= batch - self.permitted:
            return None
        return max(before, self.answers[batch - self.permitted])

    def _ready(self) -> int:
        """When the next batch has lingered, or is full."""
        ready = self.created[self.next] + self.linger
        last = self.next + self.filling
        return min(ready, self.created[last]) if last < len(self.created) else ready

    def cut_the_rest(self) -> None:
        """Without answers nothing has to be waited for: the last batches may be cut and never arrive."""
        while self.acks == 0 and self.cut():
            pass

    def forget_after(self, now: int) -> None:
        """A run that was interrupted: what would have been created later never was."""
        keep = bisect_right(self.created, now)
        del self.created[keep:]
        self.number, self.key = self.number[:keep], self.key[:keep]

    def waited_too_long(self, now: int) -> str | None:
        """The time-out that a producer of the readable engine would have run into by `now`; None if there is none."""
        starts = np.array(self.starts, np.int64)
        answers = np.full(len(starts), now, np.int64)
        answers[:len(self.answers)] = np.minimum(self.answers, now)
        cuts = np.array(self.cuts, np.int64)
        sent = cuts <= now
        if self.acks == 0 or not sent.any():
            return None
        created = np.frombuffer(self.created, np.int64)[starts]
        if (answers - created)[sent].max() >= self.delivery_timeout:
            return "delivery_timeout_ms"
        return "request_timeout_ms" if (answers - cuts)[sent].max() >= self.request_timeout else None

    def occasions(self) -> np.ndarray:
        """What made the producer cut each batch."""
        cuts, answers = np.array(self.cuts, np.int64), np.array(self.answers, np.int64)
        found = np.full(len(cuts), BY_ALARM)
        if self.acks != 0:
            gated = cuts[self.permitted:]
            found[self.permitted:][gated == answers[:len(gated)]] = BY_ANSWER
        return found

    def columns(self) -> dict[str, Any]:
        """The records, for the trace."""
        return {"number": self.number, "key": self.key, "created": np.frombuffer(self.created, np.int64),
                "bytes": np.broadcast_to(np.int32(self.value_bytes), len(self.number)), "value": []}
