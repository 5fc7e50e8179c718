"""K86-K90, K97 and K98: how a group loses a member, how it does not, and what becomes of who was left behind."""

import pytest
from consumer_scenarios import BY_HAND, FROM_START, effects, hands, load, of, orders, overlaps, owned, quiet_spell

from simlib import ConsumerGroup, Crash, LoseReply, LoseRequest, NetworkCut, Pause, Shutdown, run
from simlib.scenario import AddPartitions


def billing(consumers=3, **settings):
    return ConsumerGroup("billing", "orders", consumers=consumers, service_time=0.02, auto_offset_reset="earliest",
                         **settings)


@pytest.mark.statement("K86")
@pytest.mark.parametrize("loss", [LoseRequest, LoseReply])
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_one_lost_heartbeat_of_fifteen_in_a_session_is_borne(loss, client):
    trace = run(load(billing(), client=client, faults=[loss("billing-1", "heartbeat", nth=4)]))
    assert of(trace, "evicted").empty and of(trace, "rebalancing").empty
    assert trace.deliveries.message.nunique() == 900 and trace.duplicates.empty


@pytest.mark.statement("K86")
def test_a_member_cut_off_for_less_than_its_session_stays():
    cut = NetworkCut("billing-1", "broker-0", at=20, duration=30)
    trace = run(load(billing(), faults=[cut]))
    assert of(trace, "rebalancing").empty and trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K88")
def test_waiting_in_a_poll_is_polling():
    trace = run(load(billing(max_poll_interval_ms=20_000), stop=10, duration=200))
    assert of(trace, "evicted").empty and of(trace, "rebalancing").empty


@pytest.mark.statement("K97", "K88", "peer-T2")
def test_a_lone_member_that_was_thrown_out_cannot_commit_to_its_empty_group():
    async def main(app):
        consumer = app.consumer("orders", **BY_HAND, max_poll_interval_ms=6_000)
        async for order in consumer:
            if order.value == 2 and app.now < 10:
                await app.sleep(10)
            try:
                await consumer.commit()
            except Exception as error:
                await app.effect("refused", type(error).__name__)

    trace = run(orders(main, [0.0] * 6))
    out, back = of(trace, "evicted").time.iloc[0], of(trace, "joined", after=5).time.iloc[0]
    assert effects(trace, "refused") == ["CommitFailedError"] * 4
    assert trace.commits[(trace.commits.time > out) & (trace.commits.time < back)].empty
    again = trace.deliveries[trace.deliveries.time > back]
    assert list(again.offset) == [2, 3, 4, 5] and list(trace.commits.offset) == [1, 2, 3, 4, 5, 6]


@pytest.mark.statement("K97", "peer-T2")
@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
@pytest.mark.parametrize("commits", [True, False])
def test_a_member_that_slept_through_its_session_wakes_as_a_zombie(strategy, commits):
    group = billing(2, enable_auto_commit=commits, partition_assignment_strategy=strategy, max_poll_records=50)
    trace = run(load(group, partitions=2, rate=30, duration=150, faults=[Pause("billing-0", at=20.01, duration=60)]))
    evicted = of(trace, "evicted").iloc[0]
    assert evicted.process == "billing-0" and 62 < evicted.time < 65.1
    assert not of(trace, "lost_partitions", "billing-0", after=80).empty
    for _, offsets in trace.commits.groupby("partition").offset:
        assert offsets.is_monotonic_increasing
    stale = trace.commits[(trace.commits.member == "billing-0") & (trace.commits.time.between(evicted.time, 80.02))]
    assert stale.empty
    assert all(len(members) == 1 for members in hands(trace).values())
    assert trace.deliveries.message.nunique() == 2_700 and trace.passed_over.empty


