"""What every Kafka client does: know the leaders, and be patient with brokers that do not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka.cluster import Cluster, Image
from simlib.units import NEVER, millis
from simlib.world.network import Network
from simlib.world.process import Process


class Metadata:
    """One client's picture of the cluster, and its connections' back-off.

    A broker that cannot be reached is left alone for reconnect_backoff_ms, doubling up to reconnect_backoff_max_ms.
    """

    def __init__(self, process: Process, cluster: Cluster, network: Network, settings: Any) -> None:
        self.process = process
        self.cluster = cluster
        self.network = network
        self.settings = settings
        self.image: Image | None = None
        self.partitions: dict[str, int] = {}
        self._waiting: list[Callable[[], None]] = []
        self._asking = False
        self._failures: dict[int, int] = {}
        self._not_before: dict[int, int] = {}
        self._next = process.rank
        self.on_change: list[Callable[[], None]] = []
        process.after(millis(settings.metadata_max_age_ms), self._grow_old)

    def _grow_old(self) -> None:
        """metadata.max.age.ms: ask again even if nothing went wrong; new partitions are found like this (K81)."""
        self.refresh(lambda: None)
        self.process.after(millis(self.settings.metadata_max_age_ms), self._grow_old)

    # -- connections

    def leader(self, tp: int) -> Any:
        """The broker to talk to about a partition; None if unknown, leaderless, or being left alone for now."""
        state = None if self.image is None else self.image.partitions.get(tp)
        if state is None or state.leader < 0:
            return None
        if self._not_before and self._not_before.get(state.leader, NEVER) > self.process.clock.now:
            return None
        return self.cluster.brokers[state.leader]

    def broken(self, broker: Any) -> None:
        failures = self._failures[broker.number] = self._failures.get(broker.number, 0) + 1
        pause = min(self.settings.reconnect_backoff_ms * 2 ** (failures - 1), self.settings.reconnect_backoff_max_ms)
        self._not_before[broker.number] = self.process.clock.now + millis(pause)

    def fine(self, broker: Any) -> None:
        if self._failures:
            self._failures.pop(broker.number, None)
            self._not_before.pop(broker.number, None)

    # -- metadata

    def refresh(self, then: Callable[[], None]) -> None:
        """Ask some broker for the leaders; `then()` when the answer is here."""
        self._waiting.append(then)
        if not self._asking:
            self._asking = True
            self._ask()

    def retry(self, then: Callable[[], None]) -> None:
        """The same, after retry_backoff_ms."""
        self.process.after(millis(self.settings.retry_backoff_ms), self.refresh, then)

    def _ask(self) -> None:
        broker = self._choose()
        if broker is None:
            self.process.after(millis(self.settings.retry_backoff_ms), self._ask)
            return
        self.network.request(self.process, broker, "metadata", None, lambda image: self._learn(broker, image),
                             lambda reason: self._ask_another(broker), millis(self.settings.request_timeout_ms))

    def any_broker(self) -> Any:
        """Some broker that is not being left alone; None if there is none."""
        return self._choose()

    def _choose(self) -> Any:
        """The next broker in turn that is not being left alone."""
        now = self.process.clock.now
        count = len(self.cluster.brokers)
        for i in range(self._next, self._next + count):
            if self._not_before.get(i % count, NEVER) <= now:
                self._next = i + 1
                return self.cluster.brokers[i % count]
        return None

    def _ask_another(self, broker: Any) -> None:
        self.broken(broker)
        self._ask()

    def _learn(self, broker: Any, image: Image) -> None:
        self.fine(broker)
        if not image.partitions:  # a broker that has only just started knows nothing yet
            self.process.after(millis(self.settings.retry_backoff_ms), self._ask)
            return
        self._asking = False
        if self.image is None or image.version >= self.image.version:
            self.image = image
            self._count_partitions(image)
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _count_partitions(self, image: Image) -> None:
        partitions = {topic: sum(tp in image.partitions for tp in tps)
                      for topic, tps in self.cluster.partitions_of.items()}
        if partitions != self.partitions:
            self.partitions = partitions
            for changed in self.on_change:
                changed()
