"""K02, K03, K52-K54, T17, T27: acknowledged records that are lost, and the settings that prevent it."""

import pytest
from producer_scenarios import events, log, outcomes, record
from replication_scenarios import (
    FIRST,
    LEADER,
    SECOND,
    cluster,
    elections,
    every,
    high_watermarks,
    in_sync,
    of_orders,
    seen,
    truncations,
)

from simlib import Change, ConsumerGroup, Crash, NetworkCut, PowerLoss, SlowLink

BILLING = [ConsumerGroup("billing", "orders")]
UNCLEAN = {"unclean_leader_election_enable": True}


@pytest.mark.statement("K02")
def test_acks_1_loses_what_no_follower_had_fetched_and_its_offset_is_used_again():
    """Followers are 1 s away. Record 1 is on its way to them when record 2 is acknowledged and the leader dies."""
    faults = [SlowLink(LEADER, (FIRST, SECOND), at=5, duration=8, latency=1), Crash(LEADER, at=10.2, restart_after=30)]
    trace = cluster([1, 9.5, 10, 30], acks=1, groups=BILLING, faults=faults, duration=90)
    assert outcomes(trace) == ["acked"] * 4 and record(trace, 2).acked < 10.1
    assert list(trace.lost.message) == ["shop:2"] and seen(trace, 2) is None
    assert elections(trace)[0][1] == FIRST
    assert log(trace) == [0, 1, 3]
    assert record(trace, 2).offset == record(trace, 3).offset == 2


@pytest.mark.statement("K02")
def test_acks_all_loses_nothing_then():
    faults = [SlowLink(LEADER, (FIRST, SECOND), at=5, duration=8, latency=1), Crash(LEADER, at=10.2, restart_after=30)]
    trace = cluster([1, 9.5, 10, 30], acks="all", groups=BILLING, faults=faults, duration=90)
    assert outcomes(trace) == ["acked"] * 4 and trace.lost.empty
    assert record(trace, 2).acked > elections(trace)[0][0]
    assert log(trace) == [0, 1, 2, 3]


def alone(min_isr, config=None):
    """From 5 s on the leader is cut off from its followers (not from the controller); at 80 s it dies for good."""
    faults = [NetworkCut(LEADER, (FIRST, SECOND), at=5, duration=70), Crash(FIRST, at=4, restart_after=80),
              Crash(SECOND, at=4, restart_after=80), Crash(LEADER, at=80)]
    return cluster([1, 60, 61, 120], acks="all", faults=faults, duration=160, delivery_timeout_ms=200_000,
                   config={"min_insync_replicas": min_isr, **(config or {})})


@pytest.mark.statement("K03")
def test_acks_all_with_a_lonely_leader_is_one_copy_and_lost_with_it():
    trace = alone(min_isr=1, config=UNCLEAN)
    assert in_sync(trace)[1][1] == {LEADER}
    assert record(trace, 1).acked < 60.1 and record(trace, 2).acked < 61.1
    assert list(trace.lost.message) == ["shop:1", "shop:2"]
    assert log(trace) == [0, 3]


@pytest.mark.statement("K03", "K52")
def test_without_unclean_election_the_partition_waits_for_the_lonely_leader_instead():
    trace = alone(min_isr=1)
    assert of_orders(trace, "leaderless").time.iloc[0] < 90 and elections(trace) == []
    assert record(trace, 3).outcome == "pending"
    assert trace.lost.empty


@pytest.mark.statement("K03")
def test_with_min_insync_replicas_2_the_lonely_leader_acknowledges_nothing():
    trace = alone(min_isr=2, config=UNCLEAN)
    assert not {"shop:1", "shop:2"} & set(trace.lost.query("outcome == 'acked'").message)
    assert record(trace, 1).acked > 84 and log(trace) == [0, 1, 2, 3]


def jepsen(config):
    """1000 writes, 10 a second. At 28 s the leader is cut off from its followers; at 80 s its machine is gone."""
    faults = [NetworkCut(LEADER, (FIRST, SECOND), at=28, duration=100), PowerLoss(LEADER, at=80)]
    return cluster(every(0.1, 0.1, 100.1), acks="all", faults=faults, duration=220, config=config)


