"""Rebalancing and leaving, as the coordinator sees it."""

import pytest
from group_bench import Bench
from group_client import Client

from simlib.kafka.groups import Heartbeat, OffsetCommit, OffsetFetch, State, SyncGroup
from simlib.kafka.topic_partition import TopicPartition

T0 = TopicPartition("t", 0)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def pair(bench):
    """billing-0 and billing-1 in a stable first generation; billing-0 leads."""
    clients = Client(bench, "billing-0"), Client(bench, "billing-1")
    bench.stable(*clients)
    return clients


def test_only_the_leader_learns_who_is_in_and_assigns(bench):
    first, second = Client(bench, "billing-0"), Client(bench, "billing-1")
    bench.stable(first, second)
    assert list(first.joined().members) == [first.member_id, second.member_id]
    assert second.joined().leader == first.member_id and not second.joined().members
    assert (first.held(), second.held()) == ([0, 1, 2], [3, 4, 5])


def test_a_follower_waits_for_the_leaders_assignment(bench):
    first, second = Client(bench, "billing-0"), Client(bench, "billing-1")
    first.join(), second.join()
    bench.advance(6000)
    assert second.joined() and second.sync() is None
    assert bench.group.state is State.COMPLETING
    first.joined(), first.sync()
    assert second.held() == [3, 4, 5]


@pytest.mark.statement("K84")
def test_a_member_too_many_is_idle(bench):
    clients = [Client(bench, f"billing-{number}", partitions={"t": 2}) for number in range(3)]
    bench.stable(*clients)
    assert [client.held() for client in clients] == [[0], [1], []]


@pytest.mark.statement("K86", "peer-T3")
def test_a_dead_member_is_noticed_when_its_session_ends_and_not_before(bench, pair):
    first, second = pair
    for _ in range(14):
        bench.advance(3000)
        assert first.beat() is None
    bench.advance(2999)
    assert bench.group.state is State.STABLE
    bench.advance(1)
    assert bench.group.state is State.PREPARING
    assert bench.kinds("evicted") == [("evicted", "billing-1")]
    assert first.beat() == "REBALANCE_IN_PROGRESS"
    assert first.join().generation == 2
    first.sync()
    assert first.held() == [0, 1, 2, 3, 4, 5]
    assert second.beat() == "UNKNOWN_MEMBER_ID"


@pytest.mark.statement("K86")
def test_commits_keep_a_session_alive_as_heartbeats_do(bench, pair):
    first, second = pair
    for _ in range(4):
        bench.advance(20_000)
        assert (first.beat(), second.commit(t3=1)) == (None, None)


@pytest.mark.statement("K87")
def test_a_clean_leave_rebalances_at_once(bench, pair):
    first, second = pair
    assert second.leave() is None
    assert bench.kinds("left") == [("left", "billing-1")]
    assert first.beat() == "REBALANCE_IN_PROGRESS"
    assert first.join().generation == 2


def test_the_last_to_leave_leaves_an_empty_group(bench):
    only = Client(bench, "billing-0")
    bench.stable(only)
    only.leave()
    assert bench.group.state is State.EMPTY
    assert bench.group.generation == 2


@pytest.mark.statement("K91")
def test_a_rebalance_waits_for_the_slowest_member(bench, pair):
    first, second = pair
    third = Client(bench, "billing-2")
    third.join()
    first.join()
    bench.advance(40_000)
    assert first.joined() is None
    second.join()
    assert {client.joined().generation for client in (first, second, third)} == {2}


