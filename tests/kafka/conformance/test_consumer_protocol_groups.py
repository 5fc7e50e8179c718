"""K94-K94c: a group with group_protocol="consumer" (KIP-848), seen from its members."""

import pytest
from consumer_scenarios import BY_HAND, FROM_START, effects, hands, load, of, orders, overlaps, quiet_spell

from simlib import (
    AddPartitions,
    ConsumerGroup,
    Crash,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    Service,
    Shutdown,
    explore,
    laws,
    replace,
    run,
)
from simlib.views.assignment import ownerships
from simlib.views.reading import partition_name

QUICK = {"group_consumer_session_timeout_ms": 10_000, "group_consumer_min_session_timeout_ms": 10_000}
NEW = {"group_protocol": "consumer"}


def billing(consumers=3, **settings):
    return ConsumerGroup("billing", "orders", consumers=consumers, service_time=0.02, auto_offset_reset="earliest",
                         **NEW, **settings)


def at_the_start(trace):
    """What each member owns at time 0."""
    having = {}
    for row in trace.control[trace.control.time <= 0].itertuples():
        if row.kind == "assigned":
            having.setdefault(row.process, set()).add((row.topic, row.partition))
        elif row.kind == "revoked":
            having[row.process].discard((row.topic, row.partition))
    return {name: sorted(mine) for name, mine in having.items()}


@pytest.mark.statement("K94")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
@pytest.mark.parametrize("consumers", [1, 3, 4])
def test_a_declared_group_is_complete_at_time_0(client, consumers):
    group = billing(consumers, auto_commit_interval_ms=500)
    trace = run(load(group, partitions=6, client=client, duration=40, stop=30))
    assert sorted(map(len, at_the_start(trace).values())) == sorted(6 // consumers + (n < 6 % consumers)
                                                                    for n in range(consumers))
    assert of(trace, "rebalancing").empty and trace.duplicates.empty
    assert trace.deliveries.message.nunique() == 300
    assert trace.lag.groupby("partition").lag.last().max() == 0


@pytest.mark.statement("K94")
def test_when_a_member_comes_the_others_read_on():
    """The same in a classic eager group: everybody stands still until the dead member's session ends."""
    scenario = load(billing(), rate=60, duration=100, faults=[Crash("billing-1", at=30, restart_after=30)])
    trace = run(scenario)
    joined = of(trace, "joined").iloc[0]
    assert 60 < joined.time < 60.1
    mine = trace.deliveries[trace.deliveries.member != "billing-1"]
    assert mine.time[(mine.time > 55) & (mine.time < 90)].diff().max() < 1
    assert not overlaps(trace)
    classic = ConsumerGroup("billing", "orders", consumers=3, service_time=0.02, auto_offset_reset="earliest")
    assert quiet_spell(run(replace(scenario, "groups", (classic,))), 61, 90) > 10


@pytest.mark.statement("K94")
def test_partitions_of_the_dead_wait_for_the_session_and_the_others_next_heartbeats():
    trace = run(load(billing(), broker_config=QUICK, faults=[Crash("billing-1", at=20)]))
    evicted = of(trace, "evicted").iloc[0]
    assert evicted.process == "billing-1" and 25 < evicted.time <= 30.2
    got = of(trace, "assigned", after=20)
    assert len(got) == 1 and evicted.time <= got.time.iloc[0] <= evicted.time + 5.1
    assert of(trace, "revoked", after=20).empty
    assert trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K94", "K86")
