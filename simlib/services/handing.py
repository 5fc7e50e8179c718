"""Records as a service is handed them, and what the trace notes about that: the same for both kinds of consumer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simlib.kafka.consumer.positions import Run
from simlib.services.in_hand import ConsumerRecord
from simlib.units import MS, NEVER

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class Handing:
    """The part of a service's consumer that hands records over."""

    _app: App
    _process: ServiceProcess
    _client: Any
    _records_in_hand: list[int]

    def _hand_over(self, run: Run, i: int) -> Any:
        process, lane, ordinal = self._process, run.lane, run.start + i
        now = process.clock.now
        recorder = process.recorder
        read, key = process.cluster.read_up_to, (self._client.group, run.tp)
        new = run.offset + i >= read.get(key, 0)
        recorder.mark(now, new)
        if new:
            read[key] = run.offset + i + 1
        first = recorder.deliver((now, process.code, process.incarnation, self._client.group_code, run.tp, lane.code,
                                  ordinal, 1, run.offset + i, self._client.membership.generation), (now, NEVER))
        self._records_in_hand.append(first)
        self._app.in_hand.set((lane.code, ordinal))
        return self._record(run, i)

    def _record(self, run: Run, i: int) -> Any:
        return ConsumerRecord(*self._fields(run, i))

    def _fields(self, run: Run, i: int) -> tuple[Any, ...]:
        """What a record is made of, in the order of ConsumerRecord's fields."""
        lane, ordinal = run.lane, run.start + i
        code = lane.key[ordinal]
        key = None if code < 0 else self._process.recorder.names["keys"][code]
        value = None if lane.value_bytes is not None else json.loads(lane.value[ordinal])
        headers = tuple((name, header) for name, header in lane.headers.get(ordinal, ()) if name != "__cause")
        at_append = lane.topic in self._process.cluster.stamped_at_append
        timestamp = run.appended // MS if at_append else lane.timestamp(ordinal)
        return (lane.topic, lane.partition, run.offset + i, timestamp, key, value, headers, lane.message(ordinal),
                int(at_append))

    def _finish_records_in_hand(self) -> None:
        """Asking for more means being done with the last ones."""
        times, now = self._process.recorder.delivery_times, self._process.clock.now
        for first in self._records_in_hand:
            times[2 * first + 1] = now
        self._records_in_hand.clear()
