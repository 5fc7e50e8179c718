"""A replica's log against a plain list, and two logs that find out where they part (K56)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.lane import Batch
from simlib.kafka.log import Entry, Log
from simlib.kafka.producer_state import ProducerStates

STEPS = st.lists(st.one_of(st.tuples(st.just("append"), st.integers(1, 4), st.integers(0, 2)),
                           st.tuples(st.just("truncate"), st.integers(0, 40), st.just(0))), max_size=30)
EPOCHS = st.lists(st.integers(0, 5), max_size=12).map(sorted)


def append(log, count, epoch, time=0, pid=-1, sequence=0):
    batch = Batch(None, 0, count, 10 * count, 0)
    batch.pid, batch.epoch, batch.sequence = pid, 0, sequence
    log.append(Entry(log.end, batch, epoch, time))


@given(STEPS)
def test_a_log_is_a_list_of_batches(steps):
    log, plain, epoch = Log(), [], 0
    for step, number, more in steps:
        if step == "append":
            epoch += more
            append(log, number, epoch)
            plain.append((number, epoch))
        else:
            log.truncate(number)
            while sum(count for count, _ in plain) > number:
                plain.pop()
        assert log.end == sum(count for count, _ in plain)
        assert [(entry.batch.count, entry.epoch) for entry in log.entries] == plain
        assert log.last_epoch == (plain[-1][1] if plain else -1)
        assert log.epochs == first_offsets(log)


def first_offsets(log):
    """(epoch, first offset) of each epoch in the log."""
    starts = {}
    for entry in log.entries:
        starts.setdefault(entry.epoch, entry.base)
    return sorted(starts.items())


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.data())
def test_reading_gives_whole_batches_up_to_the_limit_and_at_least_one(counts, data):
    log = Log()
    for count in counts:
        append(log, count, 0)
    ends = [0, *(entry.end for entry in log.entries)]
    start, limit = data.draw(st.integers(0, log.end)), data.draw(st.sampled_from(ends))
    size = data.draw(st.integers(1, 200))
    wanted = [entry for entry in log.entries if entry.end > start and entry.end <= limit]
    found = log.read(start, limit, size)
    assert found == wanted[:len(found)]
    assert bool(found) == bool(wanted)
    assert len(found) == 1 or sum(entry.batch.size for entry in found) <= size
    rest = wanted[len(found):]
    assert not rest or sum(entry.batch.size for entry in (*found, rest[0])) > size


def test_a_batch_that_does_not_follow_is_refused():
    with pytest.raises(ValueError, match="at 3 does not follow a log that ends at 0"):
        Log().append(Entry(3, Batch(None, 0, 1, 10, 0), 0, 0))


@pytest.mark.statement("K17", "K56")
def test_what_is_truncated_is_forgotten_about_its_producer_too():
    log = Log()
    for sequence in range(4):
        append(log, 1, 0, pid=7, sequence=sequence)
    log.truncate(2)
    again = Batch(None, 0, 1, 10, 0)
    again.pid, again.epoch, again.sequence = 7, 0, 2
    assert log.producers.check(again, 0) == ("", -1)
    again.sequence = 1
    assert log.producers.check(again, 0) == ("DUPLICATE", 1)
    log.truncate(0)
    assert isinstance(log.producers, ProducerStates) and log.producers.check(again, 0) == ("", -1)


def place_to_cut(follower, leader):
    """What a leader's answer to the follower's last epoch makes it cut; None if their logs agree."""
    found, end = leader.end_of_epoch(follower.last_epoch)
    if follower.last_epoch < 0 or (found == follower.last_epoch and end >= follower.end):
        return None
    return min(end, follower.end_of_epoch(found)[1])


def catch_up(follower, leader):
    """Cut back until the logs agree, then copy. How many questions did it take?"""
    questions = 0
    while (cut := place_to_cut(follower, leader)) is not None:
        assert cut < follower.end
        follower.truncate(cut)
        questions += 1
    for entry in leader.entries[len(follower.entries):]:
        follower.append(entry)
    return questions


@pytest.mark.statement("K56")
@given(common=EPOCHS, old=st.lists(st.integers(0, 8), max_size=10), new=st.lists(st.integers(0, 8), max_size=10))
def test_logs_that_parted_agree_again_and_keep_what_they_shared(common, old, new):
    """After a common beginning each replica wrote in epochs of its own (odd and even): nobody led twice in one."""
    first = max(common, default=0)
    leader, follower = Log(), Log()
    for epoch in common:
        append(leader, 1, epoch)
        follower.append(leader.entries[-1])
    for log, epochs, parity in ((leader, new, 0), (follower, old, 1)):
        for more in sorted(epochs):
            append(log, 1, first + 1 + 2 * more + parity)
    shared = list(leader.entries[:len(common)])
    questions = catch_up(follower, leader)
    assert follower.entries == leader.entries and follower.epochs == leader.epochs
    assert follower.entries[:len(common)] == shared
    assert questions <= len(set(old)) + 1