def test_who_is_back_before_its_old_session_ends_keeps_what_it_got_meanwhile():
    """Two members of one process: the dead one is missed later, and takes with it only what was its own."""
    crash = Crash("billing-1", at=20, restart_after=20)
    trace = run(load(billing(), partitions=6, rate=60, duration=110, faults=[crash]))
    new = of(trace, "assigned", "billing-1", after=40).iloc[0]
    missed = of(trace, "evicted").iloc[0]
    assert new.time < 46 and 60 < missed.time < 65.2 and "billing-1 has another member" in missed.detail
    lost = of(trace, "lost_partitions")
    assert set(lost.time) == {missed.time} and set(lost.process) == {"billing-1"}
    assert new.partition not in set(lost.partition)
    drawn = [one for one in ownerships(trace, 0) if partition_name(trace, one.tp) == f"orders-{new.partition}"]
    assert (drawn[-1].member, drawn[-1].start, drawn[-1].end) == ("billing-1", new.time, 110)
    assert all(len(members) == 1 for members in hands(trace).values()) and not overlaps(trace)


@pytest.mark.statement("K94")
def test_who_closes_is_not_waited_for_and_what_moves_is_not_worked_twice():
    trace = run(load(billing(), partitions=6, rate=60, duration=110,
                     faults=[Shutdown("billing-1", at=20.3, restart_after=30)]))
    assert of(trace, "evicted").empty and not overlaps(trace)
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == 5_400


@pytest.mark.statement("K94")
def test_a_topic_that_grows_is_noticed_within_a_heartbeat():
    """A classic group waits for its leader's metadata, up to five minutes (K81)."""
    trace = run(load(billing(), faults=[AddPartitions("orders", at=30, to=5)]))
    got = of(trace, "assigned", after=30)
    assert set(got.partition) == {3, 4} and got.time.max() < 30 + 2 * 5.2
    assert not overlaps(trace)


@pytest.mark.statement("K94")
def test_the_brokers_assign_as_the_member_asks():
    scenario = load(ConsumerGroup("billing", ["orders", "payments"], consumers=2, **NEW, group_remote_assignor="range"),
                    topics=("orders", "payments"), duration=30, stop=20)
    evenly = replace(scenario, "groups.billing.group_remote_assignor", "uniform")
    by_range, evenly = (at_the_start(run(one))["billing-0"] for one in (scenario, evenly))
    assert by_range == [("orders", 0), ("orders", 1), ("payments", 0), ("payments", 1)]
    assert len(evenly) == 3


# -- signs of life


@pytest.mark.statement("K94", "K86")
@pytest.mark.parametrize("loss", [LoseRequest, LoseReply])
def test_one_lost_heartbeat_is_borne(loss):
    trace = run(load(billing(), faults=[loss("billing-1", "consumer_group_heartbeat", nth=8)]))
    assert of(trace, f"{'request' if loss is LoseRequest else 'reply'}_lost").shape[0] == 1
    assert of(trace, "evicted").empty and of(trace, "rebalancing").empty
    assert trace.deliveries.message.nunique() == 900 and trace.duplicates.empty


@pytest.mark.statement("K94")
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_group_gathers_although_many_heartbeats_and_answers_are_lost(share):
    faults = [loss(f"billing-{n}", "consumer_group_heartbeat", share=share) for loss in (LoseRequest, LoseReply)
              for n in range(3)]
    trace = run(load(billing(), duration=400, faults=faults))
    assert trace.deliveries.message.nunique() == 900
    assert all(len(members) == 1 for members in hands(trace).values())


@pytest.mark.statement("K94a", "K97", "peer-T2")
@pytest.mark.parametrize("commits", [True, False])
def test_a_member_that_slept_through_its_session_wakes_as_a_zombie(commits):
    group = billing(2, enable_auto_commit=commits, max_poll_records=50)
    trace = run(load(group, partitions=2, rate=30, duration=150, faults=[Pause("billing-0", at=20.01, duration=60)]))
    evicted = of(trace, "evicted").iloc[0]
    assert evicted.process == "billing-0" and 60 < evicted.time < 65.2
    assert not of(trace, "lost_partitions", "billing-0", after=80).empty
    for _, offsets in trace.commits.groupby("partition").offset:
        assert offsets.is_monotonic_increasing
    stale = trace.commits[(trace.commits.member == "billing-0") & (trace.commits.time.between(evicted.time, 80.02))]
    assert stale.empty
    assert all(len(members) == 1 for members in hands(trace).values())
    assert trace.deliveries.message.nunique() == 2_700 and trace.passed_over.empty


