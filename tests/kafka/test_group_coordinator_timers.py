"""Deadlines that move: against a dictionary that is searched anew each time."""

from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.groups.timers import Timers

KEYS = st.sampled_from([("session", "a"), ("session", "b"), ("join", "a")])
moves = st.lists(st.tuples(st.sampled_from(["set", "cancel", "pass"]), KEYS, st.integers(0, 9)), max_size=60)


@given(moves)
def test_deadlines_are_due_at_their_last_set_instant_and_in_order(moves):
    timers, plain, now = Timers(), {}, 0
    for move, key, amount in moves:
        if move == "set":
            timers.set(key, now + amount)
            plain[key] = now + amount
        elif move == "cancel":
            timers.cancel(key)
            plain.pop(key, None)
        else:
            now += amount
            due = sorted((when, key) for key, when in plain.items() if when <= now)
            assert [timers.pop_due(now) for _ in due] == [key for _, key in due]
            assert timers.pop_due(now) is None
            plain = {key: when for key, when in plain.items() if when > now}
        assert timers.next() == min(plain.values(), default=None)
