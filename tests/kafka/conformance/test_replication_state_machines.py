"""K44-K60 where one state machine decides: in-sync replicas, high watermark, elections, truncation."""

import pytest

from simlib.kafka.controller import NO_LEADER, ControllerState
from simlib.kafka.lane import Batch
from simlib.kafka.log import Entry, Log
from simlib.kafka.partition_leader import PartitionLeader, PartitionState
from simlib.units import SECOND

L, F1, F2 = 0, 1, 2
REPLICAS = (L, F1, F2)
LAG = 30 * SECOND


def filled(*epochs):
    """A log with one record for each epoch given."""
    log = Log()
    for base, epoch in enumerate(epochs):
        log.append(Entry(base, batch(), epoch, 0))
    return log


def batch(count=1):
    return Batch(None, 0, count, 100 * count, 0)


def leading(end=10, isr=REPLICAS, high_watermark=0, min_isr=1):
    """A leader in epoch 5 whose log ends at `end`."""
    state = PartitionState(L, 5, isr, 1, REPLICAS)
    return PartitionLeader(filled(*[4] * end), L, state, high_watermark, min_isr, LAG, 0)


def cluster(alive=REPLICAS, unclean=False, partitions=1):
    state = ControllerState()
    for broker in REPLICAS:
        state.unfence(broker)
    for partition in range(partitions):
        state.create(partition, REPLICAS, unclean)
    for broker in set(REPLICAS) - set(alive):
        state.fence(broker)
    return state


@pytest.mark.statement("K44")
def test_a_follower_that_lags_is_out_after_30_s_and_not_before():
    leader = leading()
    leader.fetched(SECOND, F1, 10)
    leader.fetched(SECOND, F2, 10)
    leader.append(2 * SECOND, batch(), acks_all=True)
    leader.fetched(2 * SECOND, F1, 11)
    assert leader.shrunk(SECOND + LAG) is None
    assert leader.shrunk(SECOND + LAG + 1) == (L, F1)


@pytest.mark.statement("K44")
def test_a_follower_that_fetches_but_never_catches_up_is_out_too():
    leader = leading()
    leader.fetched(0, F1, 10)
    leader.fetched(0, F2, 10)
    for second in range(1, 32):
        leader.append(second * SECOND, batch(10), acks_all=True)
        leader.fetched(second * SECOND, F1, leader.log.end)
        leader.fetched(second * SECOND, F2, 10 + second)
    assert leader.shrunk(31 * SECOND) == (L, F1)


@pytest.mark.statement("K45")
def test_an_idle_partition_keeps_its_in_sync_replicas():
    leader = leading()
    for follower in (F1, F2):
        leader.fetched(0, follower, 10)
    assert leader.shrunk(5 * 3600 * SECOND) is None


@pytest.mark.statement("K46")
def test_the_high_watermark_is_the_end_of_the_slowest_in_sync_replica():
    leader = leading()
    leader.fetched(0, F1, 8)
    leader.fetched(0, F2, 9)
    assert leader.high_watermark == 8


@pytest.mark.statement("K47")
def test_a_replica_out_of_sync_does_not_hold_the_high_watermark():
    leader = leading(isr=(L, F1))
    leader.fetched(0, F2, 5)
    leader.fetched(0, F1, 10)
    assert leader.high_watermark == 10


@pytest.mark.statement("K47")
def test_a_replica_about_to_return_does():
    leader = leading(isr=(L, F1))
    leader.fetched(0, F2, 10)
    leader.append(SECOND, batch(), acks_all=True)
    leader.fetched(SECOND, F1, 11)
    assert leader.high_watermark == 10
    leader.fetched(SECOND, F2, 11)
    assert leader.high_watermark == 11


@pytest.mark.statement("K06")
def test_the_high_watermark_stands_while_too_few_are_in_sync():
    leader = leading(isr=(L,), min_isr=2)
    assert leader.high_watermark == 0


@pytest.mark.statement("K48", "peer-T8")
def test_a_follower_returns_at_the_high_watermark_and_not_below():
    leader = leading(isr=(L, F1))
    leader.fetched(0, F1, 10)
    leader.fetched(0, F2, 9)
    assert leader.expanded(F2) is None
    leader.fetched(0, F2, 10)
    assert leader.expanded(F2) == (L, F1, F2)


