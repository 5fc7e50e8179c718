"""Asking the leaders where a log begins and ends, or which offset a time belongs to (ListOffsets)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient


class Lookup:
    """One question about several partitions. Leaders that are not known or do not answer are asked again."""

    def __init__(self, consumer: ConsumerClient, policy: str, wanted: dict[int, int],
                 then: Callable[[dict[int, Any]], None]) -> None:
        """`policy`: earliest, latest, or timestamp, with a time in ms for each partition; `then(answers)` follows."""
        self.consumer = consumer
        self.policy = policy
        self.wanted = wanted
        self.found: dict[int, Any] = {}
        self.then = then
        self.given_up = False
        self._ask(list(wanted))

    def _ask(self, tps: list[int]) -> None:
        if self.given_up:
            return
        by_leader: dict[int, list[int]] = {}
        for tp in tps:
            leader = self.consumer.metadata.leader(tp)
            by_leader.setdefault(-1 if leader is None else leader.number, []).append(tp)
        for number, group in by_leader.items():
            if number < 0:
                self._later(group)
            else:
                self._send(number, group)

    def _send(self, number: int, tps: list[int]) -> None:
        consumer = self.consumer
        question = {tp: self.wanted[tp] for tp in tps} if self.policy == "timestamp" else tps
        consumer.network.request(consumer.process, consumer.cluster.brokers[number], "list_offsets",
                                 (self.policy, question, consumer.reads_committed), self._answered,
                                 lambda reason: self._later(tps), consumer.request_timeout)

    def _answered(self, answer: dict[int, Any]) -> None:
        self.found.update({tp: offset for tp, offset in answer.items() if offset is not None})
        missing = [tp for tp, offset in answer.items() if offset is None]
        if missing:
            self._later(missing)
        elif len(self.found) == len(self.wanted) and not self.given_up:
            self.then(self.found)

    def _later(self, tps: list[int]) -> None:
        self.consumer.metadata.retry(lambda: self._ask(tps))
