"""Committed offsets: whose they are, who may write them, how long they stay."""

import pytest
from group_bench import Bench
from group_client import Client

from simlib.kafka.groups import OffsetCommit, State
from simlib.kafka.topic_partition import TopicPartition

T0, T3 = TopicPartition("t", 0), TopicPartition("t", 3)
DAY = 24 * 3600 * 1000


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def pair(bench):
    clients = Client(bench, "billing-0"), Client(bench, "billing-1")
    bench.stable(*clients)
    return clients


@pytest.mark.statement("peer-T1")
def test_offsets_belong_to_the_group_not_to_the_member(bench, pair):
    first, second = pair
    first.commit(t0=10)
    first.leave()
    second.join()
    assert bench.fetch(T0, T3) == {T0: 10, T3: -1}


def test_a_commit_is_answered_only_once_it_is_replicated(bench, pair):
    bench.replicates = False
    token = bench.send(OffsetCommit("billing", 1, pair[0].member_id, {T0: 5}))
    assert token not in bench.answers
    bench.replicate(len(bench.log))
    assert bench.answers[token].error is None


@pytest.mark.statement("K97", "peer-T2")
def test_a_member_of_an_earlier_generation_cannot_commit(bench, pair):
    first, second = pair
    first.commit(t3=7)
    Client(bench, "billing-2").join()
    first.join()
    zombie = Client(bench, "billing-1", member_id=second.member_id, generation=1)
    second.join()
    first.joined(), first.sync()
    assert zombie.commit(t3=999) == zombie.beat() == "ILLEGAL_GENERATION"
    assert bench.fetch(T3) == {T3: 7}


@pytest.mark.statement("K97", "peer-T2")
def test_a_member_that_is_out_cannot_commit(bench, pair):
    first, second = pair
    second.leave()
    assert second.commit(t3=999) == "UNKNOWN_MEMBER_ID"
    assert bench.fetch(T3) == {T3: -1}


@pytest.mark.statement("K97")
def test_a_commit_while_others_rejoin_is_taken(bench, pair):
    Client(bench, "billing-2").join()
    assert bench.group.state is State.PREPARING
    assert pair[0].commit(t0=5) is None
    assert bench.fetch(T0) == {T0: 5}


@pytest.mark.statement("K97")
def test_a_commit_between_joining_and_the_assignment_is_put_off(bench, pair):
    first, second = pair
    Client(bench, "billing-2").join()
    first.join(), second.join()
    assert first.joined().generation == 2
    assert first.commit(t0=5) == "REBALANCE_IN_PROGRESS"


@pytest.mark.statement("K97")
def test_a_commit_from_outside_is_taken_only_while_the_group_is_empty(bench, pair):
    outside = OffsetCommit("billing", -1, "", {T0: 3})
    assert bench.ask(outside).error == "UNKNOWN_MEMBER_ID"
    for client in pair:
        client.leave()
    assert bench.group.state is State.EMPTY
    assert bench.ask(outside).error is None
    assert bench.fetch(T0) == {T0: 3}


@pytest.mark.statement("K83")
def test_offsets_of_an_empty_group_are_forgotten_after_the_retention_time(bench):
    only = Client(bench, "billing-0")
    bench.stable(only)
    only.commit(t0=10)
    bench.advance(1000)
    only.leave()
    bench.advance(7 * DAY - 1)
    assert bench.fetch(T0) == {T0: 10}
    bench.advance(1)
    assert bench.fetch(T0) == {T0: -1}


@pytest.mark.statement("K83")
def test_offsets_are_kept_while_somebody_is_in_the_group(bench):
    only = Client(bench, "billing-0", session_timeout_ms=1_800_000)
    bench.stable(only)
    only.commit(t0=10)
    for _ in range(8 * 96):
        bench.advance(DAY // 96)
        assert only.beat() is None
    assert bench.fetch(T0) == {T0: 10}


@pytest.mark.statement("K83")
def test_a_member_that_comes_back_too_late_finds_no_offsets_not_even_after_a_failover(bench):
    only = Client(bench, "billing-0")
    bench.stable(only)
    only.commit(t0=10)
    only.leave()
    bench.advance(4 * DAY)
    bench.fail_over()
    assert bench.fetch(T0) == {T0: 10}
    bench.advance(3 * DAY)
    Client(bench, "billing-0").join()
    assert bench.fetch(T0) == {T0: -1}
