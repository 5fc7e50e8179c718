"""K81-K101 with declared groups: members that die, dawdle, come and go. Each test is a run."""

import pytest
from producer_scenarios import events, shop

from simlib import AddPartitions, ConsumerGroup, Crash, Scenario, Shutdown, Topic, run

STEADY = [n / 10 for n in range(1, 900)]  # ten records a second for a minute and a half
KEYED = {"keys": 30, "partitions": 3, "duration": 120}


def billing(consumers=1, **settings):
    return [ConsumerGroup("billing", "orders", consumers=consumers, **settings)]


def of(trace, kind, process=None, after=0.0):
    """The control events of a kind after an instant, of one process or of all."""
    rows = events(trace, kind)
    rows = rows[rows.time >= after]
    return rows if process is None else rows[rows.process == process]


@pytest.mark.statement("K72", "K99")
def test_the_committed_offset_is_the_next_to_read():
    trace = run(shop([0.1, 0.2, 0.3, 0.4, 0.5], groups=billing(), duration=20))
    assert list(trace.commits.offset)[-1] == 5
    assert trace.lag.lag.iloc[-1] == 0


@pytest.mark.statement("K75", "K74")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_auto_commit_is_of_records_already_worked_so_a_crash_repeats_and_loses_nothing(client):
    trace = run(shop(STEADY, client=client, duration=120, groups=billing(service_time=0.02),
                     faults=[Crash("billing-0", at=33.3, restart_after=1)]))
    worked = trace.deliveries.done.dropna().to_numpy()
    for time, offset in zip(trace.commits.time, trace.commits.offset, strict=True):
        assert offset <= (worked <= time).sum()
    assert 0 < len(trace.duplicates) <= 50 and set(trace.duplicates.cause_of_repeat) == {"crash"}
    assert trace.passed_over.empty and trace.deliveries.message.nunique() == len(STEADY)


@pytest.mark.statement("K75")
def test_auto_commit_comes_with_the_first_poll_after_the_interval():
    trace = run(shop(STEADY, groups=billing(service_time=0.02), duration=100))
    gaps = trace.commits.time.diff().dropna()
    assert gaps.min() >= 4.99 and gaps.max() < 5.2 and trace.commits.auto.all()


@pytest.mark.statement("K81")
def test_latest_never_sees_what_was_written_to_a_new_partition_before_it_was_found():
    trace = run(shop(STEADY, keys=30, partitions=1, duration=120, metadata_max_age_ms=1_000,
                     groups=billing(metadata_max_age_ms=30_000), faults=[AddPartitions("orders", at=40, to=2)]))
    assert list(trace.skipped.partition) == [1] and trace.skipped.records.iloc[0] > 0
    never = len(STEADY) - trace.deliveries.message.nunique()
    assert never == trace.skipped.records.iloc[0]


@pytest.mark.statement("K81", "K82")
def test_earliest_does():
    trace = run(shop(STEADY, keys=30, partitions=1, duration=120, metadata_max_age_ms=1_000,
                     groups=billing(metadata_max_age_ms=30_000, auto_offset_reset="earliest"),
                     faults=[AddPartitions("orders", at=40, to=2)]))
    assert trace.skipped.empty and trace.deliveries.message.nunique() == len(STEADY)


@pytest.mark.statement("K82")
def test_with_a_commit_the_reset_policy_is_not_asked():
    trace = run(shop(STEADY, groups=billing(), duration=120, faults=[Shutdown("billing-0", at=30, restart_after=20)]))
    assert trace.skipped.empty and trace.deliveries.message.nunique() == len(STEADY)


@pytest.mark.statement("K84")
def test_a_consumer_without_a_partition_is_idle():
    trace = run(shop(STEADY[:100], groups=billing(3), partitions=2, keys=30, duration=20))
    assert trace.deliveries.member.nunique() == 2


@pytest.mark.statement("K85", "peer-T10")
def test_two_groups_get_every_record_and_have_lags_of_their_own():
    groups = [*billing(), ConsumerGroup("audit", "orders", service_time=0.5)]
    trace = run(shop(STEADY, groups=groups, duration=120))
    by_group = trace.deliveries.groupby("group", observed=True).message.nunique()
    assert by_group["billing"] == len(STEADY) and 200 < by_group["audit"] < 300
    last = trace.lag.groupby("group", observed=True).lag.last()
    assert last["billing"] == 0 and last["audit"] > 500
    assert len(trace.records) == len(STEADY) and set(trace.records.copies) == {1}