@pytest.mark.statement("T17", "K53", "K03")
def test_the_isr_shrinks_to_the_leader_and_an_unclean_election_loses_half_of_what_was_acknowledged():
    """Jepsen 2013: of 1000 writes 987 acknowledged, 520 of those lost."""
    trace = jepsen({**UNCLEAN, "min_insync_replicas": 1})
    assert (trace.records.outcome == "acked").sum() >= 987
    assert len(trace.lost) == pytest.approx(520, abs=20)


@pytest.mark.statement("T17")
def test_what_was_learned_from_it_two_in_sync_replicas_and_no_unclean_election():
    trace = jepsen({"min_insync_replicas": 2})
    assert not (trace.lost.outcome == "acked").any()


@pytest.mark.statement("T27")
def test_acks_1_loses_rate_times_replication_delay():
    """200 records/s; a record waits for the next fetch, every 0.2 s: 0.1 s on average, so 20 records a crash."""
    faults = [SlowLink(LEADER, (FIRST, SECOND), at=5, duration=40, latency=0.1)]
    lost = [len(cluster(every(0.005, 9.6, 10.3), acks=1, faults=[*faults, Crash(LEADER, at=10 + phase / 50)]).lost)
            for phase in range(10)]
    assert sum(lost) / len(lost) == pytest.approx(20, rel=0.1)


def out_of_sync_survivors(**changes):
    """FIRST and SECOND are cut off from the leader from 10 s on, miss record 1, and it dies for good at 70 s."""
    faults = [NetworkCut(LEADER, (FIRST, SECOND), at=10, duration=100), Crash(LEADER, at=70)]
    return cluster([1, 60], acks=1, faults=[*faults, *changes.pop("faults", ())], **changes)


@pytest.mark.statement("K52")
def test_reads_and_writes_wait_for_a_member_of_the_isr():
    faults = [NetworkCut(LEADER, (FIRST, SECOND), at=10, duration=80), Crash(LEADER, at=70, restart_after=30)]
    trace = cluster([1, 20, 85, 115], acks=1, groups=BILLING, faults=faults, duration=150)
    assert in_sync(trace)[0][1] == {LEADER}
    assert elections(trace) == [(pytest.approx(100, abs=0.1), LEADER)]
    assert record(trace, 2).acked > 100 and seen(trace, 1) < 70
    assert log(trace) == [0, 1, 2, 3] and trace.lost.empty


@pytest.mark.statement("K53")
def test_unclean_election_takes_back_what_consumers_have_seen():
    """Records 1 to 3 were committed (the ISR was the leader alone) and read; the new leader has none of them."""
    faults = [NetworkCut(LEADER, (FIRST, SECOND), at=10, duration=80), Crash(LEADER, at=70, restart_after=30)]
    trace = cluster([1, 20, 21, 60, 95, 130], acks=1, groups=BILLING, faults=faults, duration=180, config=UNCLEAN)
    assert list(trace.lost.message) == ["shop:1", "shop:2", "shop:3"]
    assert all(seen(trace, number) < 70 for number in (1, 2, 3))
    assert record(trace, 1).offset == record(trace, 4).offset == 1
    marks = [mark for _, mark in high_watermarks(trace)]
    assert marks != sorted(marks)
    assert (LEADER, 1) in truncations(trace)
    assert log(trace) == [0, 4, 5]


@pytest.mark.statement("K54")
@pytest.mark.parametrize(("changed", "elected"), [(100, 290), (289, 290), (291, 590)])
def test_unclean_election_switched_on_while_running_takes_effect_at_the_next_look(changed, elected):
    """The controller looks every 300 s and began 10 s before the run: at 290 s, 590 s, ..."""
    switch = Change("topics.orders.config.unclean_leader_election_enable", at=changed, value=True)
    trace = out_of_sync_survivors(faults=[switch], duration=elected + 10)
    assert of_orders(trace, "leaderless").time.iloc[0] == pytest.approx(78, abs=1.1)
    assert elections(trace) == [(pytest.approx(elected, abs=0.01), FIRST)]
    assert events(trace, "changed").time.tolist() == [changed]
    assert list(trace.lost.message) == ["shop:1"]


@pytest.mark.statement("K54", "K53")
def test_unclean_election_configured_from_the_start_needs_no_look():
    trace = out_of_sync_survivors(config=UNCLEAN, duration=120)
    ((time, who),) = elections(trace)
    assert who == FIRST and 77 <= time <= 79.1
