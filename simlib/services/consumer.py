"""A service's Kafka consumer: aiokafka's method names, kafka-python's settings."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from simlib.kafka.consumer.client import ConsumerClient
from simlib.kafka.consumer.positions import Run
from simlib.kafka.topic_partition import TopicPartition
from simlib.services.in_hand import ConsumerRecord, InHand
from simlib.services.lookups import Lookups
from simlib.services.polling import Polling, check_most
from simlib.services.positions import Positions
from simlib.world.event_loop import forget

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class ServiceConsumer(Positions, Polling):
    """`app.consumer()`: iterate over it, or use `getone` and `getmany`."""

    def __init__(self, app: App, process: ServiceProcess, topics: tuple[str, ...], group_id: str,
                 settings: Any) -> None:
        super().__init__(app, process)
        self._one_by_one = process.world.scenario.client == "kafka-python"
        self._client = ConsumerClient(process, group_id, topics, settings, process.cluster, process.network,
                                      self._failed)
        self._in_hand = InHand(self._client.cursors)
        self._lookups = Lookups(app, self._client)
        self._client.on_revoked = self._in_hand.drop
        self._begin()
        process.world.consumes(process, settings, group_id, topics)

    # -- reading

    async def __anext__(self) -> ConsumerRecord:
        return await self.getone()

    async def getone(self) -> ConsumerRecord:
        """The next record, however long it takes to come."""
        self._finish_records_in_hand()
        await self._something_in_hand()
        record: ConsumerRecord = await self._app.step("receive", self._next, on=self._topic_in_hand(),
                                                     again=self._again)
        return record

    async def getmany(self, *partitions: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
                      ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What one poll brings, by partition; waits up to `timeout_ms` for the first record.

        At most `max_records` (None: the setting max_poll_records), and of these partitions only if some are named.
        """
        check_most(max_records)
        wanted = {self._owned(tp) for tp in partitions}
        self._finish_records_in_hand()
        if not self._in_hand.has(wanted):
            await self._at_most_for(timeout_ms, lambda: self._poll(max_records, True, wanted))
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        if self._in_hand.has(wanted):  # an empty poll is no step
            found = await self._app.step("receive", lambda: self._many(wanted, max_records), on=self._topic_in_hand(),
                                         again=self._again)
        return found

    async def _something_in_hand(self) -> None:
        while not self._in_hand:
            await self._poll(None, not self._one_by_one)

    def _topic_in_hand(self) -> tuple[str, str]:
        return "topic", self._process.cluster.tps[self._in_hand.first].topic

    async def _next(self) -> ConsumerRecord:
        await self._something_in_hand()  # a step may be held up, and the partition be gone when its turn comes
        return self._hand_over(self._in_hand.take_one(self._one_by_one), 0)

    async def _many(self, wanted: set[int], most: int | None) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        for run in self._in_hand.take(wanted, most):
            records = [self._hand_over(run, i) for i in range(run.count)]
            found.setdefault(self._process.cluster.tps[run.tp], []).extend(records)
        return found

    def _again(self, handed: Any) -> None:
        self._in_hand.again()

    async def _poll(self, most: int | None, move_position: bool, wanted: Collection[int] = ()) -> None:
        """Wait until there are records in hand. Several tasks may wait; one of them polls."""
        async with self._polling:
            await self._may_poll()
            while not self._in_hand.has(wanted):
                self._waiting = self._app.future()
                self._client.poll(self._polled, most, move_position)
                await self._polled_or_given_up()

    async def _polled_or_given_up(self) -> None:
        try:
            await self._waiting
        except BaseException:
            self._client.stop_waiting()
            self._in_hand.not_taken()  # it came at the very instant at which nobody wanted it any more
            raise

    def _polled(self, runs: list[Run]) -> None:
        self._in_hand.add(runs)
        self._wake()

    # -- closing

    def _before_leaving(self) -> None:
        """If auto-commit is on, leaving commits (K77, K78)."""
        if sys.exc_info()[0] is None:  # closed because of an exception: the records in hand are not done
            self._finish_records_in_hand()

    def abandon(self) -> None:
        forget(self._lookups)
        super().abandon()
