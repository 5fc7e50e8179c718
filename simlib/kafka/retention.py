"""Which segments are old enough to go, or too many (K61-K64). No clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka.segments import Segment, Segments


def by_size(segments: Segments, settings: Any, high_watermark: int) -> int:
    """How many of the oldest segments go so that at least retention_bytes stay (K63)."""
    too_much = sum(segment.size for segment in segments.all) - settings.retention_bytes

    def goes(segment: Segment) -> bool:
        nonlocal too_much
        too_much -= segment.size
        return too_much >= 0

    return _oldest(segments, high_watermark, goes) if settings.retention_bytes >= 0 else 0


def by_age(segments: Segments, settings: Any, high_watermark: int, now: int) -> int:
    """How many of the oldest segments have a largest timestamp older than retention_ms; `now` in ms (K61, K62)."""
    if settings.retention_ms < 0:
        return 0
    return _oldest(segments, high_watermark, lambda segment: now - segment.largest > settings.retention_ms)


def _oldest(segments: Segments, high_watermark: int, goes: Callable[[Segment], bool]) -> int:
    """The first that stays ends the search; one with an offset at or above the high watermark stays (K64)."""
    count = 0
    while count < len(segments.all) and high_watermark >= segments.end_of_oldest(count + 1) and goes(
            segments.all[count]):
        count += 1
    return count
