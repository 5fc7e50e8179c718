"""K06, K46, K56 and the traps T6 and T7: what consumers get to see, and that they see it once."""

import pytest
from producer_scenarios import log, outcomes, record
from replication_scenarios import FIRST, LEADER, SECOND, cluster, every, high_watermarks, in_sync, returned, seen

from simlib import ConsumerGroup, Crash, LoseReply, NetworkCut, Pause, Shutdown, SlowLink

BILLING = [ConsumerGroup("billing", "orders")]


def copies(trace):
    return trace.records.copies.tolist()


@pytest.mark.statement("K46", "peer-T7")
@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_nobody_reads_what_the_slowest_in_sync_replica_lacks(acks):
    """3 s to the slower follower and 3 s back; as much again if a fetch was just under way for another partition."""
    faults = [SlowLink(LEADER, FIRST, at=2, duration=50, latency=1),
              SlowLink(LEADER, SECOND, at=2, duration=50, latency=3)]
    trace = cluster([1, 10], acks=acks, groups=BILLING, faults=faults)
    assert log(trace) == [0, 1]
    assert 10 + 6 <= seen(trace, 1) <= 10 + 12.5


@pytest.mark.statement("K46")
def test_offsets_below_the_high_watermark_are_read_while_those_above_wait():
    """At 20 s the followers are cut off: what was committed goes on being read, what comes later is not."""
    trace = cluster([1, 10, 21, 22], acks=1, groups=BILLING, broker_config={"replica_lag_time_max_ms": 500_000},
                    faults=[NetworkCut(LEADER, (FIRST, SECOND), at=20, duration=35)])
    assert [seen(trace, number) < 11 for number in (0, 1)] == [True, True]
    assert [seen(trace, number) > 55 for number in (2, 3)] == [True, True]


@pytest.mark.statement("K46", "peer-T7")
def test_asking_again_and_again_does_not_get_it_either():
    """With fetch_min_bytes out of reach a fetch is answered after 0.5 s with what may be read, and sent anew."""
    groups = [ConsumerGroup("billing", "orders", fetch_min_bytes=100_000, fetch_max_wait_ms=500)]
    trace = cluster([1, 20], acks=1, groups=groups, broker_config={"replica_lag_time_max_ms": 500_000},
                    faults=[NetworkCut(LEADER, (FIRST, SECOND), at=10, duration=40)])
    assert 1 < seen(trace, 0) < 1.6
    assert 50 < seen(trace, 1) < 52


@pytest.mark.statement("K06")
@pytest.mark.parametrize(("min_isr", "visible_at"), [(1, 20), (2, 40)])
def test_below_min_isr_a_record_is_stored_and_not_visible(min_isr, visible_at):
    """Both followers are gone from 5 s on; the first returns at 40 s."""
    faults = [Crash(FIRST, at=5, restart_after=35), Crash(SECOND, at=5)]
    trace = cluster([1, 20], acks=1, groups=BILLING, faults=faults, config={"min_insync_replicas": min_isr})
    assert record(trace, 1).acked < 20.1
    assert visible_at <= seen(trace, 1) < visible_at + 1
    assert seen(trace, 1) >= returned(trace, FIRST) or min_isr == 1


@pytest.mark.statement("K06")
def test_below_min_isr_the_high_watermark_stands_still():
    faults = [Crash(FIRST, at=5), Crash(SECOND, at=5)]
    trace = cluster(every(1, 1, 50), acks=1, faults=faults, config={"min_insync_replicas": 2})
    alone = in_sync(trace)[-1][0]
    assert alone < 15 and [mark for time, mark in high_watermarks(trace) if time > alone] == []
    assert log(trace) == list(range(49))


@pytest.mark.statement("K06", "K47")
def test_a_follower_back_within_the_lag_time_does_not_hold_the_others_up_below_min_isr():
    faults = [Crash(SECOND, at=5, restart_after=12)]
    trace = cluster(every(1, 1, 50), acks="all", groups=BILLING, faults=faults, config={"min_insync_replicas": 2})
    assert outcomes(trace) == ["acked"] * 49
    assert (trace.deliveries.time - trace.records.set_index("message").created[trace.deliveries.message].to_numpy()
            ).max() < 9.1


FAILURES = [
    [Crash(LEADER, at=10, restart_after=15), Crash(FIRST, at=40, restart_after=15)],
    [Shutdown(LEADER, at=10, restart_after=1), Shutdown(FIRST, at=20, restart_after=1)],
    [Pause(LEADER, at=10, duration=25)],
    [NetworkCut(LEADER, (FIRST, SECOND, "controller-0"), at=10, duration=40)],
    [SlowLink(LEADER, (FIRST, SECOND), at=5, duration=30, latency=2), Crash(LEADER, at=12.3, restart_after=20)],
    [Pause(FIRST, at=10, duration=12), Crash(LEADER, at=15, restart_after=5)],
]


@pytest.mark.statement("K46", "peer-T7")
@pytest.mark.parametrize("acks", [1, "all"])
@pytest.mark.parametrize("faults", FAILURES)
def test_what_a_consumer_was_given_stays_in_the_log_and_the_high_watermark_never_falls(faults, acks):
    trace = cluster(every(0.25, 1, 70), acks=acks, groups=BILLING, faults=faults, duration=120)
    marks = [mark for _, mark in high_watermarks(trace)]
    assert marks == sorted(marks)
    kept = {f"shop:{number}" for number in log(trace)}
    assert kept == set(trace.deliveries.message)


@pytest.mark.statement("peer-T6")
def test_a_calm_run_has_no_duplicates():
    trace = cluster(every(0.05, 1, 50), acks="all", enable_idempotence=False, groups=BILLING)
    assert copies(trace) == [1] * 980 and trace.duplicates.empty


@pytest.mark.statement("peer-T6")
@pytest.mark.parametrize(("idempotent", "expected"), [(False, [1, 2, 1]), (True, [1, 1, 1])])
@pytest.mark.parametrize("at", [2.0, 3.5, 7.25])
def test_a_lost_acknowledgement_and_a_retry_make_exactly_one_duplicate_every_time(idempotent, expected, at):
    trace = cluster([1, at, 45], acks="all", enable_idempotence=idempotent, groups=BILLING, duration=90,
                    faults=[LoseReply("shop", "produce", nth=2)])
    assert copies(trace) == expected
    assert len(trace.deliveries) == sum(expected)
