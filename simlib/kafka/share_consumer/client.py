"""A share consumer: polls, and answers for what a poll brought. It owns no partitions, and has no positions.

A poll fetches from the leaders of all partitions it was told to look at, and ends with the first answer that has
records; others that come meanwhile are kept for the next poll, locked as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simlib.kafka.client import Metadata
from simlib.kafka.cluster import Cluster
from simlib.kafka.consumer.positions import Run
from simlib.kafka.share_consumer.acknowledging import Acknowledging
from simlib.kafka.share_consumer.fetching import ShareFetching
from simlib.kafka.share_consumer.membership import ShareMembership
from simlib.kafka.shares.messages import ShareRow
from simlib.scenario.share_groups import ShareSettings
from simlib.units import millis
from simlib.world.network import Network
from simlib.world.process import Process


@dataclass(slots=True)
class SharedRun(Run):
    """Records that were acquired, for the `deliveries`-th time, from broker `number`."""

    deliveries: int
    number: int

    def part(self, first: int, end: int) -> SharedRun:
        """From the record at place `first` up to, not including, the one at `end`."""
        return SharedRun(self.tp, self.lane, self.start + first, end - first, self.offset + first, self.appended,
                         self.deliveries, self.number)


OnRecords = Callable[[list[SharedRun]], None]


class ShareConsumerClient:
    """Lives in a process and dies with it; a restarted process makes a new one."""

    def __init__(self, process: Process, group: str, topics: tuple[str, ...], settings: ShareSettings,
                 cluster: Cluster, network: Network, on_error: Callable[[str], None]) -> None:
        self.process = process
        self.group = group
        self.topics = topics
        self.settings = settings
        self.cluster = cluster
        self.network = network
        self.recorder = network.recorder
        self.group_code = self.recorder.code("groups", group)
        self.on_error = on_error
        self.dies_at_acknowledge: Callable[[str], bool] = _lives_on
        self.metadata = Metadata(process, cluster, network, settings)
        self.request_timeout = millis(settings.request_timeout_ms)
        self.cursors: dict[int, Any] = {}
        """It has no positions, so its heartbeats tell of none."""
        self.assignment: tuple[int, ...] = ()
        self.buffer: deque[SharedRun] = deque()
        self.fetching = ShareFetching(self)
        self.acknowledging = Acknowledging(self)
        self.membership = ShareMembership(self)
        self.waiting: OnRecords | None = None

    # -- polling

    def poll(self, on_records: OnRecords) -> None:
        """Call `on_records(runs)` as soon as there are records."""
        self.waiting = on_records
        self.membership.polled()
        if self.process.alive:
            self.deliver()

    def stop_waiting(self) -> None:
        """The poll is over without records."""
        self.waiting = None
        self.membership.working()
        self.fetching.hurry_all()

    def deliver(self) -> None:
        """Hand over what is there, if somebody polls; else fetch."""
        if self.waiting is None:
            return
        if not self.buffer:
            self.fetching.fetch()
            return
        runs = self._drain()
        self.acknowledging.handed_over(runs)
        on_records, self.waiting = self.waiting, None
        self.membership.working()
        self.fetching.hurry_all()
        on_records(runs)

    def _drain(self) -> list[SharedRun]:
        """At most max_poll_records; with share_acquire_mode="batch_optimized" the last batch is not cut."""
        left, runs = self.settings.max_poll_records, []
        while self.buffer and left > 0:
            run = self.buffer.popleft()
            if run.count > left and self.settings.share_acquire_mode == "record_limit":
                self.buffer.appendleft(run.part(left, run.count))
                run = run.part(0, left)
            runs.append(run)
            left -= run.count
        return runs

    def received(self, number: int, rows: list[ShareRow]) -> None:
        """A leader has locked these for us."""
        for row in rows:
            for taken in row.taken:
                entry = taken.entry
                batch = entry.batch
                self.buffer.append(SharedRun(row.tp, batch.lane, batch.start + taken.first - entry.base, taken.count,
                                             taken.first, entry.time, taken.deliveries, number))

    # -- which partitions to look at

    def assigned(self, tps: tuple[int, ...]) -> None:
        """The coordinator says where to take records from, from now on. What is in hand can still be answered for."""
        before, self.assignment = self.assignment, tps
        for kind, changed in (("unshares", [tp for tp in before if tp not in tps]),
                              ("shares", [tp for tp in tps if tp not in before])):
            for tp in changed:
                self.recorder.event(kind, self.process, group=self.group_code, tp=tp)
        if tps != before:
            self.deliver()

    # -- the end

    def close(self, then: Callable[[], None]) -> None:
        """Give back what was not answered for, and leave the group."""
        self.waiting = None
        self.buffer.clear()
        self.acknowledging.close(lambda: self.membership.leave(then))

    def forget(self) -> None:
        """Its process is dead: its parts and it refer to each other, and to the run."""
        for thing in (self.membership.heartbeats, self.membership, self.acknowledging, self.fetching, self.metadata,
                      self):
            vars(thing).clear()


def _lives_on(when: str) -> bool:
    """No crash is aimed at an acknowledgement."""
    return False
