"""`app.consumer()` on a real Kafka: kafka-python in a thread of its own, behind the face services know."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.client_settings import consumer_config
from simlib.real.worker.errors import as_ours
from simlib.real.worker.fetched import Fetched, Place
from simlib.real.worker.handing import Handing
from simlib.real.worker.lookups import RealLookups
from simlib.real.worker.membership import LOOK_MS, finish_joining, join, listener
from simlib.real.worker.positions import Positions
from simlib.services.in_hand import ConsumerRecord
from simlib.services.polling import check_most
from simlib.units import MS

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


class RealConsumer(Positions, Handing):
    """Iterate over it, or use `getone` and `getmany`."""

    def __init__(self, app: RealApp, topics: tuple[str, ...], group_id: str, config: Mapping[str, Any]) -> None:
        self._app = app
        self._plan = app.plan
        self.group = group_id
        self._config = {**app.client, **consumer_config(config), "group_id": self._plan.prefix + group_id,
                        "consumer_timeout_ms": LOOK_MS, "default_offset_commit_callback": self._auto_committed}
        self._thread = ThreadPoolExecutor(1, f"consumer of {group_id}")
        self._fetched = Fetched()
        self._in_hand: list[ConsumerRecord] = []
        self._asking = asyncio.Lock()
        self._has_polled = self._closed = False
        self._client: Any = None
        self._lookups = RealLookups(self._plan, self._in_thread, lambda: self._client)
        self._made = app.loop.run_in_executor(self._thread, self._make, topics)

    # -- in the thread

    def _make(self, topics: tuple[str, ...]) -> None:
        from kafka import KafkaConsumer

        try:
            with as_ours():
                self._client = KafkaConsumer(**self._config)
                join(self._client, [self._plan.real_topic(topic) for topic in topics],
                     listener(self._app, self.group, self._fetched.drop))
        finally:
            self._app.marks.write("made", self.group)

    def _next(self) -> None:
        """One record, if it comes soon; kafka-python's position is behind this one only."""
        with as_ours():
            self._before_poll()
            found = next(self._client, None)
        self._fetched.add(() if found is None else (found,))

    def _poll(self, timeout_ms: float, most: int | None, wanted: Collection[Place]) -> None:
        """What its iterator has not handed out yet is dropped: its position is before that, so it is fetched again."""
        self._client._iterator = None
        others = [tp for tp in self._client.assignment() if wanted and tuple(tp) not in wanted]
        with as_ours():
            self._before_poll()
            self._client.pause(*others)
            try:
                found = self._client.poll(timeout_ms=timeout_ms, max_records=most)
            finally:
                self._client.resume(*self._client.paused())
        for records in found.values():
            self._fetched.add(records)

    def _before_poll(self) -> None:
        """The first one joins the group."""
        if not self._has_polled:
            self._has_polled = True
            self._app.marks.write("joining", self.group)
        finish_joining(self._client)

    def _auto_committed(self, offsets: Mapping[Any, Any], answer: Any) -> None:
        """kafka-python tells how a commit ended that nobody waits for."""
        if isinstance(answer, Exception):
            self._app.marks.write("commit_failed", self.group, f"{type(answer).__name__}: {answer}")
        else:
            self._committed({tp: each.offset for tp, each in offsets.items()}, True)

    # -- reading

    def __aiter__(self) -> RealConsumer:
        return self

    async def __anext__(self) -> ConsumerRecord:
        return await self.getone()

    async def getone(self) -> ConsumerRecord:
        """The next record, however long it takes to come."""
        self.finish_records_in_hand()
        await self._until_there()
        record: ConsumerRecord = await self._app.step("receive", self._hand_over_one)
        return record

    async def _until_there(self) -> None:
        """Several tasks may wait; one of them asks."""
        async with self._asking:
            while not self._fetched.has():
                await self._ask(self._next)

    async def _ask(self, act: Callable[..., None], *arguments: Any) -> None:
        """What comes when nobody wants it any more is kept for the next who asks."""
        await asyncio.shield(asyncio.ensure_future(self._in_thread(act, *arguments)))

    async def _hand_over_one(self) -> ConsumerRecord:
        while not (found := self._fetched.take(most=1)):  # its partition has just been taken away
            await self._until_there()
        return self.hand_over(found[0])

    async def getmany(self, *partitions: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
                      ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What one poll brings, by partition; waits up to `timeout_ms` for the first record.

        At most `max_records` (None: the setting max_poll_records), and of these partitions only if some are named.
        """
        check_most(max_records)
        wanted = {tuple(self._owned(partition)) for partition in partitions}
        self.finish_records_in_hand()
        records = await self.poll(timeout_ms, max_records, wanted)
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        if records:  # an empty poll is no step
            found = await self._app.step("receive", lambda: self.hand_over_many(records))
        return found

    async def poll(self, timeout_ms: float, most: int | None = None, wanted: Collection[Place] = ()) -> list[Any]:
        """kafka-python's own records, not handed over yet.

        The thread is asked again and again: other questions, and the end, need not wait for the whole time.
        """
        async with self._asking:
            until = self._app.now_ns + round(timeout_ms * MS)
            while not self._fetched.has(wanted):
                left = max(0.0, (until - self._app.now_ns) / MS)
                await self._ask(self._poll, min(left, LOOK_MS), most, wanted)
                if left <= LOOK_MS:
                    break
        return self._fetched.take(wanted, most)

    # -- closing

    async def stop(self) -> None:
        """Commit if auto-commit is on, and leave the group."""
        if not self._closed:
            self._closed = True
            if sys.exc_info()[0] is None:  # closed because of an exception: the records in hand are not done
                self.finish_records_in_hand()
            await asyncio.shield(self._made)
            await self._app.loop.run_in_executor(self._thread, self._close)

    def _close(self) -> None:
        """What KafkaConsumer.close() does; the commit is asked for here, because close tells nobody how it went."""
        from kafka.errors import KafkaError

        consumed, patience = self._consumed(), self._client.config["request_timeout_ms"]
        if self._client.config["enable_auto_commit"] and consumed:
            try:
                self._client.commit(consumed, timeout_ms=patience)
                self._committed({tp: each.offset for tp, each in consumed.items()}, True)
            except KafkaError as error:
                self._app.marks.write("commit_failed", self.group, f"{type(error).__name__}: {error}")
        self._client.close(autocommit=False)
        self._app.marks.write("left", self.group)

    close = stop

    async def __aenter__(self) -> RealConsumer:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.stop()
