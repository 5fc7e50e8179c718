"""A service's share consumer (KIP-932). kafka-python has none: the names are those of Java's, in Python's form."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simlib.kafka.share_consumer.client import ShareConsumerClient, SharedRun
from simlib.kafka.shares.messages import ACCEPT, ACKNOWLEDGE_TYPES, Acknowledgements
from simlib.kafka.topic_partition import TopicPartition
from simlib.scenario.share_groups import ShareSettings
from simlib.services.errors import IllegalStateError, settle
from simlib.services.in_hand import ConsumerRecord
from simlib.services.polling import Polling, check_most

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


@dataclass(frozen=True, slots=True)
class ShareRecord(ConsumerRecord):
    """A record of a share group; `delivery_count` is 1 the first time some member gets it."""

    delivery_count: int = 1


class ServiceShareConsumer(Polling):
    """`app.share_consumer()`: iterate over it, or use `getone` and `getmany`."""

    def __init__(self, app: App, process: ServiceProcess, topics: tuple[str, ...], group_id: str,
                 settings: ShareSettings) -> None:
        super().__init__(app, process)
        self._settings = settings
        self._delivery_of: dict[tuple[int, int], int] = {}
        self._in_hand: deque[SharedRun] = deque()
        self._client = ShareConsumerClient(process, group_id, topics, settings, process.cluster, process.network,
                                           self._failed)
        self._begin()
        process.world.shares(process, settings, group_id, topics)

    # -- reading

    async def __anext__(self) -> ShareRecord:
        return await self.getone()

    async def getone(self) -> ShareRecord:
        """The next record, however long it takes to come. Raises IllegalStateError, as `getmany`."""
        await self._something_in_hand()
        record: ShareRecord = await self._app.step("receive", self._next, on=self._topic_in_hand())
        return record

    async def getmany(self, *, timeout_ms: float = 0, max_records: int | None = None
                      ) -> dict[TopicPartition, list[ShareRecord]]:
        """What one poll brings, by partition; waits up to `timeout_ms` for the first record.

        Raises IllegalStateError where share_acknowledgement_mode is "explicit" and a record of the last poll has not
        been acknowledged.
        """
        check_most(max_records)
        await self._at_most_for(timeout_ms, self._something_in_hand)
        found: dict[TopicPartition, list[ShareRecord]] = {}
        if self._in_hand:  # an empty poll is no step
            found = await self._app.step("receive", lambda: self._many(max_records), on=self._topic_in_hand())
        return found

    def _topic_in_hand(self) -> tuple[str, str]:
        return "shared topic", self._process.cluster.tps[self._in_hand[0].tp].topic

    async def _next(self) -> ShareRecord:
        await self._something_in_hand()  # another task may have been faster
        run = self._in_hand.popleft()
        if run.count > 1:
            self._in_hand.appendleft(run.part(1, run.count))
        record: ShareRecord = self._hand_over(run, 0)
        return record

    async def _many(self, most: int | None) -> dict[TopicPartition, list[ShareRecord]]:
        found: dict[TopicPartition, list[ShareRecord]] = {}
        left = sum([run.count for run in self._in_hand]) if most is None else most
        while self._in_hand and left > 0:
            record = await self._next()
            found.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
            left -= 1
        return found

    def _record(self, run: Any, i: int) -> ShareRecord:
        self._delivery_of[run.tp, run.offset + i] = self._records_in_hand[-1]
        return ShareRecord(*(*self._fields(run, i), run.deliveries))

    # -- polling

    async def _something_in_hand(self) -> None:
        """Poll, when all that the last poll brought has been handed over. One of several tasks polls."""
        while not self._in_hand:
            async with self._polling:
                if not self._in_hand:
                    await self._poll()

    async def _poll(self) -> None:
        await self._may_poll()
        await self._settle_the_last_poll()
        self._waiting = self._app.future()
        self._client.poll(self._polled)
        try:
            await self._waiting
        except BaseException:
            self._client.stop_waiting()
            raise

    async def _settle_the_last_poll(self) -> None:
        """Implicit: polling accepts what the last poll brought, without waiting for the answer."""
        answers = self._client.acknowledging.all_open()
        if answers and self._settings.is_explicit:
            raise IllegalStateError(
                f"{self._count(answers)} of the last poll not acknowledged: with share_acknowledgement_mode='explicit' "
                "each record needs `await consumer.acknowledge(record, 'accept')`, 'release' or 'reject' before the "
                "next poll")
        self._finish_records_in_hand()
        self._delivery_of.clear()
        if answers:
            await self._app.step("acknowledge", lambda: self._send(answers), on=self._on, what=self._said(answers))

    async def _send(self, answers: Acknowledgements) -> None:
        self._client.acknowledging.acknowledge(answers, lambda error: None)

    def _polled(self, runs: list[SharedRun]) -> None:
        self._in_hand.extend(runs)
        self._wake()

    # -- answering for records

    async def acknowledge(self, record: ShareRecord | Iterable[ShareRecord], answer: str = ACCEPT) -> None:
        """Say what became of a record, or of several: "accept" (done), "release" (somebody else may try), "reject"
        (nobody is to try again); and wait until that is stored.

        Raises InvalidRecordStateError when the lock has ended meanwhile: then somebody else may have it.
        """
        if not self._settings.is_explicit:
            raise IllegalStateError("acknowledge() is for app.share_consumer(..., share_acknowledgement_mode="
                                    "'explicit'); in the implicit mode the next poll accepts, or commit()")
        if answer not in ACKNOWLEDGE_TYPES:
            raise ValueError(f"acknowledge(record, {answer!r}): one of {', '.join(map(repr, ACKNOWLEDGE_TYPES))}")
        records = [record] if isinstance(record, ConsumerRecord) else list(record)
        await self._answer(self._answers(records, answer))

    async def commit(self) -> None:
        """Accept what has been handed over and not been answered for, and wait until that is stored.

        In the implicit mode; in the explicit one everything is stored as soon as it is acknowledged.
        """
        if self._settings.is_explicit:
            return
        answers: Acknowledgements = {}
        for tp, offset in self._delivery_of:
            if (tp, offset) in self._client.acknowledging.open:
                answers.setdefault(tp, {})[offset] = ACCEPT
        await self._answer(answers)

    def _answers(self, records: list[ShareRecord], answer: str) -> Acknowledgements:
        answers: Acknowledgements = {}
        for record in records:
            tp = self._process.cluster.tp(record.topic, record.partition)
            if (tp, record.offset) not in self._client.acknowledging.open:
                raise IllegalStateError(f"{record.topic}-{record.partition} offset {record.offset} was acknowledged "
                                        "already, or is none of the last poll's records")
            answers.setdefault(tp, {})[record.offset] = answer
        return answers

    async def _answer(self, answers: Acknowledgements) -> None:
        if answers:
            await self._app.step("acknowledge", lambda: self._wait_for(answers), on=self._on, what=self._said(answers))

    async def _wait_for(self, answers: Acknowledgements) -> None:
        done = self._app.future()
        self._client.acknowledging.acknowledge(answers, lambda error: settle(done, error))
        await done
        self._finish(answers)

    def _finish(self, answers: Acknowledgements) -> None:
        """These are done with."""
        times, now = self._process.recorder.delivery_times, self._process.clock.now
        for tp, offsets in answers.items():
            for offset in offsets:
                if (first := self._delivery_of.pop((tp, offset), None)) is not None:
                    times[2 * first + 1] = now
                    self._records_in_hand.remove(first)

    @property
    def _on(self) -> tuple[str, str]:
        return "group", self._client.group

    def _said(self, answers: Acknowledgements) -> str:
        """"accept orders-0: 3, 4"."""
        tps = self._process.cluster.tps
        parts = []
        for tp, offsets in answers.items():
            kinds = " and ".join(dict.fromkeys(offsets.values()))
            parts.append(f"{kinds} {tps[tp].topic}-{tps[tp].partition}: {', '.join(map(str, offsets))}")
        return "; ".join(parts)

    def _count(self, answers: Acknowledgements) -> str:
        count = sum(map(len, answers.values()))
        return "1 record is" if count == 1 else f"{count} records are"

    def assignment(self) -> set[TopicPartition]:
        """The partitions this member takes records from now; others may do so too."""
        return {self._process.cluster.tps[tp] for tp in self._client.assignment}
