"""Segments and retention against a plain model: which offsets go, and that nothing else does."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka import retention
from simlib.kafka.lane import Batch, Lane
from simlib.kafka.log import Entry, Log
from simlib.kafka.segments import Segments
from simlib.kafka.timestamps import first_at_or_after, largest
from simlib.units import MS


@dataclass
class Settings:
    segment_bytes: int = 2**30
    segment_ms: int = 2**40
    retention_ms: int = -1
    retention_bytes: int = -1
    message_timestamp_type: str = "CreateTime"

    @property
    def longest_segment_ms(self):
        return self.segment_ms


def written(*batches, epoch=0, log=None):
    """A log of batches given as (ms, size, records)."""
    log = log or Log()
    for at, size, count in batches:
        lane = Lane(0, "shop", 1, "orders", 0, None)
        for _ in range(count):
            lane.add(at * MS, 0, -1, "", size // count)
        log.append(Entry(log.end, Batch(lane, 0, count, size, at * MS), epoch, at * MS))
    return log


def segmented(log, settings):
    segments = Segments(log)
    segments.catch_up(settings)
    return segments


def spans(segments):
    return [(one.base, one.end, one.size) for one in segments.all]


def test_a_segment_is_closed_by_the_batch_that_has_no_room_in_it():
    log = written((0, 40, 1), (1, 40, 2), (2, 40, 1), (3, 200, 1), (4, 10, 1))
    assert spans(segmented(log, Settings(segment_bytes=100))) == [(0, 3, 80), (3, 4, 40), (4, 5, 200), (5, 6, 10)]


@pytest.mark.statement("K61")
def test_a_segment_is_closed_by_the_first_batch_that_is_more_than_segment_ms_younger_than_its_first():
    log = written((0, 10, 1), (900, 10, 1), (1_000, 10, 1), (1_001, 10, 1), (1_500, 10, 1))
    assert [base for base, _, _ in spans(segmented(log, Settings(segment_ms=1_000)))] == [0, 3]


BATCHES = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 60), st.integers(1, 3)), max_size=12)
SETTINGS = st.builds(Settings, st.sampled_from([50, 100, 2**30]), st.sampled_from([10, 100, 2**40]))


@given(BATCHES, BATCHES, SETTINGS, st.integers(0, 30), st.integers(0, 30))
def test_segments_follow_their_log_however_often_they_look(first, then, settings, cut, start):
    """Looking once at the end gives the segments of looking after each step."""
    log = written(*first)
    often = segmented(log, settings)
    log.truncate(cut)
    often.catch_up(settings)
    written(*then, log=log)
    often.catch_up(settings)
    assert spans(often) == spans(segmented(log, settings))
    edges = [base for base, _, _ in spans(often)]
    log.begin_at(max([edge for edge in edges if edge <= start], default=0))
    often.catch_up(settings)
    assert [base for base, _, _ in spans(often)] == [edge for edge in edges if edge >= log.start]
    assert sum(one.size for one in often.all) == sum(entry.batch.size for entry in log.entries)


@given(BATCHES, SETTINGS, st.integers(0, 120), st.integers(0, 20))
@pytest.mark.statement("K61", "K64")
def test_by_age_what_goes_is_all_older_and_what_stays_starts_with_something_young_or_not_committed(
        batches, settings, now, retention_ms):
    log = written(*batches)
    settings.retention_ms = retention_ms
    segments = segmented(log, settings)
    start = segments.end_of_oldest(retention.by_age(segments, settings, log.end, now))
    ages = {entry.base: now - largest(entry, "CreateTime") for entry in log.entries}
    assert all(age > retention_ms for base, age in ages.items() if base < start)
    left = [one for one in segments.all if one.base >= start]
    assert not left or max(one.largest for one in left[:1]) >= now - retention_ms
    for high_watermark in range(log.end + 1):
        count = retention.by_age(segments, settings, high_watermark, now)
        assert segments.end_of_oldest(count) <= min(high_watermark, start)


@given(BATCHES, SETTINGS, st.integers(0, 300))
@pytest.mark.statement("K63")
def test_by_size_at_least_retention_bytes_stay_and_one_more_segment_would_be_too_much(batches, settings, keep):
    log = written(*batches)
    settings.retention_bytes = keep
    segments = segmented(log, settings)
    count = retention.by_size(segments, settings, log.end)
    sizes = [one.size for one in segments.all]
    assert sum(sizes[count:]) >= min(keep, sum(sizes))
    assert count == len(sizes) or sum(sizes[count + 1:]) < keep


def test_no_limit_takes_nothing():
    segments = segmented(written((0, 10, 1)), Settings())
    assert retention.by_age(segments, Settings(), 1, 10**9) == retention.by_size(segments, Settings(), 1) == 0


# -- the log without its beginning

def test_a_log_that_forgets_its_beginning_keeps_its_offsets():
    log = written((0, 10, 2), (1, 10, 2), epoch=1)
    written((2, 10, 2), epoch=3, log=log)
    assert [entry.base for entry in log.begin_at(4)] == [0, 2]
    assert (log.start, log.end, [entry.base for entry in log.entries]) == (4, 6, [4])
    assert log.read(0, 6, 1_000) == log.read(3, 6, 1_000) == [] and log.read(4, 6, 1_000) == log.entries
    assert log.epochs == [(3, 4)] and log.end_of_epoch(3) == (3, 6)


def test_an_empty_log_that_begins_later_goes_on_there():
    log = written((0, 10, 2))
    log.begin_at(2)
    assert log.entries == [] and (log.start, log.end, log.last_epoch) == (2, 2, 0)
    written((1, 10, 1), log=log)
    assert log.entries[0].base == 2
    log.begin_at(7)
    assert log.entries == [] and (log.start, log.end, log.last_epoch) == (7, 7, -1)


def test_a_log_that_is_cut_back_behind_its_start_is_empty_there():
    log = written((0, 10, 2), (1, 10, 2), (2, 10, 2))
    log.begin_at(4)
    log.truncate(1)
    assert (log.start, log.end, log.entries, log.epochs) == (1, 1, [], [])


@pytest.mark.statement("K21")
def test_what_a_producer_sent_is_remembered_when_its_records_are_gone():
    log = written((0, 10, 1), (1, 10, 1), (2, 10, 1))
    repeat = written((0, 10, 1)).entries[0].batch
    for number, entry in enumerate(log.entries):
        entry.batch.pid, entry.batch.epoch, entry.batch.sequence = 7, 0, number
        log.producers.remember(entry.batch, entry.base, 0)
    log.begin_at(2)
    log.truncate(2)
    repeat.pid, repeat.epoch, repeat.sequence = 7, 0, 1
    assert log.producers.check(repeat, 0) == ("DUPLICATE", 1)
    repeat.sequence = 2
    assert log.producers.check(repeat, 0) == ("", -1)


# -- timestamps

@given(BATCHES, st.integers(0, 60))
def test_the_first_record_at_or_after_a_time_is_the_first_in_the_order_of_the_log(batches, wanted):
    log = written(*batches)
    stamps = [(entry.base + i, at) for entry, (at, _, count) in zip(log.entries, batches, strict=True)
              for i in range(count)]
    found = first_at_or_after(log.entries, wanted, "CreateTime")
    assert found == next(((offset, at) for offset, at in stamps if at >= wanted), None)


def test_the_clock_of_log_append_time_is_the_leader_s():
    log = written((5, 10, 1))
    log.entries[0].time = 9 * MS
    assert (largest(log.entries[0], "CreateTime"), largest(log.entries[0], "LogAppendTime")) == (5, 9)
    assert first_at_or_after(log.entries, 6, "LogAppendTime") == (0, 9)
    assert first_at_or_after(log.entries, 6, "CreateTime") is None
