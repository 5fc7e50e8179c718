"""K47: a replica outside the ISR holds the high watermark back only while it may return at any moment."""

import pytest
from producer_scenarios import record, replicas, shop

from simlib import Crash, run


@pytest.mark.statement("K47", "K49")
def test_a_follower_that_was_fenced_holds_nothing_back():
    """One record is under way when a follower is killed; no later one comes to move the high watermark again."""
    _, follower, _ = replicas(3)
    trace = run(shop([5.0], brokers=3, faults=[Crash(follower, at=5.0002)]))
    assert 5 + 7 - 0.1 < record(trace, 0).acked < 5 + 9 + 0.1  # it is fenced then