@pytest.mark.statement("K48")
def test_a_follower_returns_at_the_start_of_the_epoch_and_not_below():
    leader = leading(end=10, isr=(L, F1), high_watermark=5)
    leader.fetched(0, F2, 7)
    assert leader.high_watermark == 5 and leader.expanded(F2) is None
    leader.fetched(0, F2, 10)
    assert leader.expanded(F2) == (L, F1, F2)


@pytest.mark.statement("K51")
def test_the_first_live_in_sync_replica_in_order_of_assignment_leads():
    state = cluster()
    before = state.partitions[0]
    state.fence(L)
    assert (state.partitions[0].leader, state.partitions[0].isr) == (F1, (F1, F2))
    assert state.partitions[0].epoch == before.epoch + 1
    assert cluster(alive=(F2,)).partitions[0].leader == F2


@pytest.mark.statement("K51")
def test_order_of_assignment_counts_not_order_in_the_isr():
    state = cluster()
    now = state.partitions[0]
    state.alter_isr(L, 0, now.epoch, now.version, (L, F2))
    now = state.partitions[0]
    state.alter_isr(L, 0, now.epoch, now.version, (L, F2, F1))
    state.fence(L)
    assert state.partitions[0].leader == F1


def with_isr_down(unclean):
    """F2 is alive, but the in-sync replicas were L and F1, and both are down."""
    state = cluster(unclean=unclean)
    state.fence(F2)
    state.unfence(F2)
    state.fence(F1)
    state.fence(L)
    return state


@pytest.mark.statement("K52")
def test_without_a_live_in_sync_replica_nobody_leads():
    state = with_isr_down(unclean=False)
    assert state.partitions[0].leader == NO_LEADER and state.partitions[0].isr == (L,)
    state.unfence(F1)
    assert state.partitions[0].leader == NO_LEADER
    state.unfence(L)
    assert state.partitions[0].leader == L


@pytest.mark.statement("K53")
def test_unclean_election_lets_a_replica_lead_that_lacks_records():
    state = with_isr_down(unclean=True)
    assert (state.partitions[0].leader, state.partitions[0].isr) == (F2, (F2,))


@pytest.mark.statement("K54")
def test_unclean_election_switched_on_later_waits_for_the_scan():
    state = with_isr_down(unclean=False)
    state.unclean[0] = True
    assert state.partitions[0].leader == NO_LEADER
    state.elect_unclean()
    assert state.partitions[0].leader == F2


@pytest.mark.statement("K56")
@pytest.mark.parametrize(("mine", "asked", "answer"), [
    ([5] * 8 + [6] * 4, 5, (5, 8)),   # the worked example: epoch 5 ends at 8 on the new leader
    ([5] * 8 + [7] * 4, 6, (5, 8)),   # an epoch the new leader never saw: the one before it
    ([5] * 8, 5, (5, 8)),
    ([7] * 8, 5, (-1, 0)),
])
def test_a_leader_says_where_an_epoch_ends(mine, asked, answer):
    assert filled(*mine).end_of_epoch(asked) == answer


@pytest.mark.statement("K56")
def test_a_log_is_cut_back_to_an_offset():
    log = filled(5, 5, 5, 6, 6)
    log.truncate(3)
    assert (log.end, log.last_epoch) == (3, 5)


@pytest.mark.statement("K57")
def test_only_the_leader_of_the_epoch_may_change_the_isr():
    state = cluster()
    old = state.partitions[0]
    state.fence(L)
    error, changed = state.alter_isr(L, 0, old.epoch, old.version, (L,))
    assert error and not changed
    assert state.partitions[0].leader == F1


@pytest.mark.statement("K60")
@pytest.mark.parametrize(("own", "moved"), [(1, True), (9, True), (10, False)])
def test_leadership_goes_back_above_ten_percent(own, moved):
    """One of `own` partitions that should be led by broker 0 is led by another: 100 %, 11 %, 10 %."""
    state = cluster(partitions=own)
    elsewhere = state.partitions[0]
    state.partitions[0] = elsewhere._replace(leader=F1, epoch=elsewhere.epoch + 1)
    state.rebalance_leaders(10)
    assert (state.partitions[0].leader == L) is moved


@pytest.mark.statement("K60")
def test_leadership_does_not_go_back_to_a_replica_out_of_sync():
    state = cluster()
    state.fence(L)
    state.unfence(L)
    state.rebalance_leaders(10)
    assert state.partitions[0].leader == F1
