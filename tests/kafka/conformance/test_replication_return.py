"""K56, K59, peer-T8: what a broker that comes back keeps, discards and copies. Each test is a run."""

import pytest
from producer_scenarios import events, log, outcomes, record
from replication_scenarios import FIRST, LEADER, SECOND, cluster, elections, every, removed, returned, seen, truncations

from simlib import ConsumerGroup, Crash, NetworkCut, PowerLoss, Shutdown, SlowLink

BILLING = [ConsumerGroup("billing", "orders")]


def diverged(**changes):
    """Records 1 and 2 reach only the old leader; 3 and 4 are written by its successor; then the old leader returns."""
    faults = [NetworkCut(LEADER, (FIRST, SECOND), at=10, duration=25), Crash(LEADER, at=13, restart_after=37)]
    return cluster([1, 11, 12, 30, 31, 60], acks=1, faults=faults, duration=90, **changes)


@pytest.mark.statement("K56", "peer-T8")
def test_the_returning_leader_discards_its_own_suffix_and_takes_its_successors():
    trace = diverged(groups=BILLING)
    assert truncations(trace) == [(LEADER, 1)]
    assert list(trace.lost.message) == ["shop:1", "shop:2"] and log(trace) == [0, 3, 4, 5]
    assert seen(trace, 1) is None and seen(trace, 2) is None
    assert [record(trace, number).offset for number in (1, 2, 3, 4)] == [1, 2, 1, 2]


@pytest.mark.statement("K56", "K48")
def test_what_it_took_over_is_its_successors_log():
    """Equal length is not equal content: led again by the old leader, the partition holds what the successor wrote."""
    trace = cluster([1, 11, 12, 30, 31, 80], acks=1, duration=100, groups=BILLING,
                    faults=[NetworkCut(LEADER, (FIRST, SECOND), at=10, duration=25),
                            Crash(LEADER, at=13, restart_after=37), Crash(FIRST, at=60), Crash(SECOND, at=60)])
    assert elections(trace)[-1][1] == LEADER
    assert log(trace) == [0, 3, 4, 5]


@pytest.mark.statement("K56")
def test_a_follower_that_has_what_the_dead_leader_acknowledged_keeps_it():
    """KIP-101, first scenario: it has the record, but has not heard that it is committed. Cutting it would lose it."""
    at = 20
    faults = [Crash(FIRST, at=at + 0.0018, restart_after=30), Crash(LEADER, at=at + 0.0021), Crash(SECOND, at=5)]
    trace = cluster([1, at, 70], acks="all", faults=faults, duration=100)
    assert record(trace, 1).acked < at + 0.01
    assert elections(trace)[-1][1] == FIRST
    assert truncations(trace) == [] and log(trace) == [0, 1, 2]


@pytest.mark.statement("K56", "K59")
def test_a_replica_whose_log_is_gone_copies_everything():
    faults = [PowerLoss(SECOND, at=10, restart_after=20)]
    trace = cluster(every(1, 1, 40), faults=faults)
    assert truncations(trace) == [(SECOND, 0)]
    assert returned(trace, SECOND) > removed(trace, SECOND)
    assert trace.lost.empty


@pytest.mark.statement("peer-T8")
def test_a_broker_that_returns_under_load_is_in_sync_only_when_it_has_caught_up():
    """Of 400 records it missed, none may count as copied before the 2 s link has carried them."""
    faults = [Crash(SECOND, at=5, restart_after=20), SlowLink(LEADER, SECOND, at=24, duration=30, latency=2)]
    trace = cluster(every(0.05, 1, 26), acks="all", faults=faults)
    back = events(trace, "restarted").time.iloc[0]
    assert returned(trace, SECOND) >= back + 3 * 2
    assert (trace.records.acked - trace.records.created)[trace.records.created.between(15, 25)].max() < 0.1


@pytest.mark.statement("K59")
@pytest.mark.parametrize(("age", "lost"), [(0.1, ["shop:1"]), (20, ["shop:1"]), (40, [])])
def test_what_was_written_a_while_ago_is_on_disk(age, lost):
    """All replicas lose power at 60 s; the operating system writes its page cache out within 30 s."""
    trace = cluster([1, 60 - age, 110], faults=[PowerLoss((LEADER, FIRST, SECOND), at=60, restart_after=20)],
                    duration=150)
    assert outcomes(trace) == ["acked"] * 3
    assert list(trace.lost.message) == lost


@pytest.mark.statement("K59")
@pytest.mark.parametrize("fault", [Crash, Shutdown])
def test_a_process_that_ends_leaves_its_pages_behind(fault):
    faults = [fault(broker, at=60, restart_after=20) for broker in (LEADER, FIRST, SECOND)]
    trace = cluster([1, 59.9, 110], faults=faults, duration=150)
    assert outcomes(trace) == ["acked"] * 3 and trace.lost.empty


@pytest.mark.statement("K59")
def test_a_replica_that_lost_its_pages_does_not_lead_before_it_was_missed():
    """Back after 1 s, its old session is still open. Its log is shorter than what it acknowledged: it must not lead."""
    trace = cluster([1, 59.9, 62, 110], faults=[PowerLoss(LEADER, at=60, restart_after=1)], duration=150)
    assert elections(trace)[0][1] == FIRST
    assert trace.lost.empty and log(trace) == [0, 1, 2, 3]
