"""K55: who may lead when the in-sync replicas are too few to commit, and then gone."""

import pytest
from replication_scenarios import FIRST, LEADER, SECOND, elections, of_orders

from simlib import Crash, Pause, Producer, Scenario, Shutdown, Topic, laws, run

ELR = {"eligible_leader_replicas_version": 1, "broker_session_timeout_ms": 3_000, "broker_heartbeat_interval_ms": 500}


def shop(faults, *, eligible=1, min_insync_replicas=2, duration=90):
    """acks=all from the start to 60 s; broker-0, broker-1, broker-2 hold the one partition, in this order."""
    topic = Topic("orders", replication_factor=3, config={"min_insync_replicas": min_insync_replicas})
    return run(Scenario(topics=[topic], producers=[Producer("shop", "orders", rate=10, stop=60)], faults=faults,
                        duration=duration, broker_config={**ELR, "eligible_leader_replicas_version": eligible}))


def leaderless(trace):
    """When nobody led, and until when: [(from, to), ...]."""
    return [(time, min([at for at, _ in elections(trace) if at > time], default=None))
            for time in of_orders(trace, "leaderless").time]


TWO_BEHIND = [Crash(SECOND, at=10), Pause(FIRST, at=12, duration=6), Crash(LEADER, at=16, restart_after=60)]
"""broker-2 dies for good; broker-1 stands still, is fenced and comes back; broker-0 dies before it has caught up."""


def test_what_it_is_about_without_it_the_last_in_sync_replica_is_waited_for():
    trace = shop(TWO_BEHIND, eligible=0)
    ((gone, back),) = leaderless(trace)
    assert gone < 20 and back > 76 and elections(trace)[-1][1] == LEADER


@pytest.mark.statement("K55", "K06")
def test_who_left_when_nothing_could_be_committed_may_lead():
    """broker-1 left the in-sync replicas as the last but one: broker-0 alone has committed nothing since."""
    trace = shop(TWO_BEHIND)
    (first, *_) = elections(trace)
    assert first[1] == FIRST and first[0] < 25
    assert "unclean" not in list(of_orders(trace, "elected").detail)
    assert laws.no_acked_write_lost(trace) and laws.conservation(trace)


@pytest.mark.statement("K55", "K51")
def test_an_in_sync_replica_comes_before_an_eligible_one_only_by_its_place_in_the_assignment():
    trace = shop([Crash(LEADER, at=10, restart_after=30)])
    assert elections(trace)[0][1] == FIRST and leaderless(trace) == []


@pytest.mark.statement("K55")
def test_who_died_uncleanly_is_not_eligible_and_the_last_leader_is_taken_back():
    """All three are killed one by one; each comes back not knowing what of its log was on disk."""
    trace = shop([Crash(SECOND, at=10, restart_after=30), Crash(FIRST, at=15, restart_after=20),
                  Crash(LEADER, at=20, restart_after=30)])
    ((gone, back),) = leaderless(trace)
    assert gone < 25 and 50 < back < 60 and elections(trace)[0][1] == LEADER
    assert list(of_orders(trace, "elected").query("time > 0").detail)[0] == "unclean"
    assert laws.conservation(trace)


@pytest.mark.statement("K55", "K50")
def test_who_was_shut_down_cleanly_is_eligible():
    """broker-1 left last and cleanly: back first, it leads, without the leader of before."""
    trace = shop([Shutdown(SECOND, at=10, restart_after=60), Shutdown(FIRST, at=15, restart_after=15),
                  Crash(LEADER, at=20, restart_after=40)])
    ((_, back),) = leaderless(trace)
    assert elections(trace)[0] == (back, FIRST) and 30 < back < 35
    assert laws.no_acked_write_lost(trace)


@pytest.mark.statement("K55", "K48")
def test_with_enough_in_sync_replicas_nobody_else_is_eligible():
    """broker-1 was eligible, is in sync again, and leaves when two others are enough: then it is not."""
    trace = shop([Crash(SECOND, at=10, restart_after=10), Pause(FIRST, at=30, duration=30),
                  Crash(SECOND, at=40, restart_after=40), Crash(LEADER, at=45, restart_after=40)])
    assert all(broker != FIRST or time > 60 for time, broker in elections(trace))
    assert laws.no_acked_write_lost(trace), laws.no_acked_write_lost(trace)


@pytest.mark.statement("K55")
@pytest.mark.parametrize("restart_after", [None, 0.1])
def test_what_the_last_leader_has_is_not_lost_while_it_is_waited_for(restart_after):
    """Its session ends, nobody is in sync, and the run is over before it is back or may lead again."""
    scenario = Scenario([Topic("orders")], [Producer("shop", "orders", rate=5, records=5)], brokers=2, duration=8,
                        faults=[Crash("broker-0", at=2, restart_after=restart_after)], broker_config=ELR)
    trace = run(scenario)
    assert leaderless(trace) != [] and trace.summary().in_log == 5 and trace.lost.empty
    assert laws.conservation(trace) and laws.no_acked_write_lost(trace)
