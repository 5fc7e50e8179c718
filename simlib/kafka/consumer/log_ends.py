"""Where logs begin and end, for an application that asks: kafka-python's beginning_offsets and end_offsets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simlib.kafka.consumer.client import ConsumerClient


class LogEnds:
    """One question, asked at the partitions' leaders until each has answered.

    `policy` is earliest (the first record that is kept) or latest (the high watermark); `done(offsets)` gets the
    answers by partition.
    """

    def __init__(self, consumer: ConsumerClient, policy: str, tps: list[int],
                 done: Callable[[dict[int, int]], None]) -> None:
        self.consumer = consumer
        self.policy = policy
        self.wanted = len(tps)
        self.found: dict[int, int] = {}
        self.done = done
        self._ask(tps)

    def _ask(self, tps: list[int]) -> None:
        by_leader: dict[Any, list[int]] = {}
        for tp in tps:
            by_leader.setdefault(self.consumer.metadata.leader(tp), []).append(tp)
        for leader, mine in by_leader.items():
            if leader is None:
                self._ask_again(mine)
            else:
                self._request(leader, mine)

    def _request(self, leader: Any, tps: list[int]) -> None:
        consumer = self.consumer
        consumer.network.request(consumer.process, leader, "list_offsets",
                                 (self.policy, tps, consumer.reads_committed), self._listed,
                                 lambda reason: self._ask_again(tps), consumer.request_timeout)

    def _listed(self, answer: dict[int, int | None]) -> None:
        self.found |= {tp: offset for tp, offset in answer.items() if offset is not None}
        if unanswered := [tp for tp, offset in answer.items() if offset is None]:
            self._ask_again(unanswered)
        elif len(self.found) == self.wanted:
            self.done(self.found)

    def _ask_again(self, tps: list[int]) -> None:
        self.consumer.metadata.retry(lambda: self._ask(tps))
