"""Small services with one known flaw each, and sound ones: what `explore` is trusted for."""

from __future__ import annotations

from seeded import (
          asking,
          dual_writes,
          duplicates,
          instances,
          locks,
          offsets,
          outbox,
          own_faults,
          queues,
          retries,
          sagas,
          sending,
          timeouts,
          views,
)
from seeded.case import Flaw, Sound

THEMES = (offsets, timeouts, duplicates, sending, retries, dual_writes, outbox, asking, queues, sagas, instances, locks,
          own_faults, views)

FLAWS: list[Flaw] = [flaw for theme in THEMES for flaw in theme.FLAWS]
SOUND: list[Sound] = [sound for theme in THEMES for sound in theme.SOUND]
