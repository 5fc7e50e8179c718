"""A service's Kafka consumer: aiokafka's method names, kafka-python's settings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from simlib.kafka.consumer.client import ConsumerClient
from simlib.kafka.consumer.positions import Run
from simlib.kafka.topic_partition import TopicPartition
from simlib.services.errors import error_for, settle
from simlib.services.handing import Handing
from simlib.services.in_hand import ConsumerRecord, InHand
from simlib.services.lookups import Lookups
from simlib.services.positions import Positions
from simlib.world.event_loop import forget

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class ServiceConsumer(Positions, Handing):
    """`app.consumer()`: iterate over it, or use `getone` and `getmany`."""

    def __init__(self, app: App, process: ServiceProcess, topics: tuple[str, ...], group_id: str,
                 settings: Any) -> None:
        self._app = app
        self._process = process
        self._records_in_hand: list[int] = []
        self._polling = asyncio.Lock()
        self._waiting = app.future()
        self._waiting.cancel()  # nobody waits yet
        self._error: str | None = None
        self._closed = False
        self._ready = app.future()
        self._one_by_one = process.world.scenario.client == "kafka-python"
        self._client = ConsumerClient(process, group_id, topics, settings, process.cluster, process.network,
                                      self._failed)
        self._in_hand = InHand(self._client.cursors)
        self._lookups = Lookups(app, self._client)
        self._client.on_revoked = self._in_hand.drop
        self._client.metadata.refresh(lambda: self._ready.set_result(None))
        process.world.consumes(process, settings, group_id, topics)

    # -- reading

    def __aiter__(self) -> ServiceConsumer:
        return self

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
        if max_records is not None and (isinstance(max_records, bool) or max_records < 1):
            raise ValueError(f"getmany(max_records={max_records!r}): a whole number from 1, or None")
        wanted = {self._owned(tp) for tp in partitions}
        self._finish_records_in_hand()
        if not self._in_hand.has(wanted):
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as limit:
                    self._app.limit_poll(limit, timeout_ms / 1000)
                    await self._poll(max_records, True, wanted)
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
            if not self._ready.done():
                await asyncio.shield(self._ready)
            if self._closed:
                raise RuntimeError("this consumer is closed")
            if self._error:
                raise error_for(self._error)
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
        if not self._waiting.done():
            self._waiting.set_result(None)

    def _failed(self, error: str) -> None:
        self._error = error
        if not self._waiting.done():
            self._waiting.set_exception(error_for(error))

    # -- closing

    async def stop(self) -> None:
        """Commit if auto-commit is on (K77, K78), and leave the group."""
        if not self._closed:
            self._closed = True
            if sys.exc_info()[0] is None:  # closed because of an exception: the records in hand are not done
                self._finish_records_in_hand()
            done = self._app.future()
            self._client.close(lambda: settle(done, None))
            await done

    close = stop

    def abandon(self) -> None:
        """Suspended coroutines refer to this for ever."""
        self._client.forget()
        forget(self._lookups)
        forget(self)

    async def __aenter__(self) -> ServiceConsumer:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.stop()
