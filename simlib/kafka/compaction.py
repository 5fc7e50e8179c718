"""Log compaction: of each key the last value stays, offsets never change (K66, K67). No clock.

The cleaner reads what is dirty - written since its last pass, and not in the active segment -, notes the last offset of
each key, and rewrites everything before that point without the records whose key comes again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from simlib.kafka.lane import Batch
from simlib.kafka.log import Entry, Log
from simlib.kafka.segments import Segments

SUPERSEDED, EXPIRED_TOMBSTONE = "compaction", "delete_retention_ms"

KeyOf = Callable[[int], bytes | None]
"""The bytes of a key, by its code; None for a null key."""


class CleanedEntry(Entry):
    """A part of a batch that the cleaner has kept; its tombstones may go from `horizon` on (ms)."""

    __slots__ = ("horizon",)

    horizon: int


@dataclass(frozen=True)
class Dirt:
    """What the cleaner could do about a log: clean up to the offset `end`; `is_overdue`: max_compaction_lag_ms."""

    end: int
    ratio: float
    is_overdue: bool


@dataclass
class Pass:
    """What one pass of the cleaner keeps and removes."""

    kept: list[Entry] = field(default_factory=list)
    removed: dict[str, list[Entry]] = field(default_factory=lambda: {SUPERSEDED: [], EXPIRED_TOMBSTONE: []})


def dirt(segments: Segments, settings: Any, stable: int, now: int) -> Dirt:
    """How dirty a log is. `stable`: nothing from here on is decided; `now` in ms."""
    clean, end, cleanable = 0, segments.first_dirty, []
    for place, segment in enumerate(segments.all[:-1]):
        upper = segments.end_of_oldest(place + 1)
        if segment.end <= segments.first_dirty:
            clean += segment.size
        elif upper > stable or now - segment.largest < settings.min_compaction_lag_ms:
            break
        else:
            end = upper
            cleanable.append(segment)
    size = sum(one.size for one in cleanable)
    overdue = any(now - one.first > settings.max_compaction_lag_ms for one in cleanable)
    return Dirt(end, size / (size + clean) if size else 0.0, overdue)


def needs_cleaning(state: Dirt, settings: Any) -> bool:
    """Kafka's min.cleanable.dirty.ratio has to be exceeded, unless something waits for too long."""
    return state.ratio > settings.min_cleanable_dirty_ratio or (state.is_overdue and state.ratio > 0)


def part(entry: Entry, first: int, count: int, horizon: int | None) -> Entry:
    """Some records of a batch, at their offsets."""
    whole, kind = entry.batch, Entry if horizon is None else CleanedEntry
    lane: Any = whole.lane
    batch = Batch(lane, whole.start + first, count, lane.size(whole.start + first, count), whole.created)
    part = kind(entry.base + first, batch, entry.epoch, entry.time)
    if isinstance(part, CleanedEntry) and horizon is not None:
        part.horizon = horizon
    return part


def clean(log: Log, segments: Segments, settings: Any, end: int, now: int, key_of: KeyOf) -> Pass:
    """Rewrite a log up to the offset `end`; a tombstone found for the first time stays for delete_retention_ms."""
    horizon = now + settings.delete_retention_ms
    before = log.entries[:log.place_of(end)]
    last = dict(_keys([entry for entry in before if not log.is_aborted(entry)], segments.first_dirty, key_of))
    result = Pass()
    for entry in before:
        if entry.batch.lane is None:
            result.kept.append(entry)
        elif log.is_aborted(entry):
            result.removed[SUPERSEDED].append(entry)
        else:
            _sort_out(entry, last, horizon, now, key_of, result)
    log.rewrite(len(before), result.kept)
    segments.cleaned(end, settings)
    return result


def _keys(entries: list[Entry], first_dirty: int, key_of: KeyOf) -> Iterator[tuple[bytes | None, int]]:
    """(key, offset) of each dirty record, in the order of the log."""
    for entry in entries:
        lane = entry.batch.lane
        if entry.end > first_dirty and lane is not None:
            for i in range(entry.batch.count):
                yield key_of(lane.key[entry.batch.start + i]), entry.base + i


def _sort_out(entry: Entry, last: dict[bytes | None, int], horizon: int, now: int, key_of: KeyOf, result: Pass) -> None:
    """Keep, or not, each record of a batch."""
    batch = entry.batch
    lane: Any = batch.lane
    until = entry.horizon if isinstance(entry, CleanedEntry) else None

    def verdict(i: int) -> str:
        ordinal = batch.start + i
        key = key_of(lane.key[ordinal])
        if key is None or last.get(key, -1) > entry.base + i:  # without a key: from before the topic was compacted
            return SUPERSEDED
        return EXPIRED_TOMBSTONE if until is not None and now >= until and lane.is_tombstone(ordinal) else ""

    verdicts = [(said, list(places)) for said, places in groupby(range(batch.count), verdict)]
    until = horizon if until is None and any(map(lane.is_tombstone, range(batch.start, batch.start + batch.count))
                                             ) else until
    for said, places in verdicts:
        if said:
            result.removed[said].append(part(entry, places[0], len(places), None))
        elif len(places) == batch.count and (until is None or isinstance(entry, CleanedEntry)):
            result.kept.append(entry)
        else:
            result.kept.append(part(entry, places[0], len(places), until))
