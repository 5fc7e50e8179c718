"""K45-K60: brokers that die, are cut off, lose power and come back. Each test is a run."""

import pytest
from producer_scenarios import events, log, outcomes, record, replicas, shop

from simlib import ConsumerGroup, Crash, NetworkCut, PowerLoss, Shutdown, SlowLink, run

BILLING = [ConsumerGroup("billing", "orders")]


def elections(trace):
    """(time, broker) of each election for the partition, the first one (before the load) left out."""
    rows = events(trace, "elected")
    rows = rows[(rows.topic == "orders") & (rows.time > 0)]
    return list(zip(rows.time, rows.process, strict=True))


def in_sync(trace):
    """(time, set of brokers) of each change of the in-sync replicas."""
    rows = events(trace, "isr")
    rows = rows[rows.topic == "orders"]
    return [(time, set(detail.split())) for time, detail in zip(rows.time, rows.detail, strict=True)]


def truncated(trace):
    """(broker, offset) of each suffix of the partition that a replica discarded."""
    rows = trace.data.tables["truncations"]
    names, tps = trace.data.code_table("actors"), trace.data.code_table("tps")
    topic = list(trace.data.code_table("topics")).index("orders")
    cuts = zip(rows["broker"], rows["tp"], rows["to_offset"], strict=True)
    return [(names[broker], int(to)) for broker, tp, to in cuts if tps[tp][0] == topic]


@pytest.mark.statement("K45")
def test_idle_for_an_hour_everybody_stays_in_sync():
    assert in_sync(run(shop([0.5], brokers=3, duration=3_600))) == []


@pytest.mark.statement("K46", "peer-T7")
def test_a_record_is_visible_when_the_slowest_in_sync_replica_has_it():
    leader, first, second = replicas(3)
    trace = run(shop([0.5, 5], acks=1, brokers=3, groups=BILLING,
                     faults=[SlowLink(leader, second, at=1, duration=50, latency=2.0)]))
    assert record(trace, 1).acked < 5.1
    seen = trace.deliveries.set_index("message").time["shop:1"]
    assert seen >= 9  # the record takes 2 s to the follower, and the follower's word 2 s back


@pytest.mark.statement("K49", "K51", "T31")
@pytest.mark.parametrize("tenths", range(0, 20, 3))
def test_a_killed_broker_is_fenced_7_to_9_s_later_and_the_next_replica_leads(tenths):
    crash = 20 + tenths / 10
    leader = replicas(3)[0]
    trace = run(shop([0.5, crash + 0.01], brokers=3, faults=[Crash(leader, at=crash)]))
    fenced = events(trace, "fenced").iloc[0]
    assert fenced.process == leader and 7 <= fenced.time - crash <= 9.01
    ((elected_at, new_leader),) = elections(trace)
    assert new_leader != leader and 0 <= elected_at - fenced.time < 0.01
    assert in_sync(trace)[0] == (pytest.approx(elected_at), {f"broker-{n}" for n in range(3)} - {leader})
    assert elected_at < record(trace, 1).acked < elected_at + 2


@pytest.mark.statement("T31")
def test_the_time_to_the_fence_depends_on_the_last_heartbeat():
    leader = replicas(3)[0]
    gaps = []
    for crash in [20 + tenths / 10 for tenths in range(20)]:
        trace = run(shop([0.5], brokers=3, duration=40, faults=[Crash(leader, at=crash)]))
        gaps.append(events(trace, "fenced").time.iloc[0] - crash)
    assert min(gaps) < 7.2 and max(gaps) > 8.8 and sum(gaps) / 20 == pytest.approx(8, abs=0.1)


@pytest.mark.statement("K50")
def test_a_clean_shutdown_moves_leaders_first():
    leader = replicas(3)[0]
    times = [n / 10 for n in range(1, 400)]
    trace = run(shop(times, brokers=3, faults=[Shutdown(leader, at=20)]))
    ((elected_at, new_leader),) = elections(trace)
    assert new_leader != leader and 20 <= elected_at < 20.1
    assert outcomes(trace) == ["acked"] * 399 and log(trace) == list(range(399))
    assert (trace.records.acked - trace.records.created).max() < 1


def isr_down_but_one(unclean):
    """The follower was away while record 1 came; then the leader dies, and only the follower is there."""
    leader, follower = replicas(2)
    faults = [Crash(follower, at=5, restart_after=25), Crash(leader, at=25, restart_after=60)]
    return run(shop([0.5, 20, 50, 110], brokers=2, faults=faults, duration=150, retry_backoff_ms=1_000,
                    config={"unclean_leader_election_enable": unclean}))


@pytest.mark.statement("K52")
def test_without_unclean_election_nobody_leads_and_nothing_is_lost():
    leader, follower = replicas(2)
    trace = isr_down_but_one(unclean=False)
    assert not events(trace, "leaderless").empty
    assert [broker for _, broker in elections(trace)] == [leader]
    assert record(trace, 2).acked > 85
    assert trace.lost.empty and log(trace) == [0, 1, 2, 3]


