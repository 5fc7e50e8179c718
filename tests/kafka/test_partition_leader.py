"""The leader of a partition, step by step: who waits, who falls behind, what a proposal changes meanwhile."""

import pytest

from simlib.kafka.lane import Batch
from simlib.kafka.log import Entry, Log
from simlib.kafka.partition_leader import PartitionLeader, PartitionState
from simlib.units import SECOND

L, F1, F2 = REPLICAS = (0, 1, 2)
LAG = 30 * SECOND


def batch():
    return Batch(None, 0, 1, 100, 0)


def leading(end=10, isr=REPLICAS, high_watermark=0, min_isr=1):
    log = Log()
    for base in range(end):
        log.append(Entry(base, batch(), 4, 0))
    return PartitionLeader(log, L, PartitionState(L, 5, isr, 1, REPLICAS), high_watermark, min_isr, LAG, 0)


def parked(leader, *followers):
    """They have everything, and their fetches wait for more."""
    for follower in followers:
        leader.fetched(0, follower, leader.log.end)
        leader.followers[follower].waits = lambda: True


@pytest.mark.statement("K44")
def test_a_follower_that_waits_at_the_end_was_caught_up_until_the_append():
    leader = leading()
    parked(leader, F1, F2)
    leader.append(100 * SECOND, batch(), acks_all=True)
    assert leader.shrunk(100 * SECOND + LAG) is None
    assert leader.shrunk(100 * SECOND + LAG + 1) == (L,)


@pytest.mark.statement("K44")
def test_what_is_appended_while_an_answer_is_under_way_makes_nobody_younger():
    """The first append answers the fetch; the follower may never take that answer."""
    leader = leading()
    parked(leader, F1, F2)
    for second in range(100, 140):
        leader.append(second * SECOND, batch(), acks_all=True)
    assert leader.shrunk(100 * SECOND + LAG + 1) == (L,)


@pytest.mark.statement("K44")
def test_who_stops_fetching_falls_behind_from_then_on():
    leader = leading()
    parked(leader, F1, F2)
    leader.stopped_fetching(F2, 50 * SECOND)
    leader.followers[F2].waits = lambda: False
    leader.append(60 * SECOND, batch(), acks_all=True)
    leader.fetched(60 * SECOND, F1, 11)
    assert leader.shrunk(50 * SECOND + LAG) is None
    assert leader.shrunk(50 * SECOND + LAG + 1) == (L, F1)


@pytest.mark.statement("K47")
def test_while_a_replica_is_being_taken_back_both_sets_count():
    leader = leading(isr=(L, F1), high_watermark=10)
    leader.followers[F2].end = 10
    leader.propose((L, F1, F2))
    leader.append(SECOND, batch(), acks_all=True)
    leader.fetched(SECOND, F1, 11)
    assert leader.high_watermark == 10
    leader.withdraw()
    assert leader.advance(100 * SECOND) and leader.high_watermark == 11


@pytest.mark.statement("K47")
def test_while_a_replica_is_being_removed_it_still_counts():
    leader = leading(high_watermark=10)
    leader.propose((L, F1))
    leader.append(SECOND, batch(), acks_all=True)
    leader.fetched(SECOND, F1, 11)
    assert leader.high_watermark == 10
    leader.accept(PartitionState(L, 5, (L, F1), 2, REPLICAS))
    assert leader.advance(100 * SECOND) and leader.high_watermark == 11


@pytest.mark.statement("K44", "K48")
def test_one_proposal_at_a_time():
    leader = leading(isr=(L, F1), high_watermark=10)
    leader.fetched(0, F2, 10)
    leader.propose((L, F1, F2))
    assert leader.expanded(F2) is None and leader.shrunk(1000 * SECOND) is None


@pytest.mark.statement("K48")
def test_a_fenced_replica_is_not_proposed():
    leader = leading(isr=(L, F1), high_watermark=10)
    leader.eligible = frozenset((L, F1))
    leader.fetched(0, F2, 10)
    assert leader.expanded(F2) is None


@pytest.mark.statement("K46")
def test_a_new_leader_says_nothing_about_the_end_before_its_high_watermark_reaches_its_epoch():
    leader = leading(high_watermark=7)
    assert not leader.knows_high_watermark()
    leader.fetched(0, F1, 10)
    leader.fetched(0, F2, 9)
    assert leader.high_watermark == 9 and not leader.knows_high_watermark()
    leader.fetched(0, F2, 10)
    assert leader.knows_high_watermark()


@pytest.mark.statement("K46", "K06")
def test_the_high_watermark_never_falls():
    leader = leading()
    for offsets in ((10, 10), (4, 10), (10, 2)):
        leader.fetched(0, F1, offsets[0])
        leader.fetched(0, F2, offsets[1])
        assert leader.high_watermark == 10
    leader.min_isr = 3
    leader.accept(PartitionState(L, 5, (L, F1), 2, REPLICAS))
    leader.append(0, batch(), acks_all=False)
    leader.fetched(0, F1, 11)
    assert leader.high_watermark == 10
