"""Where to start in a partition: at the committed offset, else where auto_offset_reset says (K81, K82)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simlib.kafka.groups.messages import OffsetFetch, OffsetFetchResponse

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient


class Starting:
    """Finds starting offsets for one consumer."""

    def __init__(self, consumer: ConsumerClient) -> None:
        self.consumer = consumer

    def find(self, tps: list[int]) -> None:
        """Ask the coordinator for the committed offsets of newly assigned partitions."""
        consumer = self.consumer
        tps = [tp for tp in tps if tp in consumer.cursors]
        if not tps:
            consumer.deliver()
            return
        coordinator = consumer.membership.coordinator()
        if coordinator is None:
            consumer.metadata.retry(lambda: self.find(tps))
            return
        names = tuple(consumer.cluster.tps[tp] for tp in tps)
        consumer.network.request(consumer.process, coordinator, "offset_fetch", OffsetFetch(consumer.group, names),
                                 lambda answer: self._found(tps, answer),
                                 lambda reason: consumer.metadata.retry(lambda: self.find(tps)),
                                 consumer.request_timeout)

    def _found(self, tps: list[int], answer: OffsetFetchResponse) -> None:
        consumer = self.consumer
        if answer.error is not None:
            consumer.metadata.retry(lambda: self.find(tps))
            return
        without = []
        for tp in tps:
            offset = answer.offsets[consumer.cluster.tps[tp]]
            if tp not in consumer.cursors:
                continue
            if offset < 0:
                without.append(tp)
            else:
                consumer.cursors[tp].seek(offset)
                consumer.cursors[tp].committed = offset
        if without:
            self.reset(without, "no committed offset")
        consumer.fetching.fetch()

    def reset(self, tps: list[int], why: str) -> None:
        """auto_offset_reset: earliest, latest, or an error."""
        consumer = self.consumer
        policy = consumer.settings.auto_offset_reset
        tps = [tp for tp in tps if tp in consumer.cursors]
        if policy == "none" and tps:
            consumer.on_error("NoOffsetForPartitionError")
            return
        by_leader: dict[int, list[int]] = {}
        for tp in tps:
            consumer.cursors[tp].fetching = True
            leader = consumer.metadata.leader(tp)
            by_leader.setdefault(-1 if leader is None else leader.number, []).append(tp)
        for number, group in by_leader.items():
            if number < 0:
                self._later(group, why)
            else:
                self._list(number, policy, group, why)

    def _later(self, tps: list[int], why: str) -> None:
        self.consumer.metadata.retry(lambda: self.reset(tps, why))

    def _list(self, number: int, policy: str, tps: list[int], why: str) -> None:
        consumer = self.consumer
        consumer.network.request(consumer.process, consumer.cluster.brokers[number], "list_offsets", (policy, tps),
                                 lambda answer: self._listed(answer, why), lambda reason: self._later(tps, why),
                                 consumer.request_timeout)

    def _listed(self, answer: dict[int, int | None], why: str) -> None:
        consumer = self.consumer
        now = consumer.process.clock.now
        unknown = []
        for tp, offset in answer.items():
            if tp not in consumer.cursors:
                continue
            if offset is None:
                unknown.append(tp)
                continue
            consumer.cursors[tp].seek(offset)
            consumer.recorder.event("reset", consumer.process, group=consumer.group_code, tp=tp, a=offset, detail=(
                f"{consumer.settings.auto_offset_reset}: {why}"))
            read = consumer.cluster.read_up_to.get((consumer.group, tp), 0)
            if offset > read:
                consumer.recorder.skipped((now, consumer.group_code, tp, read, offset))
        if unknown:
            self._later(unknown, why)
        consumer.fetching.fetch()