@pytest.mark.statement("K53")
def test_unclean_election_loses_what_the_new_leader_lacks_and_uses_its_offset_again():
    leader, follower = replicas(2)
    trace = isr_down_but_one(unclean=True)
    assert elections(trace)[0][1] == follower
    assert list(trace.lost.message) == ["shop:1"] and list(trace.lost.reason) == ["acknowledged, then discarded"]
    assert record(trace, 1).offset == record(trace, 2).offset == 1
    assert log(trace) == [0, 2, 3]
    assert truncated(trace) == [(leader, 1)]


@pytest.mark.statement("K56", "K48", "peer-T8")
def test_a_returning_leader_discards_what_nobody_copied_before_it_is_in_sync():
    leader, follower = replicas(2)
    faults = [NetworkCut(leader, follower, at=1, duration=14), Crash(leader, at=3, restart_after=20)]
    trace = run(shop([0.5, 2, 20], acks=1, brokers=2, faults=faults))
    assert truncated(trace) == [(leader, 1)]
    back = events(trace, "unfenced").query("time > 20").time.iloc[0]
    (left_at, alone), (joined_at, both) = in_sync(trace)
    assert alone == {follower} and both == {leader, follower} and joined_at > back > left_at
    assert log(trace) == [0, 2]


@pytest.mark.statement("peer-T8")
def test_a_returning_broker_is_out_of_sync_until_it_has_what_it_missed():
    leader, follower = replicas(2)
    faults = [Crash(follower, at=5, restart_after=20), SlowLink(leader, follower, at=20, duration=30, latency=3.0)]
    trace = run(shop([0.5, 20], brokers=2, faults=faults))
    back = events(trace, "unfenced").query("time > 20").time.iloc[0]
    joined_at, both = in_sync(trace)[-1]
    assert both == {leader, follower} and joined_at > back + 6  # there and back at least once


def cut_off(acks):
    """The leader is cut off from followers and controller from 10 s to 70 s, but not from its producer."""
    leader, first, second = replicas(3)
    cut = NetworkCut(leader, (first, second, "controller-0"), at=10, duration=60)
    return run(shop([0.5, 12, 15, 90], acks=acks, brokers=3, faults=[cut], duration=150))


@pytest.mark.statement("K57")
def test_acks_1_at_a_leader_that_is_cut_off_is_acknowledged_and_lost():
    leader = replicas(3)[0]
    trace = cut_off(acks=1)
    assert outcomes(trace) == ["acked"] * 4 and record(trace, 2).acked < 16
    assert list(trace.lost.message) == ["shop:1", "shop:2"]
    assert truncated(trace) == [(leader, 1)] and log(trace) == [0, 3]


@pytest.mark.statement("K57")
def test_acks_all_at_a_leader_that_is_cut_off_times_out_and_goes_to_the_new_leader():
    trace = cut_off(acks="all")
    ((elected_at, new_leader), *_) = elections(trace)
    assert elected_at < 20
    assert 42 <= record(trace, 1).acked < 50  # its request timed out after 30 s
    assert trace.lost.empty and log(trace) == [0, 1, 2, 3]
    assert all(new_leader in brokers for _, brokers in in_sync(trace))  # the old one could not shrink the ISR


@pytest.mark.statement("K58")
def test_without_a_controller_leaders_serve_but_nobody_is_elected():
    leader = replicas(3)[0]
    faults = [Crash("controller-0", at=5, restart_after=60), Crash(leader, at=20)]
    trace = run(shop([0.5, 15, 30], brokers=3, faults=faults, duration=120))
    assert record(trace, 1).acked < 15.1
    ((elected_at, _),) = elections(trace)
    assert elected_at > 65
    assert record(trace, 2).acked > elected_at


@pytest.mark.statement("K59")
@pytest.mark.parametrize(("fault", "lost"), [(PowerLoss, 1), (Crash, 0)])
def test_all_replicas_without_power_lose_what_was_acknowledged_and_not_on_disk(fault, lost):
    brokers = replicas(2)
    faults = [PowerLoss(brokers, at=60, restart_after=20)] if fault is PowerLoss else [
        Crash(broker, at=60, restart_after=20) for broker in brokers]
    trace = run(shop([0.5, 59.9, 110], brokers=2, faults=faults, duration=150))
    assert outcomes(trace) == ["acked"] * 3 and record(trace, 1).acked < 60
    assert len(trace.lost) == lost
    if lost:
        assert list(trace.lost.message) == ["shop:1"]


@pytest.mark.statement("K59")
def test_one_replica_without_power_loses_nothing_that_the_other_has():
    leader, follower = replicas(2)
    trace = run(shop([0.5, 59.9, 110], brokers=2, faults=[PowerLoss(leader, at=60, restart_after=20)], duration=150))
    assert trace.lost.empty and log(trace) == [0, 1, 2]


@pytest.mark.statement("K60")
def test_leadership_returns_to_the_first_replica_at_the_next_check():
    leader, follower = replicas(2)
    trace = run(shop([0.5], brokers=2, faults=[Crash(leader, at=20, restart_after=20)], duration=650))
    (_, second), (returned_at, first) = elections(trace)
    assert (second, first) == (follower, leader)
    assert 40 < returned_at <= 340
