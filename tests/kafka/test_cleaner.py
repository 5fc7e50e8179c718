"""The cleaner against a plain model: of each key the last record stays, everything else may go, nothing moves."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka import compaction
from simlib.kafka.compaction import CleanedEntry
from simlib.kafka.lane import NULL, Batch, Lane
from simlib.kafka.log import Entry, Log
from simlib.kafka.segments import Segments
from simlib.units import MS

DAY = 86_400_000


@dataclass
class Settings:
    segment_bytes: int = 2**30
    segment_ms: int = 10
    min_cleanable_dirty_ratio: float = 0.5
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = 2**62
    delete_retention_ms: int = 100
    message_timestamp_type: str = "CreateTime"

    @property
    def longest_segment_ms(self):
        return min(self.segment_ms, self.max_compaction_lag_ms)


class Topic:
    """A log of records given as (key, value); a tick of 1 ms after each batch. Offset -> record in `records`."""

    def __init__(self, settings=None):
        self.settings = settings or Settings()
        self.log, self.now, self.records = Log(), 0, {}
        self.segments = Segments(self.log)

    def write(self, *records, pid=-1, sequence=0):
        lane = Lane(0, "shop", 1, "orders", 0, None)
        for key, value in records:
            self.records[self.log.end + len(lane.key)] = key, value
            lane.add(self.now * MS, 0, key, NULL if value is None else str(value), 10)
        batch = Batch(lane, 0, len(records), 10 * len(records), self.now * MS, pid, 0, sequence)
        self.log.append(Entry(self.log.end, batch, 0, self.now * MS))
        self.now += 1

    def wait(self, ms):
        self.now += ms

    def roll(self):
        """Whatever comes next begins a segment."""
        self.wait(self.settings.segment_ms + 1)

    def dirt(self, stable=None):
        self.segments.catch_up(self.settings)
        return compaction.dirt(self.segments, self.settings, self.log.end if stable is None else stable, self.now)

    def clean(self, stable=None):
        return compaction.clean(self.log, self.segments, self.settings, self.dirt(stable).end, self.now, key_of)

    def left(self):
        """Offset -> record, as a reader finds them."""
        found, position = {}, self.log.start
        while entries := self.log.read(position, self.log.end, 25):
            for entry in entries:
                lane = entry.batch.lane
                for i in range(entry.batch.count):
                    ordinal = entry.batch.start + i
                    value = None if lane.is_tombstone(ordinal) else int(lane.value[ordinal])
                    found[entry.base + i] = lane.key[ordinal], value
                position = entry.end
        return found


def key_of(code):
    return None if code < 0 else bytes([code])


RECORDS = st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 9)))
BATCHES = st.lists(RECORDS, min_size=1, max_size=4)
STEPS = st.lists(st.one_of(BATCHES, st.just("roll"), st.just("clean"), st.just("wait")), max_size=25)


def carry_out(topic, steps):
    for step in steps:
        if step == "roll":
            topic.roll()
        elif step == "wait":
            topic.wait(200)
        elif step == "clean":
            topic.clean()
        else:
            topic.write(*step)


def last_values(records):
    return {key: value for _, (key, value) in sorted(records.items())}


@given(STEPS)
@pytest.mark.statement("K66", "K70")
def test_the_last_value_of_each_key_stays_in_its_place(steps):
    topic = Topic()
    carry_out(topic, steps)
    left = topic.left()
    assert left.items() <= topic.records.items()  # offsets never change
    before, after = last_values(topic.records), last_values(left)
    gone = before.keys() - after.keys()
    assert after == {key: value for key, value in before.items() if key not in gone}
    assert all(before[key] is None for key in gone)  # only a tombstone can leave nothing behind
    active = topic.segments.all[-1].base if topic.segments.all else 0
    assert {offset for offset in topic.records if offset >= active} <= left.keys()


@given(STEPS)
@pytest.mark.statement("K66")
def test_a_clean_log_holds_no_key_twice(steps):
    topic = Topic()
    carry_out(topic, steps)
    topic.clean()
    keys = [key for offset, (key, _) in topic.left().items() if offset < topic.segments.first_dirty]
    assert len(keys) == len(set(keys))
    assert topic.clean().removed == {compaction.SUPERSEDED: [], compaction.EXPIRED_TOMBSTONE: []}


@given(STEPS, st.integers(0, 30))
def test_what_was_removed_and_what_is_left_are_all_there_was(steps, stable):
    topic = Topic()
    carry_out(topic, steps)
    before = topic.left()
    result = topic.clean(min(stable, topic.log.end))
    removed = {entry.base + i for entries in result.removed.values() for entry in entries
               for i in range(entry.batch.count)}
    assert removed | topic.left().keys() == before.keys() and not removed & topic.left().keys()
    assert all(offset < max(stable, 0) for offset in removed)
    assert sum(one.size for one in topic.segments.all) == 10 * len(topic.left())


@given(STEPS, st.integers(0, 40))
def test_a_cleaned_log_can_be_read_from_everywhere_and_cut_back(steps, place):
    topic = Topic()
    carry_out(topic, steps)
    left = topic.left()
    found = topic.log.read(place, topic.log.end, 10**6)
    assert sum(entry.batch.count for entry in found if entry.end > place) >= len([o for o in left if o >= place])
    topic.log.truncate(place)
    topic.segments.catch_up(topic.settings)
    assert topic.log.end <= place
    assert all(offset < topic.log.end for offset in topic.left())
    assert topic.segments.first_dirty <= topic.log.end


@given(STEPS)
@pytest.mark.statement("K56")
def test_a_follower_that_copies_a_cleaned_log_has_the_same_records_at_the_same_offsets(steps):
    topic, follower = Topic(), Log()
    carry_out(topic, steps)
    while entries := topic.log.read(follower.end, topic.log.end, 30):
        for entry in entries:
            if entry.base > follower.end:
                follower.leave_hole(entry.base)
            follower.append(entry)
    assert follower.entries == topic.log.entries


def test_a_batch_in_a_hole_reads_as_the_next_one():
    topic = Topic()
    topic.write((0, 1), (0, 2), (1, 3), (0, 4))
    topic.roll()
    topic.write((0, 5))
    topic.roll()
    topic.write((2, 6))
    topic.clean()
    assert topic.left() == {2: (1, 3), 4: (0, 5), 5: (2, 6)}
    found = [topic.log.read(place, 6, 1)[0].base for place in range(6)]
    assert found == [2, 2, 2, 4, 4, 5]


# -- tombstones

@pytest.mark.statement("K67")
def test_a_tombstone_takes_older_values_at_once_and_stays_for_delete_retention_ms_after_the_cleaner_met_it():
    topic = Topic()
    topic.write((0, 1), (1, 1))
    topic.roll()
    topic.write((0, None))
    topic.roll()
    topic.write((2, 1))
    topic.wait(1_000)  # its own age does not count
    topic.clean()
    assert topic.left() == {1: (1, 1), 2: (0, None), 3: (2, 1)}
    met = topic.now
    topic.wait(99)
    topic.clean()
    assert 2 in topic.left()
    topic.wait(1)
    assert topic.now == met + 100
    result = topic.clean()
    assert 2 not in topic.left() and [entry.base for entry in result.removed[compaction.EXPIRED_TOMBSTONE]] == [2]


def test_a_value_after_a_tombstone_takes_its_place():
    topic = Topic()
    topic.write((0, None))
    topic.write((0, 7))
    topic.roll()
    topic.write((1, 1))
    topic.clean()
    assert topic.left() == {1: (0, 7), 2: (1, 1)}


def test_a_part_of_a_batch_remembers_when_its_tombstone_may_go():
    topic = Topic()
    topic.write((0, 1), (1, None), (2, 1))
    topic.roll()
    topic.write((0, 2))
    topic.clean()
    topic.roll()
    topic.write((3, 1))
    topic.wait(100)
    topic.clean()
    assert isinstance(topic.log.entries[0], CleanedEntry) and 1 not in topic.left() and 2 in topic.left()


# -- when

def dirty_topic(clean, dirty, **settings):
    """So many records of the clean part, so many that came since; all of keys of their own."""
    topic = Topic(Settings(**settings))
    for key in range(clean):
        topic.write((key, 1))
    topic.roll()
    topic.write((200, 1))
    topic.clean()
    for key in range(dirty - 1):
        topic.write((100 + key, 1))
    topic.roll()
    topic.write((201, 1))
    return topic


@pytest.mark.statement("K66")
@pytest.mark.parametrize(("clean", "dirty", "ratio", "needed"), [
    (5, 5, 0.5, False), (5, 6, 0.5, True), (9, 2, 0.1, True), (9, 2, 0.5, False), (0, 1, 0.99, True), (0, 1, 1, False)])
def test_a_log_is_cleaned_when_more_than_a_share_of_its_closed_segments_is_dirty(clean, dirty, ratio, needed):
    topic = dirty_topic(clean, dirty, min_cleanable_dirty_ratio=ratio)
    state = topic.dirt()
    assert state.ratio == dirty / (clean + dirty)
    assert compaction.needs_cleaning(state, topic.settings) == needed


def test_what_is_too_young_is_left_alone():
    topic = Topic(Settings(min_compaction_lag_ms=50))
    topic.write((0, 1))
    topic.roll()
    topic.write((0, 2))
    topic.roll()
    topic.write((0, 3))
    assert topic.dirt().end == 0
    topic.wait(26)  # 50 after the first was written, 38 after the second
    assert topic.dirt().end == 1
    topic.wait(50)
    assert topic.dirt().end == 2 and topic.dirt().ratio == 1


def test_what_is_too_old_is_cleaned_whatever_the_ratio():
    topic = dirty_topic(20, 1, max_compaction_lag_ms=40)
    assert not compaction.needs_cleaning(topic.dirt(), topic.settings)
    topic.wait(40)
    assert compaction.needs_cleaning(topic.dirt(), topic.settings)
    topic.clean()
    assert not compaction.needs_cleaning(topic.dirt(), topic.settings)


def test_only_what_is_decided_is_cleaned():
    topic = Topic()
    topic.write((0, 1))
    topic.write((0, 2))
    topic.roll()
    topic.write((0, 3))
    topic.clean(stable=1)
    assert topic.left().keys() == {0, 1, 2}
    topic.clean(stable=2)
    assert topic.left().keys() == {1, 2}


def test_cleaned_segments_become_one_where_they_have_room():
    topic = Topic(Settings(segment_bytes=40))
    for key in range(6):
        topic.write((key % 2, key))
        topic.write((key % 2, key))
        topic.roll()
    topic.dirt()
    assert [(one.base, one.end) for one in topic.segments.all] == [(2 * n, 2 * n + 2) for n in range(6)]
    topic.clean()
    assert [(one.base, one.end, one.size) for one in topic.segments.all] == [
        (0, 4, 0), (4, 8, 10), (8, 10, 10), (10, 12, 20)]


@pytest.mark.statement("K17")
def test_what_a_producer_sent_last_is_remembered_though_it_was_compacted():
    topic = Topic()
    for number in range(3):
        topic.write((0, number), pid=7, sequence=number)
    topic.roll()
    topic.write((1, 0))
    topic.clean()
    topic.log.truncate(3)
    again = Batch(None, 0, 1, 10, 0, 7, 0, 1)
    assert topic.log.producers.check(again, 0) == ("DUPLICATE", 1)
    again.sequence = 3
    assert topic.log.producers.check(again, 0) == ("", -1)


def test_records_without_a_key_from_before_the_topic_was_compacted_go():
    topic = Topic()
    topic.write((-1, 1), (0, 1))
    topic.roll()
    topic.write((1, 1))
    topic.clean()
    assert topic.left() == {1: (0, 1), 2: (1, 1)}
