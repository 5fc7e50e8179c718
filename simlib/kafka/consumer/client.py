"""A consumer client: polls, fetches ahead, commits. Its place in the group is in `membership.py` or `reconciling.py`.

A poll hands over what has been fetched (at most max_poll_records), and asks the brokers for more while the
application works. Everything else happens inside a poll too: joining and leaving generations, and auto-commit (K75).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from simlib.kafka.client import Metadata
from simlib.kafka.cluster import Cluster
from simlib.kafka.consumer.commits import Commits
from simlib.kafka.consumer.fetching import Asking, Fetching
from simlib.kafka.consumer.membership import Membership
from simlib.kafka.consumer.positions import UNKNOWN, Cursor, Run
from simlib.kafka.consumer.reconciling import ReconcilingMembership
from simlib.kafka.consumer.starting import Starting
from simlib.trace.recorder import Recorder
from simlib.units import millis
from simlib.world.network import Network
from simlib.world.process import Process

OnRecords = Callable[[list[Run]], None]
MEMBERSHIPS: dict[str, Any] = {"classic": Membership, "consumer": ReconcilingMembership}
"""By group_protocol."""


class ConsumerClient:
    """Lives in a process and dies with it; a restarted process makes a new one."""

    cursor_type = Cursor

    def __init__(self, process: Process, group: str, topics: tuple[str, ...], settings: Any, cluster: Cluster,
                 network: Network, on_error: Callable[[str], None]) -> None:
        self.process = process
        self.group = group
        self.topics = topics
        self.settings = settings
        self.reads_committed = settings.isolation_level == "read_committed"
        self.cluster = cluster
        self.network = network
        self.recorder: Recorder = network.recorder
        self.group_code = self.recorder.code("groups", group)
        self.on_error = on_error
        self.on_assigned: Callable[[list[int]], None] = _nobody_listens
        self.on_revoked: Callable[[list[int]], None] = _nobody_listens
        self.dies_at_commit: Callable[[str], bool] = _lives_on
        self.metadata = Metadata(process, cluster, network, settings)
        self.cursors: dict[int, Cursor] = {}
        self.drain_order: dict[int, None] = {}
        self.commits = Commits(self)
        self.fetching: Asking = Fetching(self)
        self.starting = Starting(self)
        self.membership = MEMBERSHIPS[settings.group_protocol](self)
        self.waiting: OnRecords | None = None
        self.most = int(settings.max_poll_records)
        self.request_timeout = millis(settings.request_timeout_ms)

    # -- polling

    def poll(self, on_records: OnRecords, most: int | None = None, move_position: bool = True) -> None:
        """Call `on_records(runs)` as soon as there are records; at once, if some have been fetched already.

        `move_position=False` leaves the position to the caller, who moves it record by record (kafka-python's
        iterator).
        """
        self.most = int(self.settings.max_poll_records) if most is None else most
        self.move_position = move_position
        self.waiting = on_records
        self.membership.polled()
        self.commits.auto_commit_if_due()
        if self.process.alive:
            self.deliver()

    def stop_waiting(self) -> None:
        """The poll is over without records."""
        self.waiting = None
        self.membership.working()

    def deliver(self) -> bool:
        """Hand over what is there, if somebody polls and the group lets us; True if so."""
        if self.waiting is None or not self.drain_order or not self.membership.may_deliver():
            return False
        runs = self._drain()
        if not runs:  # markers only, or what was aborted
            self.fetching.fetch()
            return False
        on_records, self.waiting = self.waiting, None
        self.membership.working()
        self.commits.waited()
        self.fetching.fetch()
        on_records(runs)
        return True

    def _drain(self) -> list[Run]:
        runs: list[Run] = []
        left = self.most
        for tp in list(self.drain_order):
            cursor = self.cursors[tp]
            taken = cursor.take(left)
            left -= sum([run.count for run in taken])
            runs += taken
            if self.move_position:
                cursor.position = cursor.taken
            if not cursor.buffered:
                del self.drain_order[tp]
            if left == 0:
                break
        return runs

    # -- partitions come and go

    def assign(self, tps: Iterable[int]) -> None:
        """Own these partitions too, and find out where to start."""
        new = [tp for tp in tps if tp not in self.cursors]
        for tp in new:
            self.cursors[tp] = self.cursor_type(tp)
            self.recorder.event("assigned", self.process, group=self.group_code, tp=tp)
        self.on_assigned(new)
        self.starting.find(new)

    def revoke(self, tps: Iterable[int], lost: bool = False) -> None:
        """Give partitions up; `lost` when the group has already given them to others."""
        gone = [tp for tp in tps if tp in self.cursors]
        self.on_revoked(gone)
        for tp in gone:
            self.recorder.event("lost_partitions" if lost else "revoked", self.process, group=self.group_code, tp=tp)
            del self.cursors[tp]
            self.drain_order.pop(tp, None)

    def set_aside(self, tps: Iterable[int]) -> None:
        """These are about to be given up: nothing more of them is fetched or handed over."""
        for tp in tps:
            self.cursors[tp].set_aside()
            self.drain_order.pop(tp, None)

    def seek(self, tp: int, offset: int) -> None:
        self.cursors[tp].seek(offset)
        self.drain_order.pop(tp, None)
        self.fetching.fetch()

    def seek_to_committed(self, tps: list[int]) -> None:
        """Ask the coordinator where to continue."""
        for tp in tps:
            self.cursors[tp].seek(UNKNOWN)
            self.drain_order.pop(tp, None)
        self.starting.find(tps)

    def forget(self) -> None:
        """Its process is dead: its parts and it refer to each other, and to the run."""
        for part in (self.membership.heartbeats, self.membership, self.commits, self.fetching, self.starting,
                     self.metadata, self):
            vars(part).clear()

    def close(self, then: Callable[[], None]) -> None:
        """Commit if auto-commit is on (K77), leave the group (K87)."""
        self.waiting = None
        self.membership.leave(then)


def _lives_on(when: str) -> bool:
    """No crash is aimed at a commit."""
    return False


def _nobody_listens(tps: list[int]) -> None:
    """No rebalance listener was given."""
