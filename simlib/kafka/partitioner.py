"""Which partition a record goes to: by its key, or for a null key by the client's own rule."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from zlib import crc32

from simlib.kafka.murmur2 import murmur2

_WITHOUT_SIGN = 0x7FFFFFFF


@lru_cache(maxsize=10_000)
def keyed_partition(key: bytes, partitions: int) -> int:
    """The partition of a keyed record, of all partitions, leaderless ones too (K39); the empty key is a key (K41)."""
    return (murmur2(key) & _WITHOUT_SIGN) % partitions


def crc32_partition(key: bytes, partitions: int, uniform: float) -> int:
    """What librdkafka's default `consistent_random` picks: CRC-32 of the key, for an empty key a random one (K45a)."""
    return crc32(key) % partitions if key else int(uniform * partitions)


def random_partition(available: Sequence[int], uniform: float) -> int:
    """kafka-python's choice for a null key: a new draw in [0, 1) for each record (K44a)."""
    return available[int(uniform * len(available))]


def weighted_partition(available: Sequence[int], queue_sizes: Sequence[int], uniform: float) -> int:
    """A partition drawn by load: its weight is the longest queue of waiting batches + 1 - its own queue (K43).

    `queue_sizes[i]` counts the batches waiting for `available[i]`; `uniform` is a draw in [0, 1).
    """
    longest = max(queue_sizes)
    table = list(accumulate(longest + 1 - size for size in queue_sizes))
    return available[bisect_right(table, int(uniform * table[-1]))]


class StickyPartitioner:
    """The Java client's rule for null keys: stay on one partition for a batch's worth of bytes (K42, KIP-794).

    Call `choose` whenever `partition` is None; `choices` numbers the draws, so that a caller can name each one.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._produced_bytes = 0
        self.partition: int | None = None
        self.choices = 0

    def choose(self, available: Sequence[int], uniform: float, queue_sizes: Sequence[int] | None = None) -> int:
        """Draw the next partition; with `queue_sizes` by load (`partitioner_adaptive_partitioning_enable`, K43)."""
        if queue_sizes is None:
            self.partition = random_partition(available, uniform)
        else:
            self.partition = weighted_partition(available, queue_sizes, uniform)
        self.choices += 1
        return self.partition

    def produced(self, size: int, batch_is_ready: bool = True) -> None:
        """Count `size` bytes; leave after a batch's worth, or after two while the batch is not ready to be sent."""
        self._produced_bytes += size
        limit = self._batch_size if batch_is_ready else 2 * self._batch_size
        if self._produced_bytes >= limit:
            self._produced_bytes = 0
            self.partition = None