@pytest.mark.statement("K86", "K91")
def test_who_is_back_before_its_old_session_ends_makes_an_eager_group_wait_for_it():
    """The scenario of the first lesson: killed at 30 s, back at 60 s; the old member is missed at 75 s."""
    trace = run(load(billing(), rate=60, duration=90, faults=[Crash("billing-1", at=30, restart_after=30)]))
    evicted = of(trace, "evicted").iloc[0]
    assert evicted.process == "billing-1" and 72 < evicted.time < 75.1
    heard = of(trace, "revoked").time.max()
    assert 60 < heard < 63.1  # a heartbeat tells the others that somebody wants in
    assert quiet_spell(trace, heard, evicted.time) > evicted.time - heard - 0.001
    assert quiet_spell(trace, evicted.time, 90) < 0.1
    assert list(of(trace, "generation").time) == [evicted.time]


@pytest.mark.statement("K92", "K86")
def test_a_cooperative_group_reads_on_while_it_waits():
    group = billing(partition_assignment_strategy="cooperative-sticky")
    trace = run(load(group, rate=60, duration=90, faults=[Crash("billing-1", at=30, restart_after=30)]))
    assert quiet_spell(trace, 55, 90) < 1
    assert not overlaps(trace)


# -- static members


@pytest.mark.statement("K98")
@pytest.mark.parametrize("end", [Crash, Shutdown])
@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_a_static_member_is_back_within_its_session_and_nobody_noticed(end, strategy):
    group = billing(static_membership=True, partition_assignment_strategy=strategy)
    trace = run(load(group, faults=[end("billing-1", at=20, restart_after=15)]))
    assert of(trace, "rebalancing").empty and of(trace, "generation").empty
    assert set(of(trace, "assigned").process) == {"billing-1"}
    before = set(of(trace, "assigned", "billing-1", after=-20).partition)
    assert len(before) == 1
    assert trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K98", "K86")
def test_a_static_member_that_stays_away_longer_is_missed_when_its_session_ends():
    trace = run(load(billing(static_membership=True), faults=[Crash("billing-1", at=20, restart_after=60)]))
    evicted = of(trace, "evicted").iloc[0]
    assert evicted.process == "billing-1" and 62 < evicted.time < 65.1
    assert of(trace, "rebalancing").time.iloc[0] == evicted.time
    assert len(of(trace, "generation")) == 2  # one without it, one with it


@pytest.mark.statement("K98")
@pytest.mark.parametrize(("added_at", "nobody_reads_it"), [(11, True), (13, False)])
def test_a_leader_with_a_static_name_misses_a_partition_that_was_added_while_it_was_away(added_at, nobody_reads_it):
    """It does not assign again, and takes the partitions it finds for those it has assigned (KIP-814)."""
    faults = [Crash("billing-0", at=10, restart_after=2), AddPartitions("orders", at=added_at, to=4)]
    trace = run(load(billing(1, static_membership=True), faults=faults, stop=400, duration=800))
    assert (3 not in set(trace.deliveries.partition)) == nobody_reads_it
    assert (trace.summary().groups["billing"].backlog > 0) == nobody_reads_it


@pytest.mark.statement("K98")
def test_of_two_with_one_instance_id_the_older_is_fenced():
    async def main(app):
        if app.name == "billing-1":
            await app.sleep(20)
        async for order in app.consumer("orders", **FROM_START, group_instance_id="till-1"):
            await app.effect(app.name, order.value)

    trace = run(orders(main, [n / 2 for n in range(100)], instances=2, restart_after=1_000))
    told = of(trace, "exception")
    assert list(told.process) == ["billing-0"] and "FencedInstanceId" in told.detail.iloc[0]
    assert effects(trace, "billing-1")[-1] == 99
    assert max(effects(trace, "billing-0")) <= 50  # at 20 s, and a heartbeat later it knows


