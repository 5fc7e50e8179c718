"""What a real consumer can ask about offsets, of partitions it owns or not. Asking is no step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.plan import Plan
from simlib.real.worker.errors import as_ours
from simlib.services.lookups import OffsetAndTimestamp, check_list, check_number, check_times

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class RealLookups:
    """Questions of one consumer; `in_thread` asks them where kafka-python lives."""

    def __init__(self, plan: Plan, in_thread: InThread, client: Callable[[], Any]) -> None:
        self._plan, self._in_thread, self._client = plan, in_thread, client

    async def offsets(self, question: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """beginning_offsets or end_offsets."""
        check_list(partitions)
        named = {self.real(partition): TopicPartition(*partition) for partition in partitions}
        found = await self._ask(named, lambda: getattr(self._client(), question)(list(named)))
        return {named[tp]: offset for tp, offset in found.items()}

    async def for_times(self, timestamps: Mapping[TopicPartition, int], zero: int
                        ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after each time (ms after `zero`); None where every record is older."""
        check_times(timestamps)
        named = {self.real(partition): TopicPartition(*partition) for partition in timestamps}
        found = await self._ask(named, lambda: self._client().offsets_for_times(
            {tp: timestamps[partition] + zero for tp, partition in named.items()}))
        return {named[tp]: None if each is None else OffsetAndTimestamp(each.offset, each.timestamp - zero)
                for tp, each in found.items()}

    async def _ask(self, named: Mapping[Any, TopicPartition], question: Callable[[], Any]) -> Any:
        def asked() -> Any:
            with as_ours():
                for tp, partition in named.items():
                    check_number(partition, len(self._client().partitions_for_topic(tp.topic) or ()))
                return question()

        return await self._in_thread(asked) if named else {}

    def real(self, partition: TopicPartition) -> Any:
        """The partition as kafka-python names it."""
        from kafka import TopicPartition as RealPartition

        return RealPartition(self._plan.real_topic(partition[0]), partition[1])
