"""K49, K50, K51, K60: who leads after a broker has died or was shut down, and how soon. Each test is a run."""

import pytest
from producer_scenarios import events, log, outcomes, record
from replication_scenarios import FIRST, LEADER, SECOND, cluster, elections, every, in_sync, of_orders

from simlib import ConsumerGroup, Crash, NetworkCut, Shutdown

BILLING = [ConsumerGroup("billing", "orders")]


@pytest.mark.statement("K49")
@pytest.mark.parametrize(("interval", "session"), [(500, 2_000), (2_000, 20_000)])
def test_heartbeat_and_session_settings_decide_when_a_dead_broker_is_fenced(interval, session):
    settings = {"broker_heartbeat_interval_ms": interval, "broker_session_timeout_ms": session}
    trace = cluster([1], broker_config=settings, faults=[Crash(LEADER, at=20.3)])
    after = events(trace, "fenced").time.iloc[0] - 20.3
    assert (session - interval) / 1000 <= after <= session / 1000 + 0.01


@pytest.mark.statement("K49")
def test_a_broker_that_restarts_sooner_waits_until_its_former_session_is_over():
    trace = cluster([1, 21.5], faults=[Crash(LEADER, at=20.1, restart_after=1)])
    fenced, unfenced = events(trace, "fenced").time.iloc[0], events(trace, "unfenced").query("time > 0").time.iloc[0]
    assert 27 <= fenced <= 29.11 < unfenced
    assert elections(trace) == [(pytest.approx(fenced), FIRST)]
    assert record(trace, 1).acked > fenced


@pytest.mark.statement("K49")
def test_meanwhile_it_does_not_lead_even_if_the_controller_says_something_else():
    """The restarted leader is still leader on paper when the controller fences another broker. It must not serve."""
    faults = [Crash(SECOND, at=18), Crash(LEADER, at=20.1, restart_after=1)]
    trace = cluster([1, 26], acks=1, faults=faults)
    fenced = events(trace, "fenced").set_index("process").time
    assert 21.1 < fenced[SECOND] < 28 and fenced[LEADER] > fenced[SECOND]
    assert record(trace, 1).acked > fenced[LEADER]


@pytest.mark.statement("K50")
def test_controlled_shutdown_switched_off_leaves_the_gap():
    trace = cluster([1, 20.5], broker_config={"controlled_shutdown_enable": False}, faults=[Shutdown(LEADER, at=20.3)])
    assert 27 <= elections(trace)[0][0] <= 29.31


@pytest.mark.statement("K50")
def test_a_rolling_restart_leaves_no_gap_and_loses_nothing():
    faults = [Shutdown(broker, at=20 + 20 * n, restart_after=3) for n, broker in enumerate((LEADER, FIRST, SECOND))]
    trace = cluster(every(0.5, 1, 90), acks="all", groups=BILLING, faults=faults, duration=100,
                    config={"min_insync_replicas": 2})
    assert outcomes(trace) == ["acked"] * 178 and trace.lost.empty
    assert (trace.records.acked - trace.records.created).max() < 1
    assert of_orders(trace, "leaderless").empty and events(trace, "fenced").empty
    assert in_sync(trace)[-1][1] == {LEADER, FIRST, SECOND}


@pytest.mark.statement("K50")
def test_without_a_controller_a_clean_shutdown_waits_for_it():
    faults = [Crash("controller-0", at=10, restart_after=20), Shutdown(LEADER, at=20)]
    trace = cluster([1], faults=faults)
    stopped = events(trace, "shutdown").time.iloc[0]
    assert 30 < stopped < 33 and elections(trace) == [(pytest.approx(stopped, abs=0.01), FIRST)]


@pytest.mark.statement("K51")
def test_each_loss_moves_leadership_to_the_next_live_replica_in_order_and_raises_the_epoch():
    trace = cluster([1], duration=80, faults=[Crash(LEADER, at=10), Crash(FIRST, at=30)])
    assert [who for _, who in elections(trace)] == [FIRST, SECOND]
    first = trace.data.column("appends", "epoch")[0]
    assert of_orders(trace, "elected").a.tolist() == [first + 1, first + 2]


@pytest.mark.statement("K51")
def test_a_replica_out_of_sync_is_passed_over():
    faults = [NetworkCut(FIRST, LEADER, at=5, duration=100), Crash(LEADER, at=60)]
    trace = cluster(every(1, 1, 80), acks=1, duration=90, faults=faults)
    assert in_sync(trace)[0][1] == {LEADER, SECOND}
    assert elections(trace)[0][1] == SECOND


def moved_away(**changes):
    return cluster([1], **{"duration": 320, "faults": [Crash(LEADER, at=20, restart_after=20)], **changes})


@pytest.mark.statement("K60")
def test_leadership_goes_back_at_the_next_look_300_s_apart():
    (away_at, away), (back_at, back) = elections(moved_away())
    assert (away, back) == (FIRST, LEADER) and away_at < 30
    assert back_at == pytest.approx(290, abs=0.01)  # the controller began at -10 s


@pytest.mark.statement("K60")
def test_the_interval_is_a_setting_and_so_is_whether_at_all():
    soon = moved_away(broker_config={"leader_imbalance_check_interval_seconds": 60}, duration=120)
    assert elections(soon)[1] == (pytest.approx(50, abs=0.01), LEADER)
    assert len(elections(moved_away(broker_config={"auto_leader_rebalance_enable": False}))) == 1


@pytest.mark.statement("K60")
def test_a_preferred_replica_out_of_sync_does_not_get_it_back():
    trace = moved_away(faults=[Crash(LEADER, at=20)])
    assert [who for _, who in elections(trace)] == [FIRST]


@pytest.mark.statement("K60")
def test_giving_leadership_back_loses_nothing():
    trace = cluster(every(1, 1, 320), acks="all", groups=BILLING, duration=340,
                    faults=[Crash(LEADER, at=20, restart_after=20)])
    assert [who for _, who in elections(trace)] == [FIRST, LEADER]
    assert trace.lost.empty and log(trace) == list(range(319))
    assert len(trace.deliveries) == 319
