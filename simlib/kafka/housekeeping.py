"""A broker's retention check: every log_retention_check_interval_ms it deletes old segments of what it leads.

Followers forget what their leader has forgotten. Topics that are compacted as well are left to the log cleaner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.kafka import retention
from simlib.kafka.cluster import is_internal
from simlib.kafka.segments import Segments
from simlib.units import MS, millis

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led

BY_AGE, BY_SIZE = "retention_ms", "retention_bytes"


class Housekeeping:
    """Of one broker. As long as no topic can lose anything within the run, nothing is planned."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._planned = False

    def begin(self, now: int) -> None:
        """A new life: the first look is log_initial_task_delay_ms away."""
        self._planned = self.broker.cleaner.is_planned = False
        self.began = now
        if self.broker.cluster.keeps_house():
            self.plan()

    def plan(self) -> None:
        """Look from time to time, if a topic needs it; and let the log cleaner begin, if one needs that."""
        self.broker.cleaner.plan()
        cluster, settings = self.broker.cluster, self.broker.settings
        if self._planned or not self.broker.alive or cluster.forgets_within >= cluster.oldest_age:
            return
        self._planned = True
        interval = millis(settings.log_retention_check_interval_ms)
        first = self.began + millis(settings.log_initial_task_delay_ms)
        late = max(self.broker.clock.now - first, 0)
        self.broker.at(first + -(-late // interval) * interval, self._look)

    def settings_change(self, tps: list[int]) -> None:
        """What was appended so far is in segments by the settings until now."""
        for tp in tps:
            if tp in self.broker.leads:
                self.segments(self.broker.leads[tp], self.broker.cluster.topic_settings(tp))

    def _look(self) -> None:
        cluster = self.broker.cluster
        for led in list(self.broker.leads.values()):
            settings = cluster.topic_settings(led.tp)
            if settings.deletes and not settings.compacts and not is_internal(cluster.tps[led.tp].topic):
                self.delete_old(led, settings)
        self.broker.after(millis(self.broker.settings.log_retention_check_interval_ms), self._look)

    def segments(self, led: Led, settings: Any) -> Segments:
        """The segments of a partition, as they are now."""
        if led.replica.segments is None:
            led.replica.segments = Segments(led.replica.log)
        led.replica.segments.catch_up(settings)
        return led.replica.segments

    def delete_old(self, led: Led, settings: Any) -> None:
        """Too many first, then too old, as Kafka does."""
        high_watermark, now = led.leader.high_watermark, self.broker.clock.now // MS
        segments = self.segments(led, settings)
        self._delete(led, segments.end_of_oldest(retention.by_size(segments, settings, high_watermark)), BY_SIZE)
        segments.catch_up(settings)
        self._delete(led, segments.end_of_oldest(retention.by_age(segments, settings, high_watermark, now)), BY_AGE)

    def _delete(self, led: Led, start: int, reason: str) -> None:
        log = led.replica.log
        if start <= log.start:
            return
        recorder, now = self.broker.recorder, self.broker.clock.now
        recorder.removed(now, led.tp, log.begin_at(start), reason, log.is_aborted)
        cluster = self.broker.cluster
        if start > cluster.log_starts.get(led.tp, 0):  # a new leader may not have heard how far the old one was
            cluster.log_starts[led.tp] = start
            recorder.log_start((now, led.tp, start))
        self.broker.followers.log_start_moved(led)
