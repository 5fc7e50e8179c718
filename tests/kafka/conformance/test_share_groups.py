"""K102-K102g: share groups (KIP-932), seen from declared members and from what is in the trace."""

import pytest
from consumer_scenarios import of

from simlib import (
    AddPartitions,
    Bursts,
    ConsumerGroup,
    Crash,
    LoseReply,
    LoseRequest,
    Pause,
    PowerLoss,
    Producer,
    Scenario,
    Service,
    ShareGroup,
    Shutdown,
    Topic,
    laws,
    replace,
    run,
)

RESET = {}
ONE_BY_ONE = {"share_acquire_mode": "record_limit", "max_poll_records": 1}


def shop(*faults, consumers=3, partitions=1, rate=10, stop=20, duration=120, brokers=1, groups=(), config=(), **group):
    settings = {"service_time": 0.05, "share_auto_offset_reset": "earliest", **ONE_BY_ONE, **group}
    return Scenario([Topic("orders", partitions, replication_factor=brokers)], brokers=brokers, duration=duration,
                    producers=[Producer("shop", "orders", rate=rate, keys=10, stop=stop)],
                    groups=[ShareGroup("workers", "orders", consumers=consumers, **settings), *groups], faults=faults,
                    broker_config=dict(config))


def mid_work(scenario, member="workers-0", after=5.0):
    """An instant at which the member is at work on a record."""
    deliveries = run(scenario).deliveries
    mine = deliveries[(deliveries.member == member) & (deliveries.time > after)]
    return float(mine.time.iloc[0]) + 0.01


def finished(trace):
    """Everything was accepted, once, and the laws hold."""
    for law in (laws.conservation, laws.nothing_lost("workers"), laws.commit_never_ahead_of_delivery):
        assert law(trace).holds, law(trace)
    accepted = trace.acknowledgements[trace.acknowledgements.how == "accepted"]
    assert sorted(accepted.message) == sorted(trace.records.message)
    return True


def ended(trace, how):
    return trace.acknowledgements[trace.acknowledgements.how == how]


@pytest.mark.statement("K102")
def test_more_members_than_partitions_all_work():
    """Eight consumers on three partitions: in a consumer group five are idle, and here none."""
    slow = {"service_time": 0.2}
    consumers = ConsumerGroup("owners", "orders", consumers=8, auto_offset_reset="earliest", **slow)
    trace = run(shop(consumers=8, partitions=3, rate=30, stop=10, groups=[consumers], **slow))
    members = trace.deliveries.groupby("group", observed=True).member.nunique()
    assert members.to_dict() == {"owners": 3, "workers": 8}
    assert finished(trace)
    last = trace.deliveries.groupby("group", observed=True).done.max()
    assert last["workers"] < 10.5 and last["owners"] > 20


@pytest.mark.statement("K102")
def test_order_within_a_partition_is_not_kept():
    """Two members have five records each in hand, and work side by side."""
    trace = run(shop(consumers=2, service_time=0.5, rate=20, stop=5, max_poll_records=5))
    assert laws.order_per_partition(trace).broken and laws.order_per_key(trace).broken
    assert finished(trace)


@pytest.mark.statement("K102")
def test_the_lag_counts_what_is_not_done_with():
    """One record is held for long; those behind it are done with, and do not count."""
    trace = run(shop(Pause("workers-0", at=5, duration=25), consumers=2))
    held = trace.lag[trace.lag.time <= 29].lag.iloc[-1]
    assert held == 1
    starts = trace.commits[(trace.commits.time > 6) & (trace.commits.time < 29)]
    assert starts.empty  # the start offset waits for the held one
    assert trace.lag.lag.iloc[-1] == 0 and finished(trace)


@pytest.mark.statement("K102a")
def test_a_member_that_stands_still_loses_its_records_and_is_refused():
    began = mid_work(shop(consumers=2)) - 0.01
    trace = run(shop(Pause("workers-0", at=began + 0.01, duration=40), consumers=2))
    expired = ended(trace, "lock expired")
    assert len(expired) == 1 and expired.member.iloc[0] == "workers-0"
    again = trace.duplicates
    assert again.cause_of_repeat.tolist() == ["lock expired"] and again.member.tolist() == ["workers-1"]
    assert again.time.iloc[0] - began == pytest.approx(30, abs=0.2)
    assert of(trace, "commit_failed").empty  # everything before the start offset is forgotten: nobody tells the zombie
    assert finished(trace)


