"""Who reads what, who notices a death, and who is too late [K84 to K98]."""

import os
from collections import Counter

import pytest
from both import on_both
from real_shop import QUICK, SHORT, acts, billing, nobody_before, shop

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Shutdown, Topic
from simlib.services.errors import CommitFailedError

pytestmark = pytest.mark.slow
BY_HAND = {**QUICK, "group_id": "billing", "enable_auto_commit": False}


def load(*groups, partitions=2, faults=(), stop=10.0, duration=18, **group):
    """Ten records a second for a while, read by declared groups (by one of two members, unless told otherwise)."""
    given = {"consumers": 2, **QUICK, **group}
    return Scenario(topics=[Topic("orders", partitions=partitions, replication_factor=3)], faults=faults,
                    producers=[Producer("shop", topic="orders", rate=10, keys=20, stop=stop)], duration=duration,
                    groups=groups or [ConsumerGroup("billing", "orders", **given)], broker_config=SHORT)


def of(trace, kind, process=None):
    """The events of a kind, of one process or of all."""
    rows = trace.events[trace.events["kind"] == kind]
    return rows if process is None else rows[rows["process"] == process]


def taken_over(trace, dead):
    """Seconds from the end of a member to the first record of its partitions in other hands."""
    ends = trace.events[trace.events["kind"].isin(["crashed", "shutdown"])]
    died = ends[ends["process"] == dead]["time"].iloc[0]
    handed = trace.deliveries
    his = (handed["member"] == dead) & (handed["time"] <= died)
    later = handed[~(handed["member"] == dead) & (handed["time"] > died)
                   & handed["partition"].isin(handed[his]["partition"])]
    return later["time"].iloc[0] - died


@pytest.mark.statement("K84")
@on_both
def test_of_three_consumers_of_two_partitions_one_has_none():
    trace = yield load(consumers=3)
    assert trace.deliveries["member"].nunique() == 2
    assert trace.summary().delivered == trace.summary().produced == 100


def shares(trace, group):
    """What each member of a group was handed, as topic-partition; which of them is the first is the brokers' choice."""
    rows = trace.deliveries[trace.deliveries["group"] == group]
    return sorted(sorted(part["topic"].astype(str) + "p" + part["partition"].astype(str))
                  for _, part in rows.groupby("member", observed=True))


@pytest.mark.statement("K84")
@on_both
def test_range_splits_each_topic_by_itself_and_round_robin_all_partitions():
    rows = {topic: [{"value": 1, "at": 2, "partition": number} for number in range(3)] for topic in ("t0", "t1")}
    groups = [ConsumerGroup(name, ("t0", "t1"), consumers=2, partition_assignment_strategy=name, **QUICK)
              for name in ("range", "roundrobin", "sticky", "cooperative-sticky")]
    trace = yield Scenario([Topic(topic, partitions=3, replication_factor=3) for topic in rows], inputs=rows,
                           groups=groups, broker_config=SHORT)
    assert shares(trace, "range") == [["t0p0", "t0p1", "t1p0", "t1p1"], ["t0p2", "t1p2"]]
    assert shares(trace, "roundrobin") == [["t0p0", "t0p2", "t1p1"], ["t0p1", "t1p0", "t1p2"]]
    for group in ("sticky", "cooperative-sticky"):
        assert [len(share) for share in shares(trace, group)] == [3, 3]


@pytest.mark.statement("K85")
@on_both
def test_groups_do_not_notice_each_other():
    slow = ConsumerGroup("archive", "orders", service_time=0.15, max_poll_records=1, **QUICK)
    trace = yield load(ConsumerGroup("billing", "orders", consumers=2, **QUICK), slow)
    groups = trace.summary().groups
    assert groups["billing"].delivered == 100 and groups["billing"].backlog == 0
    assert 0 < groups["archive"].delivered and groups["archive"].duplicates == 0
    assert groups["archive"].done_after["p95"] > 1 > groups["billing"].done_after["p50"]


@pytest.mark.statement("K86")
@on_both
def test_a_killed_member_is_missed_when_its_session_has_ended():
    trace = yield load(faults=[Crash("billing-0", at=4)], session_timeout_ms=4_000, heartbeat_interval_ms=500)
    assert 3.4 < taken_over(trace, "billing-0") < 6
    assert trace.summary().backlog == 0


@pytest.mark.statement("K87")
@on_both
def test_a_member_that_closes_says_so():
    trace = yield load(faults=[Shutdown("billing-0", at=4)], session_timeout_ms=20_000, heartbeat_interval_ms=500)
    assert taken_over(trace, "billing-0") < 3
    assert trace.summary().backlog == 0


async def too_slow(app):
    """One of the two works longer than it may; the other is quick."""
    consumer = app.consumer("orders", **BY_HAND, max_poll_interval_ms=2_000)
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        if order.value["order_id"] == 0 and await nobody_before(app):
            await app.work(7)
        try:
            await consumer.commit()
        except CommitFailedError:
            await app.effect("too late", app.name)
            return


@pytest.mark.statement("K88", "K97")
@on_both
def test_who_works_too_long_leaves_the_group_and_its_commit_is_refused():
    rows = [{"key": "one", "value": {"order_id": n}, "at": 3.0} for n in range(3)]
    trace = yield shop(inputs={"orders": rows}, services=[Service("billing", too_slow, instances=2)])
    done = acts(trace)
    assert done.count(("charge", 0)) == 2
    assert [name for name, _ in done].count("too late") == 1
    assert {key for name, key in done if name == "charge"} == {0, 1, 2}


