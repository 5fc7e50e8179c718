"""Records as a service is handed them on a real run, and what is written down about that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simlib.kafka.topic_partition import TopicPartition
from simlib.real.plan import Plan
from simlib.real.worker.records import carried, from_headers, from_key
from simlib.services.in_hand import ConsumerRecord

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


class Handing:
    """The part of `app.consumer()` that hands records over."""

    group: str
    _app: RealApp
    _plan: Plan
    _client: Any
    _in_hand: list[ConsumerRecord]

    async def hand_over_many(self, records: list[Any]) -> dict[TopicPartition, list[ConsumerRecord]]:
        """By partition."""
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        for record in records:
            handed = self.hand_over(record)
            found.setdefault(TopicPartition(handed.topic, handed.partition), []).append(handed)
        return found

    def hand_over(self, raw: Any) -> ConsumerRecord:
        """The record is the service's now."""
        told = carried(raw.headers)
        value = None if told.load or raw.value is None else json.loads(raw.value)
        record = ConsumerRecord(self._plan.topic(raw.topic), raw.partition, raw.offset,
                                raw.timestamp - self._app.time_of_day, from_key(raw.key, told.bytes_key), value,
                                from_headers(raw.headers, told.texts), told.message, raw.timestamp_type)
        self._app.marks.write("delivered", self.group, record.topic, record.partition, record.offset, record.message,
                              self._client.group_metadata().generation_id)
        self._in_hand.append(record)
        self._app.in_hand.set(record.message)
        return record

    def finish_records_in_hand(self) -> None:
        """Asking for more means being done with the last ones."""
        for record in self._in_hand:
            self._app.marks.write("handled", self.group, record.topic, record.partition, record.offset)
        self._in_hand.clear()
