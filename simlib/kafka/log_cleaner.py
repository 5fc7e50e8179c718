"""A broker's log cleaner: it compacts what the broker leads, the dirtiest log first, and rests when none needs it.

Followers keep what they have: one that comes to lead cleans in its turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.kafka import compaction
from simlib.kafka.cluster import is_internal
from simlib.kafka.compaction import Dirt
from simlib.units import MS, millis

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led


class LogCleaner:
    """Of one broker. As long as no topic is compacted, it is never heard of."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._keys: dict[int, bytes] = {}
        self.is_planned = False

    def plan(self) -> None:
        """Begin, if a topic is compacted."""
        if not self.is_planned and self.broker.alive and self.broker.cluster.compacts:
            self.is_planned = True
            self._work()

    def _work(self) -> None:
        """Clean until no log needs it; of those that delete as well, delete what is old. Then rest."""
        while (found := self._dirtiest()) is not None:
            self._clean(*found)
        for led, settings in self._compacted():
            if settings.deletes:
                self.broker.housekeeping.delete_old(led, settings)
        self.broker.after(millis(self.broker.settings.log_cleaner_backoff_ms), self._work)

    def _compacted(self) -> list[tuple[Led, Any]]:
        cluster = self.broker.cluster
        found = [(led, cluster.topic_settings(tp)) for tp, led in self.broker.leads.items()
                 if not is_internal(cluster.tps[tp].topic)]
        return [(led, settings) for led, settings in found if settings.compacts]

    def _dirtiest(self) -> tuple[Led, Any, Dirt] | None:
        """The log that needs it most."""
        now = self.broker.clock.now // MS
        states = [(led, settings, compaction.dirt(self.broker.housekeeping.segments(led, settings), settings,
                                                  _stable(led), now))
                  for led, settings in self._compacted()]
        need = [found for found in states if compaction.needs_cleaning(found[2], found[1])]
        return max(need, key=lambda found: found[2].ratio, default=None)

    def _clean(self, led: Led, settings: Any, state: Dirt) -> None:
        now, recorder = self.broker.clock.now, self.broker.recorder
        segments = self.broker.housekeeping.segments(led, settings)
        result = compaction.clean(led.replica.log, segments, settings, state.end, now // MS, self._key)
        for reason, entries in result.removed.items():
            recorder.removed(now, led.tp, entries, reason, led.replica.log.is_aborted)

    def _key(self, code: int) -> bytes | None:
        """The bytes of a key: "a" and b"a" are one."""
        if code < 0:
            return None
        if code not in self._keys:
            key = self.broker.recorder.names["keys"][code]
            self._keys[code] = key.encode("utf-8") if isinstance(key, str) else key
        return self._keys[code]


def _stable(led: Led) -> int:
    """Up to here it is known what counts."""
    return led.leader.log.last_stable_offset(led.leader.high_watermark)