@pytest.mark.statement("K94a", "K97")
def test_a_commit_between_the_new_epoch_and_its_lost_answer_is_refused():
    """The group went on to a new epoch; the member did not hear of it, and still has its partition."""
    async def main(app):
        await app.sleep(0 if app.name == "billing-0" else 12)
        consumer = app.consumer("orders", **BY_HAND, **NEW)
        async for order in consumer:
            try:
                await consumer.commit()
                await app.effect("committed", order.value)
            except Exception as error:
                await app.effect(type(error).__name__, order.value)

    lost = LoseReply("billing-0", "consumer_group_heartbeat", nth=5)  # join, acknowledgement, at 5 s, at 10 s, at 15 s
    trace = run(orders(main, [n / 2 for n in range(120)], instances=2, partitions=1, faults=[lost]))
    refused = of(trace, "commit_failed")
    assert set(refused.detail) == {"STALE_MEMBER_EPOCH"} and set(refused.process) == {"billing-0"}
    assert effects(trace, "CommitFailedError") and of(trace, "lost_partitions").empty
    assert effects(trace, "committed")[-1] == 119  # it stays a member, and later commits are good


@pytest.mark.statement("K88", "K94")
def test_who_works_too_long_on_a_poll_leaves_and_begins_again():
    async def main(app):
        consumer = app.consumer("orders", **BY_HAND, **NEW, max_poll_interval_ms=6_000)
        async for order in consumer:
            if order.value == 2 and app.now < 10:
                await app.sleep(10)
            try:
                await consumer.commit()
            except Exception as error:
                await app.effect("refused", type(error).__name__)

    trace = run(orders(main, [0.0] * 6))
    out, back = of(trace, "left", after=1).time.iloc[0], of(trace, "joined", after=5).time.iloc[0]
    assert 6 < out < 6.1 and effects(trace, "refused") == ["CommitFailedError"] * 4
    again = trace.deliveries[trace.deliveries.time > back]
    assert list(again.offset) == [2, 3, 4, 5] and list(trace.commits.offset) == [1, 2, 3, 4, 5, 6]


# -- static members


@pytest.mark.statement("K94b")
def test_a_static_member_that_closes_and_returns_within_its_session_is_not_noticed():
    trace = run(load(billing(static_membership=True), faults=[Shutdown("billing-1", at=20, restart_after=15)]))
    assert of(trace, "rebalancing").empty and of(trace, "left").empty and of(trace, "generation").empty
    assert set(of(trace, "assigned").process) == {"billing-1"}
    assert trace.deliveries.message.nunique() == 900 and trace.duplicates.empty


@pytest.mark.statement("K94b")
def test_a_static_member_that_was_killed_cannot_come_back_before_its_session_has_ended():
    """Each time its program starts it is refused, and ends; a classic group would have taken it back (K98)."""
    async def main(app):
        consumer = app.consumer("orders", **FROM_START, **NEW, group_instance_id=app.name)
        async for order in consumer:
            await app.effect("charge", order.value)

    trace = run(orders(main, [n / 2 for n in range(120)], restart_after=5.0,
                       faults=[Crash("billing-0", at=20, restart_after=1)]))
    assert "UnreleasedInstanceIdError" in of(trace, "exception").detail.iloc[0]
    ended, evicted = of(trace, "crashed", after=20.1).time, of(trace, "evicted").time.iloc[0]
    assert len(ended) >= 6 and ended.max() < evicted and 60 < evicted < 65.2
    assert len(set(effects(trace, "charge"))) == 120


# -- the coordinator, and others


