"""The follower's side of replication: one standing fetch to each leader, truncation where the logs diverge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from simlib.kafka.compaction import part
from simlib.units import SECOND
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.cluster import Image
    from simlib.world.exchange import Exchange

BACKOFF = 1 * SECOND
"""replica.fetch.backoff.ms"""


class Following(Protocol):
    """How a broker gets what other brokers lead."""

    def forget(self) -> None: ...

    def follow(self, image: Image) -> None:
        """Fetch each partition from the leader the image names."""


class ReplicaFetchers:
    """All fetches of one broker as a follower, by the leader they go to."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.fetchers: dict[int, Fetcher] = {}

    def forget(self) -> None:
        self.fetchers = {}

    def follow(self, image: Image) -> None:
        """Fetch each partition from the leader the image names."""
        me = self.broker.number
        wanted: dict[int, dict[int, int]] = {}
        for tp, state in image.partitions.items():
            if me in state.replicas and state.leader not in (me, -1):
                wanted.setdefault(state.leader, {})[tp] = state.epoch
        for leader in sorted(set(wanted) | set(self.fetchers)):
            if leader not in self.fetchers:
                self.fetchers[leader] = Fetcher(self.broker, leader)
            self.fetchers[leader].follow(wanted.get(leader, {}))


class Fetcher:
    """The standing fetch from one follower to one leader."""

    def __init__(self, broker: Broker, leader: int) -> None:
        self.broker = broker
        self.leader = broker.cluster.brokers[leader]
        self.epochs: dict[int, int] = {}
        self.in_flight: Exchange | None = None
        self._pause = Alarm(broker, self._start_over)

    def follow(self, epochs: dict[int, int]) -> None:
        """From now on fetch exactly these partitions, led in these epochs."""
        if epochs == self.epochs:
            return
        self.epochs = dict(epochs)
        self._start_over()

    def _start_over(self) -> None:
        """A new session: the leader forgets what it knew of us."""
        self._pause.set(None)
        if self.in_flight is not None and not self.in_flight.done:
            self.broker.network.close(self.in_flight)
        self.in_flight = None
        if self.epochs:
            self._fetch(True, [self._row(tp) for tp in self.epochs])

    def _row(self, tp: int) -> tuple[int, int, int, int]:
        log = self.broker.replicas[tp].log
        return tp, log.end, log.last_epoch, self.epochs[tp]

    def _fetch(self, everything: bool, rows: list[tuple[int, int, int, int]]) -> None:
        broker = self.broker
        self.in_flight = broker.network.request(broker, self.leader, "replica_fetch",
                                                (broker.number, everything, rows), self._received, self._broken)

    def _broken(self, reason: str) -> None:
        self._back_off()

    def _back_off(self) -> None:
        self._pause.set(self.broker.clock.now + BACKOFF)

    def _received(self, rows: list[tuple[int, str, Any, int]]) -> None:
        changed = []
        for tp, error, content, high_watermark in rows:
            if tp not in self.epochs:
                continue
            if not error:
                self._take(tp, content, high_watermark)
                if content:
                    changed.append(self._row(tp))
            elif error == "LOG_START":
                if self._forget_beginning(tp, content):
                    changed.append(self._row(tp))
            elif error == "DIVERGING":
                self._truncate(tp, *content)
                changed.append(self._row(tp))
            else:
                self._back_off()
                return
        self._fetch(False, changed)

    def _take(self, tp: int, entries: Any, high_watermark: int) -> None:
        replica = self.broker.replicas[tp]
        log = replica.log
        for entry in entries:
            if entry.base > log.end:
                log.leave_hole(entry.base)
            had = log.end - entry.base  # the rest of a batch of which our cleaner had kept the beginning
            log.append(part(entry, had, entry.batch.count - had, None) if had else entry)
        replica.high_watermark = high_watermark if high_watermark < log.end else log.end

    def _forget_beginning(self, tp: int, start: int) -> bool:
        """The leader's log begins later (K61); one that ends before that begins anew there. Has its end changed?"""
        replica = self.broker.replicas[tp]
        before = replica.log.end
        if start > replica.log.start or start > before:
            replica.log.begin_at(start)
            replica.high_watermark = max(replica.high_watermark, start)
        return replica.log.end != before

    def _truncate(self, tp: int, epoch: int, end: int) -> None:
        """Discard what the new leader never had (K56): fall back to where our logs still agree."""
        replica = self.broker.replicas[tp]
        self.broker.discard(replica, min(end, replica.log.end_of_epoch(epoch)[1]))