@pytest.mark.statement("K102a")
def test_a_zombie_is_refused_while_somebody_else_has_its_record():
    """One record, 12 s of work, locked for 15 s; who had it stood still for 10 s."""
    calm = shop(consumers=2, service_time=12, share_record_lock_duration_ms=15_000, rate=1, stop=0.5)
    first, = run(calm).deliveries.member
    trace = run(replace(calm, "faults", [Pause(first, at=11, duration=10)]))
    assert trace.deliveries.member.nunique() == 2 and trace.deliveries.time.tolist() == pytest.approx([0, 15], abs=0.1)
    refused = of(trace, "commit_failed")
    assert refused.process.tolist() == [first] and refused.detail.tolist() == ["INVALID_RECORD_STATE"]
    assert refused.time.iloc[0] == pytest.approx(22, abs=0.1) and finished(trace)


@pytest.mark.statement("K102a")
def test_who_is_answered_while_it_stands_still_gets_what_is_no_longer_its_own():
    """A parked fetch: the lock runs from when the broker answered. The record is worked on twice."""
    trace = run(shop(Pause("workers-0", at=5, duration=40), consumers=2))
    zombie = trace.duplicates[trace.duplicates.member == "workers-0"]
    assert zombie.time.tolist() == [45.0] and zombie.cause_of_repeat.tolist() == ["lock expired"]
    assert finished(trace)


@pytest.mark.statement("K102a")
def test_the_lock_is_as_long_as_the_group_or_the_brokers_say():
    shortest = {"group_share_min_record_lock_duration_ms": 1_000}
    at = mid_work(shop(consumers=2))
    for config, group in (({**shortest, "group_share_record_lock_duration_ms": 4_000}, {}),
                          (shortest, {"share_record_lock_duration_ms": 4_000})):
        trace = run(shop(Pause("workers-0", at=at, duration=40), consumers=2, config=config.items(), **group))
        assert trace.duplicates.time.iloc[0] - at == pytest.approx(4, abs=0.2)


@pytest.mark.statement("K102b")
def test_a_record_nobody_finishes_in_time_is_archived_and_named():
    """Work that takes longer than the lock: each record is delivered five times and then given up."""
    config = {"group_share_min_record_lock_duration_ms": 1_000, "group_share_record_lock_duration_ms": 2_000}
    trace = run(shop(consumers=2, service_time=3.0, rate=1, stop=3, config=config.items(), duration=100))
    archived = trace.acknowledgements[trace.acknowledgements.state == "archived"]
    assert sorted(archived.message) == sorted(trace.records.message) and set(archived.delivery_count) == {5}
    assert set(trace.deliveries.groupby("message").size()) == {5}
    group = trace.summary().groups["workers"]
    assert group.archived == {"delivered too often": 3} and group.lag == 0
    assert "workers: archived" in repr(trace.summary())
    verdict = laws.nothing_lost("workers")(trace)
    assert verdict.broken and "never finished" in verdict.message
    assert sorted(trace.passed_over.message) == sorted(archived.message)


@pytest.mark.statement("K102b")
@pytest.mark.parametrize("limit", [2, 10])
def test_the_limit_is_a_setting(limit):
    config = {"group_share_min_record_lock_duration_ms": 1_000, "group_share_record_lock_duration_ms": 1_000,
              "group_share_delivery_count_limit": limit}
    trace = run(shop(consumers=1, service_time=1.5, rate=1, stop=1, config=config.items(), duration=60))
    assert set(trace.deliveries.groupby("message").size()) == {limit}


@pytest.mark.statement("K102c")
def test_a_killed_member_s_records_are_free_at_once():
    """The brokers see its connections break; the group's session (45 s) has nothing to do with it."""
    trace = run(shop(Crash("workers-0", at=5.02, restart_after=60), consumers=2, service_time=0.5, rate=4))
    lost = ended(trace, "connection lost")
    assert len(lost) == 1 and lost.member.iloc[0] == "workers-0" and lost.time.iloc[0] < 5.03
    assert trace.duplicates.cause_of_repeat.tolist() == ["crash"]
    evicted = of(trace, "evicted")
    assert evicted.process.tolist() == ["workers-0"] and evicted.time.iloc[0] > 45
    assert finished(trace)


