"""Laws of a share-partition, whatever its members do, and whenever their locks end."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from share_bench import Share

MEMBERS = ("a", "b", "c")

acts = st.lists(st.one_of(
    st.tuples(st.just("take"), st.sampled_from(MEMBERS), st.integers(1, 4), st.booleans()),
    st.tuples(st.sampled_from(("accept", "release", "reject")), st.sampled_from(MEMBERS), st.integers(0, 12),
              st.booleans()),
    st.tuples(st.just("gone"), st.sampled_from(MEMBERS), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from((1, 10, 29, 30, 31))),
), max_size=60)


class Model:
    """What should be true, kept in the simplest way: who has which record, and what became of each."""

    def __init__(self, count, limit):
        self.limit = limit
        self.holder, self.since = {}, {}
        self.deliveries, self.end = Counter(), {}
        self.all = range(count)

    def taken(self, member, given, now):
        for offset, number in given.items():
            assert offset not in self.holder and offset not in self.end, "locked by two, or done with"
            self.deliveries[offset] += 1
            assert number == self.deliveries[offset] <= self.limit
            self.holder[offset], self.since[offset] = member, now

    def freed(self, offset):
        del self.holder[offset]
        if self.deliveries[offset] >= self.limit:
            self.end[offset] = "archived"


def held_by(model, member, shift):
    mine = sorted(offset for offset, holder in model.holder.items() if holder == member)
    return mine[shift % len(mine):][:2] if mine else []


def carry_out(share, model, act):
    if act[0] == "take":
        model.taken(act[1], share.take(act[1], act[2], act[3]), share.now)
    elif act[0] == "time":
        for offset, member in share.pass_time(act[1]):
            assert model.holder[offset] == member and share.now - model.since[offset] >= 30
            model.freed(offset)
    elif act[0] == "gone":
        share.gone(act[1], act[2])
        for offset in [one for one, holder in model.holder.items() if holder == act[1] and act[2]]:
            model.freed(offset)
    else:
        answer(share, model, *act)


def answer(share, model, what, member, shift, stored):
    offsets = held_by(model, member, shift)
    foreign = [offset for offset, holder in model.holder.items() if holder != member]
    assert not foreign or not share.say(member, {foreign[0]: what})
    assert share.say(member, dict.fromkeys(offsets, what), stored)
    for offset in offsets if stored else ():
        if what == "release":
            model.freed(offset)
        else:
            del model.holder[offset]
            model.end[offset] = "acknowledged" if what == "accept" else "archived"


def check(share, model):
    """Every record is done with, held by one, free again, or was never taken: exactly one of these."""
    start = share.shared.start
    for offset in model.all:
        state = share.state(offset)
        if offset < start:
            assert offset in model.end and state is None
        elif offset in model.end:
            assert state == model.end[offset]
        elif offset in model.holder:
            assert state == "acquired"
        else:
            assert state == ("available" if model.deliveries[offset] else None)
    assert start not in model.end


@pytest.mark.statement("K102", "K102a", "K102b")
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.integers(2, 4), acts)
def test_every_record_is_in_one_state_and_nobody_shares_a_lock(sizes, limit, doings):
    share = Share(*sizes, limit=limit)
    model = Model(share.end, limit)
    for act in doings:
        carry_out(share, model, act)
        check(share, model)


@pytest.mark.statement("K102d")
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), acts)
def test_what_was_stored_is_enough_to_go_on(sizes, doings):
    """A second leader that knows only what was stored has the same records done with, and none more."""
    share, stored = Share(*sizes, limit=3), {}
    keep = share.shared.complete

    def complete(now, changes, ok):
        if ok:
            stored.update({change.offset: (change.state, change.deliveries) for change in changes})
        return keep(now, changes, ok)

    share.shared.complete = complete
    model = Model(share.end, 3)
    for act in doings:
        carry_out(share, model, act)
    successor = Share(*sizes, limit=3, stored=stored)
    for offset, (state, _) in stored.items():
        if state in ("acknowledged", "archived"):
            assert model.end[offset] == state
            assert offset < successor.shared.start or successor.state(offset) == state
    assert not successor.shared.locked()
