"""A declared consumer: poll, work each record, poll again. One member of a `ConsumerGroup`.

The work of a whole poll is laid out ahead as columns of times; a crash or a pause cuts them by search, so that no
record needs an event of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

from simlib.kafka.cluster import Cluster
from simlib.kafka.consumer.client import ConsumerClient
from simlib.kafka.consumer.positions import Run
from simlib.kafka.work import WorkTimes
from simlib.scenario.topology import Readers
from simlib.units import NEVER
from simlib.world.faults import dies
from simlib.world.network import Network
from simlib.world.process import Process


class Member(Process):
    """`<group>-<n>`."""

    def __init__(self, group: Readers, settings: Any, work: WorkTimes, cluster: Cluster,
                 network: Network, *identity: Any) -> None:
        super().__init__(*identity)
        self.group = group
        self.settings = settings
        self.work_times = work
        self.cluster = cluster
        self.network = network
        self.recorder = network.recorder
        self.runs: list[Run] = []
        self.finish_at = 0
        self.stopping = False
        self.aims: list[Any] = []
        self.received = 0
        """Records handed over in all lives."""

    # -- life

    def on_start(self, now: int) -> None:
        self.runs = []
        self.stopping = False
        self.client = self._new_client()
        self.client.metadata.refresh(self._poll)

    def _new_client(self) -> Any:
        client = ConsumerClient(self, self.group.name, self.group.topics, self.settings, self.cluster, self.network,
                                self._give_up)
        client.dies_at_commit = lambda when: dies(self, when, "commit")
        return client

    def on_kill(self, now: int) -> None:
        self.write_down(self.worked_until)
        self.runs = []

    def on_end(self, now: int) -> None:
        self.write_down(self.worked_until)

    def change(self, group: Readers) -> None:
        """The declared service time changes, from the next poll on."""
        self.work_times.set(group.service_time)

    def on_resume(self, now: int) -> None:
        """What was still to do is done later by as much as the process stood still."""
        if self.runs:
            still = now - self.paused_since
            first = bisect_right(self.done, self.paused_since)
            self.done[first:] = [time + still for time in self.done[first:]]
            self.handed[first + 1:] = self.done[first:-1]
            self.finish_at = self.done[-1]

    def shut_down(self, stopped: Any) -> None:
        """SIGTERM: finish the poll in hand, then close the consumer."""
        self.stopping = True
        self.stopped = stopped
        if not self.runs:
            self.client.close(stopped)

    def _give_up(self, error: str) -> None:
        self.recorder.event("exception", self, detail=error)
        self.kill()
        self.network.process_killed(self)

    # -- the loop

    def _poll(self) -> None:
        if self.stopping:
            self.client.close(self.stopped)
        else:
            self.client.poll(self._work)

    def _work(self, runs: list[Run]) -> None:
        now = self.clock.now
        self.runs = runs
        self.busy(1)
        if len(runs) == 1 and runs[0].count == 1:
            self.handed = [now]
            self.done = [now + self.work_times.single(runs[0])]
        else:
            self.done = list(accumulate(self.work_times.of(runs), initial=now))
            self.handed = self.done[:-1]
            del self.done[0]
        self.generation = self.client.membership.generation
        self.finish_at = self.done[-1]
        self.recorder.mark(now, self.work_times.begins(runs))
        for aim in self.aims:
            aim.look_ahead(self)
        self.at(self.finish_at, self._finished)

    def _finished(self) -> None:
        if self.clock.now < self.finish_at:  # the process stood still meanwhile
            self.at(self.finish_at, self._finished)
            return
        self.write_down(self.finish_at)
        self.runs = []
        self._go_on()

    def _go_on(self) -> None:
        """This poll's records are done."""
        if self.settings.enable_auto_commit:
            self._poll()
        else:
            self.client.commits.commit(self.client.commits.positions(), lambda error: self._poll())

    def write_down(self, now: int) -> None:
        """Record what was handed over up to `now`, and what of it was finished by then."""
        if not self.runs:
            return
        self.busy(-1)
        recorder = self.recorder
        recorder.mark(now, False)
        left = len(self.handed) if now >= self.handed[-1] else bisect_right(self.handed, now)
        first = 0
        for run in self.runs:
            count = min(run.count, left)
            if count <= 0:
                break
            done = self.done[first:first + count]
            if done[-1] > now:
                done[bisect_right(done, now):] = [NEVER] * (count - bisect_right(done, now))
            times = [0] * (2 * count)
            times[::2] = self.handed[first:first + count]
            times[1::2] = done
            recorder.deliver((self.handed[first], self.code, self.incarnation, self.client.group_code, run.tp,
                              run.lane.code, run.start, count, run.offset, self.generation), times)
            self.work_times.delivered(run, count)
            self.received += count
            left -= count
            first += run.count

    def hand_over_only(self, count: int) -> None:
        """Of this poll only the first `count` records will have been handed over (a crash aimed at a hand-over)."""
        self.handed[count:] = [2**62] * (len(self.handed) - count)
