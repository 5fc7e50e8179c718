"""Saying what became of records: accept, release or reject. Whoever says nothing loses them when their lock ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from simlib.kafka.shares.messages import ACCEPT, Acknowledgements, ShareAcknowledge

if TYPE_CHECKING:
    from simlib.kafka.share_consumer.client import ShareConsumerClient, SharedRun

Then = Callable[[str | None], None]


class Acknowledging:
    """`open`: records that were handed over and not answered for, with the broker they came from."""

    def __init__(self, consumer: ShareConsumerClient) -> None:
        self.consumer = consumer
        self.open: dict[tuple[int, int], int] = {}

    def handed_over(self, runs: Iterable[SharedRun]) -> None:
        for run in runs:
            for offset in range(run.offset, run.offset + run.count):
                self.open[run.tp, offset] = run.number

    def all_open(self, answer: str = ACCEPT) -> Acknowledgements:
        """The same answer for all records that wait for one."""
        answers: Acknowledgements = {}
        for tp, offset in self.open:
            answers.setdefault(tp, {})[offset] = answer
        return answers

    def acknowledge(self, answers: Acknowledgements, then: Then) -> None:
        """Send the answers; `then(None)` when all are stored, `then(error)` when one is refused or may be lost.

        Nothing is sent again: by the time it is known to be lost, the lock has ended.
        """
        consumer = self.consumer
        if not answers:
            then(None)
            return
        if consumer.dies_at_acknowledge("before"):
            return
        by_broker = self._by_broker(answers)
        consumer.process.busy(1)
        together = _Together(consumer, by_broker, then)
        for number, mine in by_broker.items():
            self._send(number, mine, partial(together.end, number))

    def _by_broker(self, answers: Acknowledgements) -> dict[int, Acknowledgements]:
        """To each broker what came from it; a new leader would know of no lock."""
        found: dict[int, Acknowledgements] = {}
        for tp, offsets in answers.items():
            for offset, answer in offsets.items():
                found.setdefault(self.open.pop((tp, offset)), {}).setdefault(tp, {})[offset] = answer
        return found

    def _send(self, number: int, answers: Acknowledgements, end: Callable[[str], None]) -> None:
        consumer = self.consumer
        request = ShareAcknowledge(consumer.group, consumer.membership.member_id, answers)
        consumer.network.request(consumer.process, consumer.cluster.brokers[number], "share_acknowledge", request,
                                 lambda errors: end(next((error for error in errors.values() if error), "")), end,
                                 consumer.request_timeout)

    def close(self, then: Callable[[], None]) -> None:
        """Every broker that may hold records for us gets them back."""
        consumer = self.consumer
        left = dict(consumer.fetching.met)
        self.open.clear()
        if not left:
            then()
            return

        def end(number: int, what: object) -> None:
            del left[number]
            if not left:
                then()

        request = ShareAcknowledge(consumer.group, consumer.membership.member_id, {}, closing=True)
        for number in list(left):
            over = partial(end, number)
            consumer.network.request(consumer.process, consumer.cluster.brokers[number], "share_acknowledge", request,
                                     over, over, consumer.request_timeout)


class _Together:
    """Answers on their way to several brokers: it is over when each broker has replied, or will not."""

    def __init__(self, consumer: ShareConsumerClient, brokers: Iterable[int], then: Then) -> None:
        self.consumer = consumer
        self.left = dict.fromkeys(brokers)
        self.then = then
        self.errors: list[str] = []

    def end(self, number: int, error: str) -> None:
        """With this broker; "" if it has stored all."""
        consumer = self.consumer
        del self.left[number]
        if error:
            self.errors.append(error)
            consumer.recorder.event("commit_failed", consumer.process, group=consumer.group_code, detail=error)
        if not self.left:
            consumer.process.busy(-1)
            if self.errors or not consumer.dies_at_acknowledge("after"):
                self.then(self.errors[0] if self.errors else None)
