"""What a consumer can ask about offsets, of partitions it owns or not. Asking is no step: it changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simlib.kafka.consumer.client import ConsumerClient
from simlib.kafka.consumer.lookup import Lookup
from simlib.kafka.topic_partition import TopicPartition
from simlib.services.errors import KafkaTimeoutError

if TYPE_CHECKING:
    from simlib.services.app import App


class OffsetAndTimestamp(NamedTuple):
    """The first record that is not older than a time: its offset, and its own timestamp in ms."""

    offset: int
    timestamp: int


class Lookups:
    """Questions of one consumer."""

    def __init__(self, app: App, client: ConsumerClient) -> None:
        self._app = app
        self._client = client

    async def offsets(self, policy: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Log start ("earliest") or high watermark ("latest") of each partition."""
        check_list(partitions)
        named = {self._tp(partition): TopicPartition(*partition) for partition in partitions}
        found = await self._ask(policy, dict.fromkeys(named, 0))
        return {partition: found[tp] for tp, partition in named.items()}

    async def for_times(self, timestamps: Mapping[TopicPartition, int]
                        ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after each time (ms); None where every record is older."""
        check_times(timestamps)
        named = {self._tp(partition): TopicPartition(*partition) for partition in timestamps}
        found = await self._ask("timestamp", {tp: timestamps[partition] for tp, partition in named.items()})
        return {partition: OffsetAndTimestamp(*found[tp]) if found[tp] else None for tp, partition in named.items()}

    def _tp(self, partition: TopicPartition) -> int:
        topic, number = partition
        tps = self._client.cluster.partitions_of.get(topic, [])
        check_number(partition, len(tps))
        return tps[number]

    async def _ask(self, policy: str, wanted: dict[int, int]) -> dict[int, Any]:
        """Raises KafkaTimeoutError when not all leaders have answered within request_timeout_ms."""
        if not wanted:
            return {}
        answer: asyncio.Future[dict[int, Any]] = self._app.future()
        lookup = Lookup(self._client, policy, wanted, lambda found: None if answer.done() else answer.set_result(found))
        limit = self._client.settings.request_timeout_ms
        self._client.process.busy(1)
        try:
            async with asyncio.timeout(None) as deadline:
                self._app.limit_poll(deadline, limit / 1_000)
                return await answer
        except TimeoutError:
            tps = self._client.cluster.tps
            names = ", ".join(f"{tps[tp].topic}-{tps[tp].partition}" for tp in wanted)
            raise KafkaTimeoutError(f"no leader said within request_timeout_ms={limit:g} where {names} begin or end"
                                    ) from None
        finally:
            lookup.given_up = True
            self._client.process.busy(-1)


# -- what can be asked, on both backends

def check_list(partitions: Any) -> None:
    """Raises TypeError for one partition where several can be named."""
    if isinstance(partitions, tuple) and len(partitions) == 2 and isinstance(partitions[0], str):
        raise TypeError(f"a list of partitions is needed, such as [{partitions!r}]")


def check_times(timestamps: Mapping[TopicPartition, int]) -> None:
    """Raises ValueError for what is no time."""
    for partition, timestamp in timestamps.items():
        if isinstance(timestamp, bool) or not isinstance(timestamp, int) or timestamp < 0:
            raise ValueError(f"offsets_for_times({{{partition}: {timestamp!r}}}): a time is a whole number of "
                             "milliseconds from 0, such as int(app.now * 1000)")


def check_offset(what: str, partition: TopicPartition, offset: Any) -> None:
    """Raises ValueError for what is no place in a log."""
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise ValueError(f"{what}({{{TopicPartition(*partition)}: {offset!r}}}): an offset is a whole number from 0, "
                         "that of the next record to read")


def check_offsets(what: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Raises ValueError unless each is a place in a log."""
    for partition, offset in offsets.items():
        check_offset(what, partition, offset)


def check_number(partition: TopicPartition, there: int) -> None:
    """Raises ValueError for a partition that its topic does not have."""
    if not 0 <= partition[1] < there:
        raise ValueError(f"{partition}: no such partition; {partition[0]!r} has {there}")