@pytest.mark.skipif(os.name == "nt", reason="cannot run on this system: it has no SIGSTOP")
@pytest.mark.statement("K86", "K97")
@on_both
def test_who_stands_still_comes_back_as_a_zombie_whose_commit_is_refused():
    rows = [{"key": f"customer-{n}", "value": {"order_id": n}, "at": 3 + n / 4} for n in range(8)]
    trace = yield (shop(topics=[Topic("orders", partitions=2, replication_factor=3)], inputs={"orders": rows},
                        services=[Service("billing", billing, instances=2)]), "stall-after:billing-0.0/charge#1")
    counts = Counter(acts(trace))
    assert len(counts) == 8 and sorted(counts.values()) == [1] * 7 + [2]
    assert {"paused", "resumed"} <= {*trace.events["kind"]}
    assert any("billing-0 raised CommitFailedError" in text for text in trace.summary().warnings)
    (again,) = trace.duplicates.itertuples()
    assert again.member == "billing-1"
    assert again.cause_of_repeat in ("eviction", "rebalance")  # from outside nobody sees why the group rebalanced


async def static_and_too_slow(app):
    """As `too_slow`, with names that the group remembers; tells when it begins an order."""
    consumer = app.consumer("orders", **BY_HAND, max_poll_interval_ms=2_000, group_instance_id=app.name)
    async for order in consumer:
        await app.effect("begin", order.value["order_id"])
        if await nobody_before(app):
            await app.work(14)
        try:
            await consumer.commit()
        except CommitFailedError:
            await app.effect("too late", app.name)
            return


@pytest.mark.statement("K89")
@on_both
def test_a_static_member_that_works_too_long_keeps_its_partitions_until_its_session_ends():
    rows = [{"key": "one", "value": {"order_id": 0}, "at": 4.0}]
    trace = yield shop(inputs={"orders": rows}, services=[Service("billing", static_and_too_slow, instances=2)])
    first, again = trace.effects.query("name == 'begin'")["time"]
    assert 2 + 5 < again - first < 2 + 6 + 4
    assert trace.effects["process"].nunique() == 2


async def never_commits(app):
    consumer = app.consumer("orders", **BY_HAND)
    async for order in consumer:
        await app.effect(app.name.removesuffix("-0"), order.value["order_id"])


@pytest.mark.statement("K96")
@on_both
def test_the_next_owner_begins_at_the_commit():
    """The second member comes later, and gets one of the partitions: what was worked there is worked again."""
    rows = [{"value": {"order_id": n}, "at": 0, "partition": n % 2} for n in range(6)]
    trace = yield shop(topics=[Topic("orders", partitions=2, replication_factor=3)], inputs={"orders": rows},
                       services=[Service("first", never_commits), Service("second", never_commits, start=5)])
    again = [key for name, key in acts(trace) if name == "second"]
    assert again in ([0, 2, 4], [1, 3, 5])
    assert trace.deliveries.query("member == 'second-0'")["attempt"].tolist() == [2, 2, 2]


@pytest.mark.statement("K98")
@on_both
def test_a_static_member_that_is_soon_back_gets_its_partitions_without_a_rebalance():
    trace = yield load(faults=[Crash("billing-0", at=4, restart_after=1)], static_membership=True,
                       session_timeout_ms=10_000, heartbeat_interval_ms=500)
    assert not len(of(trace, "revoked", "billing-1").query("time > 0"))
    assert not len(of(trace, "assigned", "billing-1").query("time > 0"))
    before = {*trace.deliveries.query("member == 'billing-0' and time < 4")["partition"]}
    after = {*trace.deliveries.query("member == 'billing-0' and time > 5")["partition"]}
    assert before == after and len(before) == 1
    assert trace.summary().backlog == 0


def newcomer(assignor):
    """A member that comes later to a group which reads three partitions alone."""
    both = {**BY_HAND, "partition_assignment_strategy": [assignor]}

    async def reads(app):
        consumer = app.consumer("orders", **both)
        async for order in consumer:
            await app.effect("charge", order.value["order_id"])
            await consumer.commit()

    rows = [{"value": {"order_id": n}, "at": n / 5, "partition": n % 3} for n in range(60)]
    return shop(topics=[Topic("orders", partitions=3, replication_factor=3)], inputs={"orders": rows},
                services=[Service("first", reads), Service("second", reads, start=5)])


@pytest.mark.statement("K91")
@on_both
def test_an_eager_group_gives_up_everything_when_a_member_joins():
    trace = yield newcomer("range")
    given_up = of(trace, "revoked", "first-0").query("time > 4")
    assert {*given_up["partition"]} == {0, 1, 2}
    assert trace.summary().backlog == 0


@pytest.mark.statement("K92")
@on_both
def test_a_cooperative_group_gives_up_only_what_moves():
    trace = yield newcomer("cooperative-sticky")
    given_up = of(trace, "revoked", "first-0").query("time > 4")
    assert len(given_up) == 1
    moved = given_up["partition"].iloc[0]
    assert {*trace.deliveries.query("member == 'second-0'")["partition"]} == {moved}
    assert trace.summary().backlog == 0
