"""One partition as its leader sees it: the batches in the log, and when consumers were allowed to see them."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import NamedTuple

from simlib.flow.moments import Moment, Moments
from simlib.flow.outbox import Outbox
from simlib.flow.sessions import Session


class Waiting(NamedTuple):
    """A batch whose producer is answered when the high watermark reaches its end."""

    end: int
    outbox: Outbox


class PartitionLog:
    """Batches in order of their offsets; the high watermark as a step function."""

    is_whole = True
    """Nothing of it is forgotten."""

    def __init__(self, tp: int) -> None:
        self.tp = tp
        self.end = 0
        self.high_watermark = 0
        self.sessions: list[Session] = []
        self.waiting: list[Waiting] = []
        self.bases, self.times, self.sizes = array("q"), array("q"), array("q")
        self._widest = self._longest = 1
        self.senders: list[Outbox] = []
        self.outboxes: list[Outbox] = []
        """Of each batch: its first offset, when it was written, the bytes in the log after it, and who sent it."""
        self.moments = Moments()
        self.high_watermarks = array("q")

    def append(self, now: int, outbox: Outbox, count: int) -> None:
        self.bases.append(self.end)
        self.times.append(now)
        self.outboxes.append(outbox)
        self.sizes.append((self.sizes[-1] if self.sizes else 0) + count * outbox.value_bytes)
        self.end += count

    def expect(self, outbox: Outbox) -> None:
        """Batches of this producer will come."""
        self.senders.append(outbox)
        self._widest, self._longest = max(self._widest, outbox.value_bytes), max(self._longest, outbox.most)

    def replicated(self) -> int:
        """What every follower has."""
        end, tp = self.end, self.tp
        for session in self.sessions:
            offset = session.offsets[tp]
            if offset < end:
                end = offset
        return end

    def raise_to(self, high_watermark: int, moment: Moment) -> None:
        self.high_watermark = high_watermark
        self.moments.append(moment)
        self.high_watermarks.append(high_watermark)

    # -- what a consumer's fetch finds

    def visible(self, offset: int) -> Moment | None:
        """When a consumer was first allowed to see the record at an offset; None if that is still to come."""
        place = bisect_right(self.high_watermarks, offset)
        return self.moments[place] if place < len(self.moments) else None

    def seen_at(self, moment: tuple[int, ...]) -> int:
        """The high watermark just before a moment."""
        place = self.moments.before(moment)
        return self.high_watermarks[place - 1] if place else 0

    def room(self, max_bytes: int) -> int:
        """So many records fit into a fetch, whatever batches they stand in."""
        return max_bytes // self._widest - self._longest

    def fits(self, offset: int, limit: int, max_bytes: int) -> bool:
        """Are these so few records that a fetch gets them all, whatever batches they stand in?"""
        return limit - offset <= self.room(max_bytes)

    def read(self, offset: int, limit: int, max_bytes: int) -> int:
        """How far a fetch from `offset` gets: whole batches up to `limit`, at most `max_bytes`, but at least one."""
        first = bisect_right(self.bases, offset) - 1
        before = self.sizes[first - 1] if first else 0
        last = bisect_right(self.sizes, before + max_bytes) - 1
        end = self._end(max(first, last))
        return end if end < limit else limit

    def _end(self, batch: int) -> int:
        return self.bases[batch + 1] if batch + 1 < len(self.bases) else self.end