@pytest.mark.statement("K89", "K98")
def test_a_static_member_that_polls_again_in_time_is_a_full_member_for_good():
    async def main(app):
        consumer = app.consumer("orders", **FROM_START, group_instance_id=app.name, max_poll_interval_ms=6_000)
        async for order in consumer:
            if order.value == 50 and app.now < 30:
                await app.sleep(20)
            await app.effect(app.name, order.value)

    trace = run(orders(main, [n / 5 for n in range(700)], instances=2, partitions=2))
    assert of(trace, "rebalancing", after=10).empty and of(trace, "left").empty
    assert set(of(trace, "evicted").detail) == {"max_poll_interval_ms"}
    assert len(trace.effects.process.unique()) == 1 and set(trace.effects.key) == set(range(700))


# -- the coordinator


@pytest.mark.statement("K72", "K97", "peer-T1")
@pytest.mark.parametrize("end", [Crash, Shutdown])
def test_a_group_survives_its_coordinator(end):
    """Members and commits are in a replicated log: the next coordinator reads it."""
    seat = of(run(load(billing(), brokers=3, duration=1)), "coordinator", after=-20).process.iloc[0]
    trace = run(load(billing(), brokers=3, faults=[end(seat, at=30, restart_after=40)]))
    moved = of(trace, "coordinator")
    assert len(moved) >= 1 and moved.process.iloc[0] != seat
    assert of(trace, "evicted").empty and of(trace, "rebalancing").empty and trace.duplicates.empty
    assert trace.deliveries.message.nunique() == 900
    for _, rows in trace.commits.groupby("partition"):
        assert rows.offset.is_monotonic_increasing and (rows.time > moved.time.iloc[0]).sum() > 5
    assert trace.lag.groupby("partition").lag.last().sum() == 0


@pytest.mark.statement("K74", "peer-T1")
def test_a_member_that_starts_after_the_coordinator_moved_begins_at_the_commit():
    seat = of(run(load(billing(), brokers=3, duration=1)), "coordinator", after=-20).process.iloc[0]
    faults = [Shutdown("billing-0", at=25, restart_after=25), Crash(seat, at=30)]
    trace = run(load(billing(1), brokers=3, faults=faults))
    assert trace.duplicates.empty and trace.skipped.empty and trace.deliveries.message.nunique() == 900


# -- the first rebalance


@pytest.mark.statement("K90")
def test_members_that_come_within_the_delay_share_the_first_generation():
    async def main(app):
        await app.sleep(int(app.name[-1]))
        async for order in app.consumer("orders", **FROM_START):
            await app.effect(app.name, order.value)

    trace = run(orders(main, [20.0], instances=3, partitions=3))
    assert list(of(trace, "generation").b) == [3]
    assert sum(len(owned(trace, f"billing-{n}")) for n in range(3)) == 3


@pytest.mark.statement("K90")
def test_without_the_delay_each_newcomer_is_a_rebalance():
    async def main(app):
        await app.sleep(int(app.name[-1]))
        async for order in app.consumer("orders", **FROM_START):
            await app.effect(app.name, order.value)

    trace = run(orders(main, [20.0], instances=3, partitions=3, broker_config={"group_initial_rebalance_delay_ms": 0}))
    assert list(of(trace, "generation").b)[0] == 1 and list(of(trace, "generation").b)[-1] == 3


@pytest.mark.statement("K86", "K91")
def test_a_run_is_not_over_before_a_dead_member_is_missed():
    """`billing-1` dies again while it waits to be let in: its second session begins only when the first has ended."""

    async def main(app):
        consumer = app.consumer("orders", **FROM_START)
        async for order in consumer:
            await app.effect("charge", order.value)

    faults = [Crash("billing-1", at=11, restart_after=14), Crash("billing-1", at=44, restart_after=4)]
    trace = run(orders(main, [n / 5 for n in range(250)], keys=10, instances=2, partitions=2,
                       faults=faults))
    assert trace.ended == "quiet" and set(effects(trace, "charge")) == set(range(250))
    assert trace.ended_at > of(trace, "evicted").time.max()