@pytest.mark.statement("K102c")
def test_a_poison_record_that_kills_its_consumer_is_archived():
    """A session that ends counts as a delivery (4.2): otherwise the record would come for ever."""
    kills = [Crash("workers-0", after="receive", nth=nth, restart_after=0.5) for nth in range(1, 7)]
    trace = run(shop(*kills, consumers=1, rate=1, stop=2, duration=30))
    first = trace.deliveries[trace.deliveries.message == "shop:0"]
    assert len(first) == 5 and trace.summary().groups["workers"].archived == {"delivered too often": 1}
    assert ended(trace, "accepted").message.tolist() == ["shop:1"]


@pytest.mark.statement("K102c")
def test_a_host_without_power_holds_its_locks_until_they_end():
    trace = run(shop(PowerLoss(["workers-0"], at=5.02, restart_after=60), consumers=2, service_time=0.5, rate=4))
    assert len(ended(trace, "lock expired")) == 1 and ended(trace, "connection lost").empty
    assert trace.duplicates.time.iloc[0] > 34
    assert finished(trace)


@pytest.mark.statement("K102c")
def test_who_closes_gives_back_what_it_did_not_finish():
    """It has a second answer in its buffer, from another broker."""
    traces = [run(shop(Shutdown("workers-0", at=at, restart_after=30), consumers=1, partitions=3, brokers=3,
                       service_time=0.5, stop=10)) for at in (5, 5.5, 6)]
    closed = [ended(trace, "closed") for trace in traces]
    assert any(len(one) for one in closed) and all((one.delivery_count == 1).all() for one in closed)
    assert all(map(finished, traces))


@pytest.mark.statement("K102d")
@pytest.mark.parametrize("fault", [Crash("broker-0", at=5, restart_after=20), Crash("broker-1", at=5, restart_after=20),
                                   PowerLoss(["broker-1"], at=5, restart_after=20)], ids=str)
def test_a_new_leader_and_a_new_coordinator_go_on(fault):
    """What was accepted stays so. Who had a record does not: it comes again, and the old holder is refused."""
    trace = run(shop(fault, consumers=4, partitions=3, brokers=3, service_time=0.3))
    assert set(trace.duplicates.cause_of_repeat) <= {"leader change"}
    assert finished(trace)
    accepted = ended(trace, "accepted")
    assert accepted.message.is_unique


@pytest.mark.statement("K102d")
def test_locks_are_forgotten_with_their_leader():
    trace = run(shop(Crash("broker-1", at=5, restart_after=20), consumers=3, partitions=3, brokers=3, service_time=20,
                     rate=3, stop=3))
    assert "leader change" in set(trace.duplicates.cause_of_repeat)
    assert laws.conservation(trace).holds


@pytest.mark.statement("K102d")
def test_without_a_share_coordinator_a_new_leader_waits():
    """Brokers 0 to 2 keep the groups; broker 3 leads a partition, dies and is back before one of them."""
    faults = [Crash(f"broker-{number}", at=5, restart_after=25) for number in range(3)]
    scenario = replace(shop(*faults, Crash("broker-3", at=18, restart_after=1), consumers=4, partitions=4, brokers=4),
                       "topics.orders.replication_factor", 1)
    trace = run(scenario)
    began = trace.deliveries[(trace.deliveries.partition == 3) & (trace.deliveries.time > 18)]
    assert 30 < began.time.min() < 45 and finished(trace)


@pytest.mark.statement("K102e")
@pytest.mark.parametrize("loss", [LoseRequest, LoseReply])
@pytest.mark.parametrize("mode", ["implicit", "explicit"])
def test_an_acknowledgement_that_is_lost(loss, mode):
    """Its request: the record comes again when the lock ends. Its reply: it is done all the same."""
    trace = run(shop(loss("workers-0", "share_acknowledge", nth=5), consumers=2, share_acknowledgement_mode=mode))
    assert len(ended(trace, "lock expired")) == len(trace.duplicates) == (loss is LoseRequest)
    handed = int((trace.deliveries.member == "workers-0").sum())
    assert handed == 5 if mode == "explicit" else handed > 50  # who is explicit waits for the answer
    assert finished(trace)


@pytest.mark.statement("K102f")
def test_a_poll_that_is_too_large_for_the_lock_works_for_nobody():
    """500 records of 0.1 s each are worked on longer than they are locked; fewer at a time are not."""
    greedy = run(shop(consumers=2, service_time=0.1, rate=1_000, stop=1, max_poll_records=500, duration=100))
    modest = run(shop(consumers=2, service_time=0.1, rate=1_000, stop=1, max_poll_records=50, duration=100))
    assert len(greedy.duplicates) > 100 and modest.duplicates.empty
    assert set(greedy.duplicates.cause_of_repeat) == {"lock expired"}


