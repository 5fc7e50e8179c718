"""Another broker takes the groups over: from what was replicated, and nothing else."""

import pytest
from group_bench import Bench
from group_client import Client

from simlib.kafka.groups import Answer, GroupCoordinator, Heartbeat, OffsetFetch, State
from simlib.kafka.topic_partition import TopicPartition

T0, T3 = TopicPartition("t", 0), TopicPartition("t", 3)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def pair(bench):
    clients = Client(bench, "billing-0"), Client(bench, "billing-1")
    bench.stable(*clients)
    return clients


def test_members_assignments_and_offsets_survive(bench, pair):
    first, second = pair
    first.commit(t0=10), second.commit(t3=4)
    bench.fail_over()
    assert (first.beat(), second.beat()) == (None, None)
    assert bench.fetch(T0, T3) == {T0: 10, T3: 4}
    second.join()
    second.sync()
    assert (second.generation, second.held()) == (1, [3, 4, 5])


def test_sessions_start_anew(bench, pair):
    bench.advance(40_000)
    bench.fail_over()
    bench.advance(44_999)
    assert bench.group.state is State.STABLE
    bench.advance(1)
    assert sorted(bench.kinds("evicted")) == [("evicted", "billing-0"), ("evicted", "billing-1")]


def test_a_commit_that_was_not_replicated_is_neither_kept_nor_answered(bench, pair):
    pair[0].commit(t0=10)
    bench.replicates = False
    token = bench.send(pair[0].commit_request(t0=20))
    bench.fail_over()
    assert bench.answers[token].error == "DISCONNECTED"
    assert bench.fetch(T0) == {T0: 10}


def test_a_rebalance_under_way_begins_again(bench, pair):
    first, second = pair
    third = Client(bench, "billing-2")
    third.join(), first.join()
    told = bench.fail_over()
    assert {told[client.joining].error for client in (first, third)} == {"NOT_COORDINATOR"}
    assert third.join().error == "UNKNOWN_MEMBER_ID"
    third.member_id = ""
    third.join(), first.join()
    assert second.beat() == "REBALANCE_IN_PROGRESS"
    second.join()
    assert first.joined().generation == third.joined().generation == 2


def test_an_assignment_that_was_not_replicated_is_void(bench, pair):
    first, second = pair
    first.join()
    second.join()
    bench.replicates = False
    first.joined(), second.joined()
    first.sync(), second.sync()
    assert first.synced() is second.synced() is None
    bench.fail_over()
    assert first.synced().error == second.synced().error == "DISCONNECTED"
    assert first.beat() == "ILLEGAL_GENERATION"
    assert first.join() is None


def test_member_ids_are_not_handed_out_twice(bench, pair):
    bench.fail_over()
    newcomer = Client(bench, "billing-1")
    newcomer.join()
    assert newcomer.member_id not in {client.member_id for client in pair}
    ids = [bench.ask(Client(bench, "billing-3").join_request()).member_id for _ in range(300)]
    bench.fail_over()
    assert bench.ask(Client(bench, "billing-3").join_request()).member_id not in ids


def test_who_does_not_coordinate_says_so():
    coordinator = GroupCoordinator(Bench().settings)

    def error(request):
        effects = coordinator.handle(0, "reply", request)
        return next(effect.response.error for effect in effects if isinstance(effect, Answer))

    beat, fetch = Heartbeat("billing", 1, "x-1"), OffsetFetch("billing", (T0,))
    join = Client(Bench(), "x").join_request()
    assert {error(beat), error(fetch), error(join)} == {"NOT_COORDINATOR"}
    coordinator.start_loading()
    assert {error(beat), error(fetch), error(join)} == {"COORDINATOR_LOAD_IN_PROGRESS"}
    coordinator.load(0, [])
    assert (error(beat), error(fetch)) == ("UNKNOWN_MEMBER_ID", None)
    coordinator.unload()
    assert error(fetch) == "NOT_COORDINATOR"
