"""Static members: a restart within the session disturbs nobody."""

import pytest
from group_bench import Bench
from group_client import Client

from simlib.kafka.groups import State


@pytest.fixture
def bench():
    return Bench()


def static(bench, number, **others):
    return Client(bench, f"billing-{number}", instance_id=f"instance-{number}", **others)


@pytest.fixture
def pair(bench):
    clients = static(bench, 0), static(bench, 1)
    bench.stable(*clients)
    return clients


@pytest.mark.statement("K98")
@pytest.mark.parametrize("number", [0, 1], ids=["leader", "follower"])
def test_a_static_member_back_within_its_session_has_its_partitions_without_a_rebalance(bench, pair, number):
    bench.advance(40_000)
    pair[1 - number].beat()
    again = static(bench, number)
    assert again.join().generation == 1
    again.sync()
    assert again.held() == pair[number].held()
    assert (bench.group.state, bench.group.generation) == (State.STABLE, 1)
    assert pair[1 - number].beat() is None
    assert again.member_id != pair[number].member_id


@pytest.mark.statement("K98")
def test_the_older_of_two_with_one_instance_id_is_fenced(bench, pair):
    older = pair[1]
    static(bench, 1).join()
    assert older.beat() == older.commit(t3=9) == older.leave() == "FENCED_INSTANCE_ID"
    assert older.join().error == "FENCED_INSTANCE_ID"


@pytest.mark.statement("K98")
def test_the_older_one_is_fenced_while_it_waits(bench, pair):
    older = pair[1]
    static(bench, 2).join()
    older.join()
    static(bench, 1).join()
    assert bench.answers[older.joining].error == "FENCED_INSTANCE_ID"


@pytest.mark.statement("K98")
def test_a_static_member_that_wants_something_else_causes_a_rebalance(bench, pair):
    static(bench, 1, topics=("t", "u")).join()
    assert bench.group.state is State.PREPARING


@pytest.mark.statement("K98")
def test_a_static_member_back_before_the_assignment_causes_another_rebalance(bench):
    first, second = static(bench, 0), static(bench, 1)
    first.join(), second.join()
    bench.advance(6000)
    assert second.joined() and second.sync() is None
    static(bench, 0).join()
    assert second.synced().error == "REBALANCE_IN_PROGRESS"
    assert bench.group.state is State.PREPARING


@pytest.mark.statement("K89", "K98")
def test_a_static_member_that_stays_away_keeps_its_partitions_until_its_session_ends(bench, pair):
    for _ in range(3):
        bench.advance(14_999)
        assert pair[0].beat() is None
    assert bench.group.state is State.STABLE
    bench.advance(3)
    assert bench.group.state is State.PREPARING
    assert bench.kinds("evicted") == [("evicted", "billing-1")]


@pytest.mark.statement("K89")
def test_a_rebalance_does_not_drop_a_static_member_that_is_away(bench):
    first, away = (static(bench, n, max_poll_interval_ms=20_000, session_timeout_ms=60_000) for n in range(2))
    bench.stable(first, away)
    first.join()
    bench.advance(20_000)
    assert first.joined().generation == 2
    first.sync()
    assert first.held() == [0, 1, 2]


def test_a_static_member_needs_no_second_request(bench):
    first = static(bench, 0)
    assert bench.answers.get(bench.send(first.join_request())) is None
    assert list(bench.group.members) == ["billing-0-1"]