@pytest.mark.statement("K99", "peer-T9")
def test_a_partition_s_lag_is_that_of_its_own_records():
    """Two keys, one of them busy: the partition of the other hardly lags, and the third has no lag at all."""
    rows = [{"key": "busy" if n % 20 else "calm", "value": 1, "at": n / 20} for n in range(100)]
    shop = Scenario([Topic("orders", partitions=3)], inputs={"orders": rows}, duration=5,
                    groups=billing(3, service_time=0.1, auto_commit_interval_ms=100))
    trace = run(shop)
    busy, calm = (trace.records[trace.records.key == key].partition.unique().item() for key in ("busy", "calm"))
    written, worked = trace.records.groupby("partition").size(), trace.deliveries.groupby("partition").done.count()
    last = trace.lag.groupby("partition").lag.last()
    assert busy != calm and set(last.index) == {busy, calm}
    assert last[calm] <= 1 < 40 < last[busy] and last[busy] >= written[busy] - worked[busy]


@pytest.mark.statement("K86", "T32", "peer-T3")
def test_a_killed_member_is_missed_42_to_45_s_later():
    waited = []
    silent = billing(3, auto_commit_interval_ms=500_000)  # a commit is a sign of life too
    for crash in [20 + tenths / 10 for tenths in range(0, 30, 3)]:
        trace = run(shop(STEADY, **KEYED, groups=silent, faults=[Crash("billing-1", at=crash)]))
        waited.append(of(trace, "evicted").time.iloc[0] - crash)
    assert all(41.9 < seconds < 45.1 for seconds in waited)
    assert sum(waited) / len(waited) == pytest.approx(43.5, abs=0.3)


@pytest.mark.statement("K86")
def test_the_partitions_of_a_killed_member_stand_still_and_the_others_do_not():
    trace = run(shop(STEADY, **KEYED, groups=billing(3), faults=[Crash("billing-1", at=20)]))
    dead = of(trace, "assigned", "billing-1", after=-20).partition.iloc[0]
    times = trace.deliveries.groupby("partition").time
    assert times.apply(lambda column: ((column > 22) & (column < 60)).sum())[dead] == 0
    assert times.apply(lambda column: ((column > 22) & (column < 60)).sum()).sum() > 100
    assert trace.deliveries.message.nunique() == len(STEADY)


@pytest.mark.statement("K87", "peer-T1")
def test_a_member_that_closes_is_replaced_at_once_and_nothing_is_repeated():
    trace = run(shop(STEADY, **KEYED, groups=billing(3), faults=[Shutdown("billing-1", at=20)]))
    assert of(trace, "left", after=20).time.iloc[0] < 20.1
    assert of(trace, "rebalancing", after=20).time.iloc[0] < 20.1
    moved = of(trace, "assigned", after=20.05)
    assert set(moved.process) == {"billing-0", "billing-2"} and moved.time.max() < 24
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == len(STEADY)


@pytest.mark.statement("K91", "K95", "K93")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_by_default_every_member_gives_up_everything(client):
    trace = run(shop(STEADY, **KEYED, client=client, groups=billing(3),
                     faults=[Shutdown("billing-2", at=20, restart_after=20)]))
    assert set(of(trace, "generation", after=-20).detail) == {"range"}
    back = of(trace, "revoked", after=39)
    assert set(back.process) == {"billing-0", "billing-1"} and set(back.partition) == {0, 1, 2}


@pytest.mark.statement("K92")
def test_a_cooperative_member_keeps_what_does_not_move():
    trace = run(shop(STEADY, **KEYED, groups=billing(3, partition_assignment_strategy="cooperative-sticky"),
                     faults=[Shutdown("billing-2", at=20, restart_after=20)]))
    given_up = of(trace, "revoked", after=19)
    assert len(given_up[given_up.process != "billing-2"]) == 1
    generations = of(trace, "generation", after=39)
    assert len(generations) == 2
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == len(STEADY)


@pytest.mark.statement("K101")
def test_a_record_on_an_idle_topic_is_delivered_at_once():
    trace = run(shop([30.3], groups=billing(), duration=40))
    assert trace.deliveries.time.iloc[0] < 30.31


@pytest.mark.statement("K100", "K25", "K27")
def test_a_partition_is_read_in_the_order_it_was_written():
    trace = run(shop(STEADY, **KEYED, groups=billing(2, service_time=0.3)))  # the member with two partitions lags
    for _, rows in trace.deliveries.groupby("partition"):
        assert rows.offset.is_monotonic_increasing
        assert rows.message.str.split(":").str[1].astype(int).is_monotonic_increasing
    assert not trace.deliveries.message.str.split(":").str[1].astype(int).is_monotonic_increasing