@pytest.mark.statement("K91")
def test_who_does_not_rejoin_within_the_rebalance_timeout_is_out(bench):
    first, second = Client(bench, "billing-0"), Client(bench, "billing-1")
    first.max_poll_interval_ms, second.max_poll_interval_ms = 20_000, 30_000
    bench.stable(first, second)
    third = Client(bench, "billing-2", max_poll_interval_ms=10_000)
    third.join(), first.join()
    bench.advance(29_999)
    assert third.joined() is None
    assert second.beat() == "REBALANCE_IN_PROGRESS"
    bench.advance(1)
    assert (first.joined().generation, third.joined().generation) == (2, 2)
    assert bench.kinds("evicted") == [("evicted", "billing-1")]
    assert second.beat() == "UNKNOWN_MEMBER_ID"


@pytest.mark.statement("K91")
def test_a_member_back_before_its_old_session_ended_makes_the_healthy_wait_for_it(bench, pair):
    first, _ = pair
    again = Client(bench, "billing-1")
    again.join()
    assert again.member_id == "billing-1-3"
    first.join()
    bench.advance(44_999)
    assert first.joined() is None
    bench.advance(1)
    assert first.joined().generation == again.joined().generation == 2


def test_members_that_wait_in_a_rebalance_need_not_be_heard(bench, pair):
    first, second = pair
    Client(bench, "billing-2").join()
    first.join()
    for _ in range(6):
        bench.advance(40_000)
        second.beat()
    assert bench.kinds("evicted") == []


def test_who_joins_and_never_syncs_is_dropped_after_the_rebalance_timeout(bench):
    first, second = (Client(bench, f"billing-{number}", max_poll_interval_ms=20_000) for number in range(2))
    first.join(), second.join()
    bench.advance(6000)
    first.joined(), first.sync(), second.joined()
    for _ in range(4):
        bench.advance(5000)
        first.beat(), second.beat()
    assert bench.kinds("evicted") == [("evicted", "billing-1")]


def test_a_dead_leader_holds_the_assignment_up_until_its_session_ends(bench):
    first, second = Client(bench, "billing-0"), Client(bench, "billing-1")
    first.join(), second.join()
    bench.advance(6000)
    assert second.joined() and second.sync() is None
    bench.advance(44_999)
    assert second.synced() is None
    bench.advance(1)
    assert second.synced().error == "REBALANCE_IN_PROGRESS"
    assert second.join().leader == second.member_id


@pytest.mark.statement("K92")
def test_a_cooperative_join_takes_two_rebalances(bench):
    first, second = (Client(bench, f"billing-{number}", assignors=("cooperative-sticky",)) for number in range(2))
    bench.stable(first)
    second.join(), first.join()
    first.joined(), second.joined()
    first.sync(), second.sync()
    assert (first.held(), second.held()) == ([0, 1, 2], [])
    first.join()
    assert second.beat() == "REBALANCE_IN_PROGRESS"
    second.join()
    first.joined(), second.joined()
    first.sync(), second.sync()
    assert (first.generation, first.held(), second.held()) == (3, [0, 1, 2], [3, 4, 5])


def test_who_is_not_known_is_told_so(bench, pair):
    stranger = Client(bench, "billing-9", member_id="billing-9-9", generation=1)
    assert stranger.join().error == "UNKNOWN_MEMBER_ID"
    assert stranger.beat() == stranger.leave() == "UNKNOWN_MEMBER_ID"
    assert bench.ask(SyncGroup("billing", 1, "billing-9-9")).error == "UNKNOWN_MEMBER_ID"


def test_a_group_that_does_not_exist(bench):
    assert bench.ask(Heartbeat("none", 1, "x-1")).error == "UNKNOWN_MEMBER_ID"
    assert bench.ask(OffsetCommit("none", 1, "x-1", {T0: 5})).error == "ILLEGAL_GENERATION"
    assert bench.ask(OffsetFetch("none", (T0,))).offsets == {T0: -1}
    assert not bench.coordinator.groups


@pytest.mark.statement("K85")
def test_groups_do_not_touch_each_other(bench, pair):
    assert bench.ask(OffsetCommit("audit", -1, "", {T0: 5})).error is None
    assert bench.fetch(T0) == {T0: -1}
    assert bench.group.state is State.STABLE
