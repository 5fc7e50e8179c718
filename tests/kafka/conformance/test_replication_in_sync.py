"""K44, K45, K47, K48: who leaves the in-sync replicas, when, and who comes back. Each test is a run."""

import pytest
from producer_scenarios import record
from replication_scenarios import FIRST, LEADER, SECOND, cluster, every, in_sync, removed, returned

from simlib import Crash, NetworkCut, SlowLink


@pytest.mark.statement("K44")
@pytest.mark.parametrize("cut", [10, 14, 19, 19.9, 20.1, 24.9])
def test_a_follower_cut_off_under_load_is_out_30_to_45_s_later(cut):
    trace = cluster(every(0.5, 1, 80), acks=1, duration=80, faults=[NetworkCut(LEADER, SECOND, at=cut, duration=60)])
    out, brokers = in_sync(trace)[0]
    assert brokers == {LEADER, FIRST}
    assert 30 <= out - cut <= 45.01


@pytest.mark.statement("K44")
def test_the_leader_looks_every_15_s():
    """Cuts a second apart lead to the same instant, until they fall behind another look."""
    times = {removed(cluster(every(0.5, 1, 90), acks=1, duration=90,
                             faults=[NetworkCut(LEADER, SECOND, at=cut, duration=70)]), SECOND)
             for cut in range(10, 40, 3)}
    looks = sorted(times)
    assert len(looks) in (2, 3) and looks[1] - looks[0] == pytest.approx(15, abs=0.01)


@pytest.mark.statement("K44")
def test_replica_lag_time_max_ms_sets_the_time():
    trace = cluster(every(0.5, 1, 60), acks=1, broker_config={"replica_lag_time_max_ms": 10_000},
                    faults=[NetworkCut(LEADER, SECOND, at=20, duration=39)])
    assert 10 <= removed(trace, SECOND) - 20 <= 15.01


@pytest.mark.statement("K44")
@pytest.mark.parametrize(("latency", "leaves"), [(2, False), (7, False), (25, True)])
def test_what_counts_is_how_old_the_follower_is_not_that_it_is_behind(latency, leaves):
    """Never at the end of the log, but with 7 s there and 7 s back it has what was there 28 s ago: good enough."""
    trace = cluster(every(1, 1, 120), acks=1, duration=120,
                    faults=[SlowLink(LEADER, SECOND, at=10, duration=109, latency=latency)])
    assert (in_sync(trace) != []) is leaves
    if leaves:
        assert 30 <= removed(trace, SECOND) - 10 <= 45.01


@pytest.mark.statement("K44")
def test_its_age_is_counted_from_when_it_was_last_caught_up_not_from_the_record():
    """Cut off for 490 s with nothing to copy, then one record: the next look (15 s) is enough."""
    trace = cluster([1, 500], acks=1, duration=520, faults=[NetworkCut(LEADER, SECOND, at=10, duration=509)])
    assert 500 < removed(trace, SECOND) <= 515.01


@pytest.mark.statement("K44")
def test_a_follower_that_dies_was_caught_up_until_then():
    """Idle for 100 s, dead a second before the record. The controller would miss it only after 200 s."""
    trace = cluster([1, 101], acks=1, duration=160, broker_config={"broker_session_timeout_ms": 200_000},
                    faults=[Crash(SECOND, at=100)])
    assert 130 <= removed(trace, SECOND) <= 145.01


@pytest.mark.statement("K45")
def test_cut_off_with_nothing_to_copy_it_stays():
    trace = cluster([1], duration=400, faults=[NetworkCut(LEADER, SECOND, at=10, duration=380)])
    assert in_sync(trace) == []


@pytest.mark.statement("K44", "K47")
def test_acks_all_waits_for_the_silent_follower_until_it_is_out_and_no_longer():
    trace = cluster([1, 12, 70], duration=100, faults=[NetworkCut(LEADER, SECOND, at=10, duration=80)])
    out = removed(trace, SECOND)
    assert record(trace, 1).acked == pytest.approx(out, abs=0.01)
    assert record(trace, 2).acked < 70.01  # who is out holds nobody up


@pytest.mark.statement("K48")
def test_it_is_back_as_soon_as_it_has_caught_up():
    trace = cluster(every(0.5, 1, 120), acks=1, duration=120,
                    faults=[NetworkCut(LEADER, SECOND, at=10, duration=60)])
    assert removed(trace, SECOND) < 70 < returned(trace, SECOND) < 72


@pytest.mark.statement("K48", "peer-T8")
def test_what_it_missed_has_to_travel_first():
    """10 s there, 10 s back: the ask, the answer, the next ask. It cannot be in sync before 30 s are over."""
    faults = [Crash(SECOND, at=5, restart_after=40),
              SlowLink(LEADER, SECOND, at=40, duration=80, latency=10)]
    trace = cluster([1, 20], duration=120, faults=faults)
    assert returned(trace, SECOND) >= 45 + 30


@pytest.mark.statement("K48")
def test_an_idle_partition_takes_its_replicas_back_too():
    """Two followers return at one instant, and no record comes that would make anybody ask again."""
    faults = [Crash(FIRST, at=5, restart_after=20), Crash(SECOND, at=5, restart_after=20)]
    trace = cluster([1], duration=60, faults=faults)
    assert in_sync(trace)[-1][1] == {LEADER, FIRST, SECOND}
    assert returned(trace, FIRST) < 27 and returned(trace, SECOND) < 27


@pytest.mark.statement("K47")
def test_a_follower_that_is_being_taken_back_is_waited_for():
    """From the leader's proposal until the controller's answer both sets count: the answer may be yes already."""
    faults = [Crash(SECOND, at=5, restart_after=20), SlowLink(LEADER, "controller-0", at=24, duration=90, latency=3),
              NetworkCut(LEADER, SECOND, at=29, duration=85)]
    trace = cluster([1, 26, 30], duration=120, faults=faults)
    assert record(trace, 1).acked < 26.1
    assert returned(trace, SECOND) == pytest.approx(31, abs=0.1)  # proposed at 28 s, 3 s to the controller
    out_again = in_sync(trace)[2][0]
    assert out_again - 29 > 30
    assert record(trace, 2).acked == pytest.approx(out_again + 3, abs=0.1)


@pytest.mark.statement("K47", "K48")
def test_a_proposal_whose_answer_gets_lost_is_made_again():
    """The controller is away when the follower comes back to the leader: it is asked until it answers."""
    faults = [NetworkCut(LEADER, SECOND, at=5, duration=55), Crash("controller-0", at=59, restart_after=10)]
    trace = cluster(every(1, 1, 80), acks=1, duration=120, faults=faults)
    assert removed(trace, SECOND) < 59
    assert 69 < returned(trace, SECOND) < 72
