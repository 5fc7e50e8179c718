"""Where to start in a partition: at the committed offset, else where auto_offset_reset says (K81, K82)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from simlib.kafka.consumer.positions import UNKNOWN
from simlib.kafka.groups.messages import OffsetFetch, OffsetFetchResponse

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient

OUT_OF_RANGE = "OFFSET_OUT_OF_RANGE"
"""There is no such offset in the log: retention took it, or a truncation did (K65)."""


class Starting:
    """Finds starting offsets for one consumer."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer
        self._require_stable = consumer.reads_committed or consumer.cluster.client == "java"

    def find(self, tps: list[int]) -> None:
        """Ask the coordinator for the committed offsets of newly assigned partitions."""
        consumer = self.consumer
        tps = self._still_unknown(tps)
        if not tps:
            consumer.deliver()
            return
        coordinator = consumer.membership.coordinator()
        if coordinator is None:
            consumer.metadata.retry(lambda: self.find(tps))
            return
        names = tuple(consumer.cluster.tps[tp] for tp in tps)
        consumer.network.request(consumer.process, coordinator, "offset_fetch",
                                 OffsetFetch(consumer.group, names, self._require_stable),
                                 lambda answer: self._found(tps, answer),
                                 lambda reason: consumer.metadata.retry(lambda: self.find(tps)),
                                 consumer.request_timeout)

    def _still_unknown(self, tps: Iterable[int]) -> list[int]:
        """Meanwhile a partition may be gone, or on its way; or the application has chosen a position itself (seek)."""
        cursors = self.consumer.cursors
        return [tp for tp in tps if tp in cursors and cursors[tp].fetched == UNKNOWN and not cursors[tp].is_aside]

    def _found(self, tps: list[int], answer: OffsetFetchResponse) -> None:
        consumer = self.consumer
        if answer.error is not None:
            consumer.metadata.retry(lambda: self.find(tps))
            return
        without = []
        for tp in self._still_unknown(tps):
            offset = answer.offsets[consumer.cluster.tps[tp]]
            if offset < 0:
                without.append(tp)
            else:
                consumer.cursors[tp].seek(offset)
                consumer.cursors[tp].committed = offset
        self._reset(without, "no committed offset")
        consumer.fetching.fetch()

    # -- no committed offset, or none that exists

    def out_of_range(self, tp: int) -> None:
        """The position is not in the log any more."""
        self.consumer.cursors[tp].fetched = UNKNOWN
        self._reset([tp], OUT_OF_RANGE)

    def _reset(self, tps: list[int], why: str) -> None:
        """auto_offset_reset: earliest, latest, or an error."""
        consumer = self.consumer
        tps = self._still_unknown(tps)
        if consumer.settings.auto_offset_reset == "none" and tps:
            consumer.on_error("OffsetOutOfRangeError" if why == OUT_OF_RANGE else "NoOffsetForPartitionError")
            return
        by_leader: dict[int, list[int]] = {}
        for tp in tps:
            leader = consumer.metadata.leader(tp)
            by_leader.setdefault(-1 if leader is None else leader.number, []).append(tp)
        for number, group in by_leader.items():
            if number < 0:
                self._later(group, why)
            else:
                self._list(number, group, why)

    def _later(self, tps: list[int], why: str) -> None:
        self.consumer.metadata.retry(lambda: self._reset(tps, why))

    def _list(self, number: int, tps: list[int], why: str) -> None:
        consumer = self.consumer
        consumer.network.request(consumer.process, consumer.cluster.brokers[number], "list_offsets",
                                 (consumer.settings.auto_offset_reset, tps, consumer.reads_committed),
                                 lambda answer: self._listed(answer, why), lambda reason: self._later(tps, why),
                                 consumer.request_timeout)

    def _listed(self, answer: dict[int, int | None], why: str) -> None:
        consumer = self.consumer
        leaderless = []
        for tp in self._still_unknown(answer):
            offset = answer[tp]
            if offset is None:
                leaderless.append(tp)
            else:
                consumer.cursors[tp].seek(offset)
                self._note(tp, offset, why)
        if leaderless:
            self._later(leaderless, why)
        consumer.fetching.fetch()

    def _note(self, tp: int, offset: int, why: str) -> None:
        """Write down the jump, and what nobody in the group has read that lies behind it."""
        consumer = self.consumer
        policy = consumer.settings.auto_offset_reset
        consumer.recorder.event("reset", consumer.process, group=consumer.group_code, tp=tp, a=offset,
                                detail=f"{policy}: {why}")
        read = consumer.cluster.read_up_to.get((consumer.group, tp), 0)
        if offset > read:
            consumer.recorder.skipped((consumer.process.clock.now, consumer.group_code, tp, read, offset))