@pytest.mark.statement("K94")
@pytest.mark.parametrize("fault", [Crash("broker-0", at=20, restart_after=20), Pause("broker-0", at=20, duration=15),
                                   NetworkCut("broker-0", ("broker-1", "broker-2"), at=20, duration=15)])
def test_the_group_lives_on_with_another_coordinator(fault):
    trace = run(load(billing(), brokers=3, duration=150, faults=[fault]))
    assert of(trace, "rebalancing").empty and of(trace, "lost_partitions").empty
    assert trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K94")
def test_who_speaks_the_other_protocol_cannot_join_until_the_group_is_empty():
    async def main(app):
        await app.sleep(0 if app.name == "new-0" else 5)
        settings = NEW if app.name == "new-0" else {}
        async for order in app.consumer("orders", **FROM_START, **settings):
            await app.effect(app.name, order.value)
            if app.name == "new-0" and order.value == 20:
                return

    others = [Service("new", main, restart_after=None), Service("old", main, restart_after=2.0)]
    trace = run(replace(orders(main, [n / 2 for n in range(60)]), "services", tuple(others)))
    told = of(trace, "exception", "old-0")
    assert len(told) and all("InconsistentGroupProtocol" in detail for detail in told.detail)
    assert effects(trace, "old-0")[-1] == 59


@pytest.mark.statement("K94", "P01")
def test_explore_finds_the_double_charge_with_either_protocol():
    async def charges_first(app):
        consumer = app.consumer("orders", **BY_HAND, **NEW)
        async for order in consumer:
            await app.effect("charge", order.value)
            await consumer.commit()

    async def commits_first(app):
        consumer = app.consumer("orders", **BY_HAND, **NEW)
        async for order in consumer:
            await consumer.commit()
            await app.effect("charge", order.value)

    twice = explore(orders(charges_first, [0.0] * 2), law=laws.exactly_once("charge"), progress=False)
    assert str(twice.counterexample.schedule) == "crash-after:billing-0.0/charge#1"
    never = explore(orders(commits_first, [0.0] * 2), law=laws.at_most_once("charge"), only="crash", progress=False)
    assert never.counterexample is None


# -- what is refused


@pytest.mark.statement("K94")
@pytest.mark.parametrize(("settings", "says"), [
    ({"session_timeout_ms": 10_000}, "session_timeout_ms cannot be set with group_protocol='consumer'"),
    ({"heartbeat_interval_ms": 1_000}, "broker_config's group_consumer_heartbeat_interval_ms"),
    ({"partition_assignment_strategy": "range"}, "the brokers assign: group_remote_assignor is 'uniform' or 'range'"),
    ({"group_remote_assignor": "sticky"}, "must be one of 'uniform', 'range'"),
    ({"group_protocol": "classic", "group_remote_assignor": "range"}, "is for group_protocol='consumer'"),
    ({"group_protocol": "modern"}, "must be one of 'classic', 'consumer'"),
])
def test_settings_of_the_other_protocol_are_refused_as_java_does(settings, says):
    group = ConsumerGroup("billing", "orders", **{**NEW, **settings})
    with pytest.raises(ValueError, match=says):
        run(load(group))


@pytest.mark.statement("K94")
@pytest.mark.parametrize(("config", "says"), [
    ({"group_consumer_session_timeout_ms": 10_000}, "must be between group_consumer_min_session_timeout_ms=45000"),
    ({"group_consumer_heartbeat_interval_ms": 20_000}, "group_consumer_max_heartbeat_interval_ms=15000"),
    ({"group_consumer_assignors": "range"}, "UNSUPPORTED_ASSIGNOR"),
    ({"group_consumer_assignors": ["best"]}, "must be one or several of 'uniform', 'range'"),
])
def test_brokers_settings_that_no_broker_would_start_with_are_refused(config, says):
    with pytest.raises(ValueError, match=says):
        run(load(billing(group_remote_assignor="uniform"), broker_config=config))
