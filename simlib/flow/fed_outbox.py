"""An outbox that gets its records a while before they are due, and forgets those that nobody needs any more."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

import numpy as np

from simlib.flow.outbox import Outbox
from simlib.flow.sliding import Sliding


class FedOutbox(Outbox):
    """`fill` may be called again and again."""

    is_whole = False
    created: Any
    numbers: Any
    keys: Any
    cuts: Any
    starts: Any
    counts: Any
    answers: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        for name in ("created", "numbers", "keys", "cuts", "starts", "counts", "answers"):
            setattr(self, name, Sliding(array("q")))
        self.written = self.forgotten = 0
        """How many of its batches are in the log, and how many of these the log has forgotten."""

    def fill(self, created: np.ndarray, number: np.ndarray, key: np.ndarray) -> None:
        """The next records."""
        self.created.add(created)
        self.numbers.add(number)
        self.keys.add(key)

    def records(self, batches: int, column: str) -> np.ndarray:
        """Of the next so many batches that the log has not forgotten: created, numbers or keys of their records."""
        first = self.starts[self.forgotten]
        records: np.ndarray = getattr(self, column).between(first, self.end(self.forgotten + batches))
        return records

    def end(self, batches: int) -> int:
        """How many records the first so many batches hold."""
        return int(self.starts[batches - 1] + self.counts[batches - 1]) if batches else 0

    def totals(self, now: int) -> tuple[int, int, int, int]:
        """Records that were created, are in the log, are acknowledged, were sent with acks=0 and are not in the log."""
        created, in_log = self.upto(self.created, now, 0, len(self.created)), self.end(self.written)
        if self.acks == 0:
            return created, in_log, 0, self.end(bisect_right(self.cuts, now)) - in_log
        return created, in_log, self.end(bisect_right(self.answers, now)), 0

    def forget(self, batches: int) -> None:
        """The first so many batches are needed no more, but for what the next ones wait for."""
        known = len(self.cuts) if self.acks == 0 else len(self.answers)
        batches = min(batches, known, len(self.cuts) - self.permitted)
        if batches > 0:
            records = self.starts[batches]
            for column in (self.created, self.numbers, self.keys):
                column.forget(records)
            for column in (self.cuts, self.starts, self.counts, self.answers)[:3 if self.acks == 0 else 4]:
                column.forget(batches)

    def waited_too_long(self, now: int) -> str | None:
        """As in an `Outbox`, of what is not forgotten."""
        first, sent = self.starts.gone, bisect_right(self.cuts, now)
        if self.acks == 0 or sent <= first:
            return None
        answers = np.full(sent - first, now, np.int64)
        known = self.answers.between(first, min(sent, len(self.answers)))
        answers[:len(known)] = np.minimum(known, now)
        created = self.created[self.starts.between(first, sent)]
        if (answers - created).max() >= self.delivery_timeout:
            return "delivery_timeout_ms"
        waited = (answers - self.cuts.between(first, sent)).max()
        return "request_timeout_ms" if waited >= self.request_timeout else None
