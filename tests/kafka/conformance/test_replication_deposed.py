"""K57: leaders that do not know that they are leaders no more. Each test is a run."""

from dataclasses import replace

import pytest
from producer_scenarios import log, record, shop
from replication_scenarios import (
    FIRST,
    LEADER,
    SECOND,
    cluster,
    elections,
    high_watermarks,
    in_sync,
    returned,
    seen,
    truncations,
)

from simlib import ConsumerGroup, NetworkCut, Pause, Producer, run

BILLING = [ConsumerGroup("billing", "orders")]


def isolated(acks, **changes):
    """From 10 s to 70 s the leader reaches neither controller nor followers; its producer reaches it."""
    cut = NetworkCut(LEADER, (FIRST, SECOND, "controller-0"), at=10, duration=60)
    return cluster([1, 12, 15, 90], acks=acks, faults=[cut], duration=150, groups=BILLING, **changes)


@pytest.mark.statement("K57", "K56")
def test_acks_1_at_an_isolated_leader_is_acknowledged_never_visible_and_lost():
    trace = isolated(acks=1)
    assert record(trace, 1).acked < 12.1 and record(trace, 2).acked < 15.1
    assert list(trace.lost.message) == ["shop:1", "shop:2"]
    assert seen(trace, 1) is None and seen(trace, 2) is None
    assert truncations(trace) == [(LEADER, 1)] and log(trace) == [0, 3]


@pytest.mark.statement("K57")
def test_acks_all_at_an_isolated_leader_is_not_acknowledged_before_its_successor_has_it():
    trace = isolated(acks="all")
    assert 42 <= record(trace, 1).acked < 50  # request_timeout_ms is 30 s
    assert trace.lost.empty and log(trace) == [0, 1, 2, 3]


@pytest.mark.statement("K57")
def test_the_isolated_leader_cannot_shrink_the_isr():
    trace = isolated(acks=1)
    assert all(FIRST in brokers for _, brokers in in_sync(trace))
    assert elections(trace)[0][1] == FIRST


@pytest.mark.statement("K57")
def test_cut_off_from_the_controller_alone_it_loses_its_followers_to_its_successor():
    cut = NetworkCut(LEADER, "controller-0", at=10, duration=60)
    trace = cluster([1, 12, 30, 90], acks="all", faults=[cut], duration=150)
    ((elected_at, who), *_) = elections(trace)
    assert who == FIRST and 17 <= elected_at <= 19.1
    assert record(trace, 1).acked < 12.1  # still everybody's leader
    assert record(trace, 2).acked > 30.1 and trace.lost.empty and log(trace) == [0, 1, 2, 3]


@pytest.mark.statement("K57")
@pytest.mark.parametrize(("acks", "lost"), [(1, ["shop:1"]), ("all", [])])
def test_a_leader_that_stood_still_goes_on_as_leader_until_it_hears_of_its_successor(acks, lost):
    """SIGSTOP for 25 s. What reached it meanwhile is appended and, with acks=1, acknowledged; then it learns."""
    trace = cluster([1, 20.5, 60], acks=acks, faults=[Pause(LEADER, at=20, duration=25)], duration=90)
    assert elections(trace)[0][1] == FIRST and elections(trace)[0][0] < 30
    assert list(trace.lost.message) == lost
    assert record(trace, 1).acked > 45
    assert truncations(trace) == [(LEADER, 1)]
    assert returned(trace, LEADER) > 45


@pytest.mark.statement("K46", "K57")
def test_what_a_deposed_leader_still_hears_moves_no_high_watermark_of_the_partition():
    """A follower's word that record 1 is copied reaches it in its sleep; when it wakes, its successor is far ahead."""
    late = Producer("late", "orders", rate=2, start=32)
    scenario = shop([1, 20], brokers=3, faults=[Pause(LEADER, at=20.0012, duration=25)], groups=BILLING)
    marks = [mark for _, mark in high_watermarks(run(replace(scenario, producers=(*scenario.producers, late))))]
    assert marks == sorted(marks) and marks[-1] > 40
