"""A declared member of a share group: poll, work each record, poll again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simlib.kafka.member import Member
from simlib.kafka.share_consumer.client import ShareConsumerClient
from simlib.kafka.work import Records, WorkTimes
from simlib.units import nanoseconds
from simlib.world.faults import dies


class ShareWorkTimes(WorkTimes):
    """Which delivery of a record this is, the broker says."""

    def begins(self, runs: Sequence[Any]) -> bool:
        return any([run.deliveries == 1 for run in runs])

    def delivered(self, run: Records, count: int) -> None:
        key = (self.group, run.tp)
        self.cluster.read_up_to[key] = max(self.cluster.read_up_to.get(key, 0), run.offset + count)

    def single(self, run: Any) -> int:
        return self.constant if self.constant is not None else self._drawn(run)[0]

    def _drawn(self, run: Any) -> list[int]:
        draws = self._sampler(run.tp, run.deliveries).block(run.offset, run.count)
        return [nanoseconds(draw) for draw in draws.tolist()]


class ShareMember(Member):
    """`<group>-<n>`."""

    def _new_client(self) -> ShareConsumerClient:
        client = ShareConsumerClient(self, self.group.name, self.group.topics, self.settings, self.cluster,
                                     self.network, self._give_up)
        client.dies_at_acknowledge = lambda when: dies(self, when, "acknowledge")
        return client

    def _poll(self) -> None:
        """What the last poll brought is accepted: implicitly with this poll, explicitly before it."""
        acknowledging = self.client.acknowledging
        if self.settings.is_explicit or self.stopping:
            acknowledging.acknowledge(acknowledging.all_open(), lambda error: self._poll_or_stop())
        else:
            acknowledging.acknowledge(acknowledging.all_open(), _not_waited_for)
            if self.alive:
                self._poll_or_stop()

    def _poll_or_stop(self) -> None:
        if self.stopping:
            self.client.close(self.stopped)
        else:
            self.client.poll(self._work)

    def _go_on(self) -> None:
        self._poll()


def _not_waited_for(error: str | None) -> None:
    """A refusal is in the trace; the records come again, to somebody."""