@pytest.mark.statement("K102f")
@pytest.mark.parametrize(("mode", "most"), [("batch_optimized", 40), ("record_limit", 10)])
def test_a_poll_takes_whole_batches_unless_told_otherwise(mode, most):
    """Batches of 40 records (linger)."""
    producer = Producer("bulk", "orders", arrivals=Bursts(40, 1), keys=1, stop=5, linger_ms=10,
                        batch_size=1_000_000)
    scenario = Scenario([Topic("orders")], brokers=1, producers=[producer], duration=30, groups=[ShareGroup(
        "workers", "orders", share_acquire_mode=mode, max_poll_records=10, share_auto_offset_reset="earliest")])
    trace = run(scenario)
    ends = trace.acknowledgements.groupby("time").size()
    assert ends.max() == most and finished(trace)


async def late(app):
    consumer = app.share_consumer("orders", group_id="late", **RESET)
    async for order in consumer:
        await app.effect("seen", order.offset)


@pytest.mark.statement("K102g")
@pytest.mark.parametrize(("reset", "skipped"), [({}, True), ({"share_auto_offset_reset": "latest"}, True),
                                                ({"share_auto_offset_reset": "earliest"}, False)], ids=str)
def test_a_share_group_begins_at_the_end_unless_told_otherwise(reset, skipped, monkeypatch):
    """It begins with its first fetch, here at 10 s."""
    monkeypatch.setitem(globals(), "RESET", reset)
    scenario = replace(shop(), "services", [Service("late", late, start=10)])
    group = run(scenario).summary().groups["late"]
    assert 98 <= group.skipped <= 102 if skipped else group.skipped == 0
    assert group.delivered + group.skipped == 200 and group.lag == 0


@pytest.mark.statement("K102g")
def test_a_declared_share_group_has_begun_before_the_first_record():
    trace = run(shop(share_auto_offset_reset=None))
    assert trace.summary().groups["workers"].delivered == 200 and trace.skipped.empty
    assert set(of(trace, "reset", after=-100).detail) == {"latest: the share group has not begun"}


@pytest.mark.statement("K102g")
@pytest.mark.parametrize("reset", ["latest", "earliest"])
def test_new_partitions_begin_where_the_reset_says(reset):
    """The producer hears of them sooner than the group, which asks every five seconds."""
    scenario = shop(AddPartitions("orders", at=5.5, to=2), share_auto_offset_reset=reset)
    summary = run(replace(scenario, "producers.shop.metadata_max_age_ms", 500)).summary().groups["workers"]
    assert (summary.skipped > 0) == (reset == "latest")
    assert summary.delivered + summary.skipped == 200 and summary.lag == 0


@pytest.mark.statement("K102g")
@pytest.mark.parametrize(("reset", "holder_dies", "fate"), [("latest", False, (2, 0, 1)), ("latest", True, (2, 1, 0)),
                                                           ("earliest", True, (0, 0, 3))])
def test_a_beginning_that_was_not_stored_is_forgotten_with_the_leader(reset, holder_dies, fate):
    """One member has the first of three records when the only broker dies. At the end of the log it begins anew: the
    two that nobody has had are skipped, the first is the holder's alone."""
    deaths = [Crash("workers-0", at=6, restart_after=1)] if holder_dies else []
    trace = run(shop(Crash("broker-0", at=5, restart_after=1), *deaths, consumers=1, service_time=8, rate=1, stop=3,
                     share_auto_offset_reset=reset))
    group, [log] = trace.summary().groups["workers"], trace.groups.logs
    assert (group.skipped, group.passed_over, int(log.finished.sum())) == fate
    assert group.lag == group.backlog == 0 and laws.conservation(trace).holds
    assert laws.nothing_lost("workers")(trace).broken == (fate[1] > 0)


@pytest.mark.statement("K102")
def test_a_run_with_share_groups_is_repeatable():
    scenario = shop(Crash("workers-1", at=4, restart_after=3), Pause("workers-0", at=6, duration=35),
                    Crash("broker-1", at=10, restart_after=8), consumers=5, partitions=3, brokers=3, service_time=0.2)
    assert run(scenario).same_as(run(scenario))
