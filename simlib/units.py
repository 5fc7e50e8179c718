"""Virtual time is an integer count of nanoseconds: instants are exact, sums do not drift."""

from __future__ import annotations

MS = 1_000_000
SECOND = 1_000_000_000

NEVER = -(2**62)
"""Stands in a time column for "did not happen"."""


def nanoseconds(seconds: float) -> int:
    """Seconds as a user types them, as the engine counts them."""
    return round(seconds * SECOND)


def seconds(nanos: int) -> float:
    """Engine time as a user reads it."""
    return nanos / SECOND


def millis(ms: float) -> int:
    """A Kafka setting in milliseconds, in engine time."""
    return round(ms * MS)
