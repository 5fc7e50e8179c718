"""Where a service's consumer reads on: its positions, what its group has committed, where logs begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from simlib.kafka.consumer.client import ConsumerClient
from simlib.kafka.topic_partition import TopicPartition
from simlib.services.errors import settle
from simlib.services.in_hand import ConsumerGroupMetadata, InHand
from simlib.services.lookups import Lookups, OffsetAndTimestamp, check_offset, check_offsets
from simlib.units import SECOND

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class Positions:
    """The part of `app.consumer()` that is about offsets."""

    _app: App
    _process: ServiceProcess
    _client: ConsumerClient
    _in_hand: InHand
    _lookups: Lookups

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Store positions (or the given offsets: the *next* record to read, K72) with the group.

        Raises CommitFailedError.
        """
        check_offsets("commit", offsets or {})
        wanted = self._client.commits.positions() if offsets is None else {
            self._owned(tp): offset for tp, offset in offsets.items()}
        await self._app.step("commit", lambda: self._commit(wanted), on=("group", self._client.group),
                             what=self._named(wanted))

    def _named(self, offsets: Mapping[int, int]) -> str:
        tps = self._process.cluster.tps
        return "commit " + ", ".join(f"{tps[tp].topic}-{tps[tp].partition}: {at}" for tp, at in offsets.items())

    async def _commit(self, offsets: dict[int, int]) -> None:
        done, began = self._app.future(), self._process.clock.now
        self._client.commits.commit(offsets, lambda error: settle(done, error))
        await done
        if self._process.clock.now - began > SECOND:  # it was sent again: what follows it is still to come
            self._process.recorder.mark(self._process.clock.now, False)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue reading a partition at `offset`."""
        tp = self._owned(partition)
        check_offset("seek", partition, offset)
        self._in_hand.drop([tp])
        self._client.seek(tp, offset)

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group, for `send_offsets_to_transaction`; generation -1 while it is in none.

        With kafka-python's client it is in none as soon as it hears that it was thrown out. Do not commit then.
        """
        generation, member_id = self._client.membership.identity()
        return ConsumerGroupMetadata(self._client.group, generation, member_id,
                                     self._client.settings.group_instance_id)

    async def seek_to_committed(self, *partitions: TopicPartition) -> None:
        """Go back to the committed offset (of all partitions, if none is named): after an abort, say [K36].

        Where there is none, to where auto_offset_reset says. The position is -1 until the group's coordinator answers.
        """
        tps = [self._owned(tp) for tp in partitions] or list(self._client.cursors)
        self._in_hand.drop(tps)
        self._client.seek_to_committed(tps)

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Continue at the log start of these partitions, of all it owns if none is named."""
        await self._seek_to("earliest", partitions)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Continue after the last record of these partitions, of all it owns if none is named."""
        await self._seek_to("latest", partitions)

    async def _seek_to(self, policy: str, partitions: tuple[TopicPartition, ...]) -> None:
        chosen = partitions or tuple(sorted(self.assignment()))
        for partition in chosen:
            self._owned(partition)
        for partition, offset in (await self._lookups.offsets(policy, list(chosen))).items():
            self.seek(partition, offset)

    def position(self, partition: TopicPartition) -> int:
        """The offset of the next record to be handed over, -1 while it is not known."""
        return self._client.cursors[self._owned(partition)].position

    def assignment(self) -> set[TopicPartition]:
        """The partitions this member owns now."""
        return {self._process.cluster.tps[tp] for tp in self._client.cursors}

    # -- where logs begin and end; asking is no step

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The numbers of a topic's partitions; None if there is no such topic."""
        known = self._process.cluster.partitions_of.get(topic)
        return None if known is None else set(range(len(known)))

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where each log begins: above 0 if retention has taken its beginning. Raises KafkaTimeoutError."""
        return await self._lookups.offsets("earliest", partitions)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The high watermark of each partition: the offset after the last record that can be read."""
        return await self._lookups.offsets("latest", partitions)

    async def offsets_for_times(self, timestamps: Mapping[TopicPartition, int]
                                ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record of each partition whose timestamp is not before a time (ms); None if all are before it."""
        return await self._lookups.for_times(timestamps)

    def _owned(self, partition: TopicPartition) -> int:
        tp = self._process.cluster.partitions_of.get(partition[0], [])
        if partition[1] >= len(tp) or tp[partition[1]] not in self._client.cursors:
            raise ValueError(f"{partition}: not assigned to {self._process.name}; it owns {sorted(self.assignment())}")
        return tp[partition[1]]
