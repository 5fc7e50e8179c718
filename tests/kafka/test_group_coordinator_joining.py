"""Who may join, who waits for whom, and which assignor is chosen."""

import pytest
from group_bench import Bench
from group_client import Client

from simlib.kafka.groups import State


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def pair(bench):
    """billing-0 and billing-1 in a stable first generation; billing-0 leads."""
    clients = Client(bench, "billing-0"), Client(bench, "billing-1")
    bench.stable(*clients)
    return clients


def test_a_first_join_is_answered_with_a_member_id_to_join_with(bench):
    first = Client(bench, "billing-0")
    answer = bench.ask(first.join_request())
    assert (answer.error, answer.member_id) == ("MEMBER_ID_REQUIRED", "billing-0-1")
    assert not bench.group.members


@pytest.mark.statement("K90")
def test_an_empty_group_waits_for_others_before_its_first_generation(bench):
    first = Client(bench, "billing-0")
    first.join()
    bench.advance(2999)
    assert first.joined() is None
    bench.advance(1)
    assert first.joined().generation == 1


@pytest.mark.statement("K90")
def test_each_newcomer_puts_the_first_generation_off_again(bench):
    first, second = Client(bench, "billing-0"), Client(bench, "billing-1")
    first.join()
    bench.advance(2000)
    second.join()
    bench.advance(3999)
    assert first.joined() is None
    bench.advance(1)
    assert first.joined().generation == second.joined().generation == 1


@pytest.mark.statement("K90")
def test_newcomers_put_the_first_generation_off_no_longer_than_the_rebalance_timeout(bench):
    clients = [Client(bench, f"billing-{number}", max_poll_interval_ms=10_000) for number in range(6)]
    for client in clients[:5]:
        client.join()
        bench.advance(2000)
    assert clients[0].joined().generation == 1
    assert len(bench.group.members) == 5


@pytest.mark.statement("K90")
def test_without_the_delay_the_first_member_starts_at_once():
    first = Client(Bench(group_initial_rebalance_delay_ms=0), "billing-0")
    assert first.join().generation == 1


def test_a_newcomer_that_waits_too_long_is_dropped(bench):
    first = Client(bench, "billing-0", max_poll_interval_ms=900_000)
    bench.stable(first)
    Client(bench, "billing-1").join()
    for _ in range(10):
        bench.advance(30_000)
        first.beat()
    assert bench.kinds("evicted") == [("evicted", "billing-1")]


def test_an_id_that_is_never_used_holds_a_rebalance_up_until_it_expires(bench, pair):
    first, second = pair
    ghost = Client(bench, "billing-2", session_timeout_ms=10_000)
    bench.ask(ghost.join_request())
    bench.advance(5000)
    Client(bench, "billing-3").join()
    first.join(), second.join()
    bench.advance(4999)
    assert bench.group.state is State.PREPARING
    bench.advance(1)
    assert first.joined().generation == 2
    assert not bench.group.pending


def test_a_pending_member_can_leave(bench, pair):
    ghost = Client(bench, "billing-2")
    ghost.member_id = bench.ask(ghost.join_request()).member_id
    assert ghost.leave() is None
    assert not bench.group.pending


def test_an_unchanged_follower_that_rejoins_learns_the_generation_again(bench, pair):
    second = pair[1]
    assert second.join().generation == 1
    assert bench.group.state is State.STABLE
    second.sync()
    assert second.held() == [3, 4, 5]


def test_a_follower_that_wants_something_else_causes_a_rebalance(bench, pair):
    second = pair[1]
    second.topics = ("t", "u")
    second.join()
    assert bench.group.state is State.PREPARING


def test_a_leader_that_rejoins_causes_a_rebalance(bench, pair):
    pair[0].join()
    assert bench.group.state is State.PREPARING


def test_a_lost_join_answer_can_be_asked_for_again(bench):
    first, second = Client(bench, "billing-0"), Client(bench, "billing-1")
    first.join(), second.join()
    bench.advance(6000)
    first.joined()
    again = bench.ask(first.join_request())
    assert again.generation == 1 and len(again.members) == 2


@pytest.mark.statement("K93")
def test_java_defaults_choose_range(bench):
    clients = [Client(bench, f"billing-{n}", assignors=("range", "cooperative-sticky")) for n in range(2)]
    bench.stable(*clients)
    assert clients[0].joined().protocol == "range"


@pytest.mark.statement("K93")
def test_cooperative_is_chosen_once_range_is_gone_from_one_member(bench):
    first = Client(bench, "billing-0", assignors=("range", "cooperative-sticky"))
    second = Client(bench, "billing-1", assignors=("cooperative-sticky",))
    bench.stable(first, second)
    assert first.joined().protocol == "cooperative-sticky"


@pytest.mark.statement("K93")
def test_the_majority_decides_among_what_all_can_use(bench):
    orders = [("range", "sticky"), ("sticky", "range"), ("roundrobin", "sticky", "range")]
    clients = [Client(bench, f"billing-{number}", assignors=order) for number, order in enumerate(orders)]
    bench.stable(*clients)
    assert clients[0].joined().protocol == "sticky"


@pytest.mark.statement("K93")
def test_a_member_that_shares_no_assignor_is_refused(bench, pair):
    assert Client(bench, "billing-2", assignors=("sticky",)).join().error == "INCONSISTENT_GROUP_PROTOCOL"


@pytest.mark.parametrize("timeout", [5_999, 1_800_001])
def test_a_session_timeout_outside_the_brokers_bounds_is_refused(bench, timeout):
    assert Client(bench, "billing-0", session_timeout_ms=timeout).join().error == "INVALID_SESSION_TIMEOUT"
