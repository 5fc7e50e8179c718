"""Batches of one record each, many at once: where a producer's records come so seldom that none waits for another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from simlib.flow.moments import add
from simlib.flow.outbox import Outbox
from simlib.flow.partition_log import PartitionLog

MANY = 16
"""Records; fewer are written one by one in the same time."""

SELDOM = 8
"""If more than one of so many records comes soon after the one before it, nothing is looked for."""


@dataclass
class Singles:
    """The records of an outbox that stay alone in their batches, and are not held up by the batch before theirs."""

    outbox: Outbox
    soon: list[int]
    """Records that come so soon after the one before them that they may share its batch, or wait for its answer."""

    def count(self, first: int, last_cut: int) -> int:
        """How many batches in a row, from that of a record on which is cut as soon as it has lingered, are of one
        record; all of them but one are cut before a time."""
        if not self.soon:
            return 0
        end, outbox = self.soon[bisect_right(self.soon, first)] - 1, self.outbox
        before = bisect_left(outbox.created, last_cut - outbox.linger, first, end) - first
        known = bisect_right(outbox.created, outbox.known - outbox.linger, first, end) - first
        return min(end - first, before + 1, known)

    def write(self, log: PartitionLog, first: int, count: int, latency: int, rise: int) -> int:
        """Cut that many batches, write all but the last of them; returns when that one arrives."""
        outbox, ordinals = self.outbox, np.arange(first, first + count)
        cuts = np.frombuffer(outbox.created[first:first + count], np.int64) + outbox.linger
        times, size = cuts[:-1] + latency, log.sizes[-1] if log.sizes else 0
        add(outbox.cuts, cuts)
        add(outbox.starts, ordinals)
        add(outbox.counts, np.ones(count, np.int64))
        add(outbox.answers, times + (rise + latency))
        add(log.bases, ordinals[:-1])
        add(log.times, times)
        add(log.sizes, size + outbox.value_bytes * np.arange(1, count))
        add(log.moments.times, times + rise)
        add(log.high_watermarks, ordinals[1:])
        return int(cuts[-1]) + latency


def singles(outbox: Outbox, latency: int) -> Singles:
    """Those of an outbox, found once; none of one that is not filled yet."""
    if outbox.singles is None:
        outbox.singles = Singles(outbox, _soon(outbox, latency))
    return outbox.singles


def _soon(outbox: Outbox, latency: int) -> list[int]:
    if not outbox.is_whole or outbox.filling < 1 or len(outbox.created) < MANY:
        return []
    gaps = np.diff(np.frombuffer(outbox.created, np.int64))
    soon = np.flatnonzero(gaps <= max(outbox.linger, 4 * latency)) + 1
    return [] if len(soon) * SELDOM > len(gaps) else [*soon.tolist(), len(gaps) + 2]
