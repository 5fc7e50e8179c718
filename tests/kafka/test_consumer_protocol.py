"""The coordinator's side of KIP-848: it assigns, members reconcile, and nobody waits for anybody."""

import pytest
from consumer_protocol_client import Consumer
from group_bench import Bench
from group_client import Client

from simlib.kafka.groups import State


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def pair(bench):
    return settled(bench, Consumer(bench, "billing-0"), Consumer(bench, "billing-1"))


def settled(bench, *consumers):
    """Let them join and go on until everybody has what it shall have."""
    for _ in range(6):
        for consumer in consumers:
            consumer.send()
            consumer.poll()
    assert bench.group.state is State.STABLE
    return consumers


def held(*consumers):
    return [consumer.held() for consumer in consumers]


# -- joining and leaving


@pytest.mark.statement("K94")
def test_the_first_member_has_everything_at_once(bench):
    """No initial delay, and no second request: the answer to the join brings the partitions."""
    first = Consumer(bench, "billing-0")
    answer = first.send()
    assert answer.epoch == 1 and [tp.partition for tp in answer.assignment] == list(range(6))
    assert bench.group.state is State.STABLE and bench.now == 0


@pytest.mark.statement("K94")
def test_a_partition_is_given_only_after_the_one_who_had_it_has_said_so(bench):
    first, second = Consumer(bench, "billing-0"), Consumer(bench, "billing-1")
    first.send(), first.poll()
    assert second.send().assignment == () and bench.group.state is State.RECONCILING
    assert second.epoch == 2 and first.epoch == 1
    told = first.send()
    assert told.epoch == 1 and [tp.partition for tp in told.assignment] == [0, 1, 2]  # still in its old epoch
    second.send()
    assert second.told == ()  # told is not given up
    first.poll()
    assert first.epoch == 2 and first.held() == [0, 1, 2]
    assert [tp.partition for tp in second.send().assignment] == [3, 4, 5]
    assert bench.group.state is State.STABLE


@pytest.mark.statement("K94")
def test_a_new_member_waits_for_nobody_who_gives_nothing_up(bench, pair):
    """Two of three move one partition each; the new member gets the first as soon as that is free."""
    first, second = pair
    third = Consumer(bench, "billing-2")
    third.send()
    first.send(), first.poll()
    assert [tp.partition for tp in third.send().assignment] == [2]
    third.poll()
    assert second.held() == [3, 4, 5]  # it has not heard of anything yet
    second.send(), second.poll(), third.send(), third.poll()
    assert held(first, second, third) == [[0, 1], [3, 4], [2, 5]]


@pytest.mark.statement("K94")
def test_who_leaves_frees_its_partitions_for_the_others_next_heartbeats(bench, pair):
    first, second = pair
    assert first.leave() is None
    assert bench.group.generation == 3 and second.epoch == 2
    assert [tp.partition for tp in second.send().assignment] == list(range(6))
    assert bench.kinds("left") == [("left", "billing-0")]


@pytest.mark.statement("K94", "K86")
def test_a_member_that_is_silent_for_the_brokers_session_timeout_is_out(bench, pair):
    first, second = pair
    for _ in range(8):
        bench.advance(5_000)
        second.beat()
    assert bench.kinds("evicted") == []
    bench.advance(5_000)
    assert bench.kinds("evicted") == [("evicted", "billing-0")]
    assert [tp.partition for tp in second.send().assignment] == list(range(6))
    assert first.beat() == "UNKNOWN_MEMBER_ID"


@pytest.mark.statement("K94")
def test_a_commit_is_no_sign_of_life(bench, pair):
    bench.advance(44_999)
    assert pair[0].commit() is None
    bench.advance(1)
    assert len(bench.kinds("evicted")) == 2
    assert bench.group.state is State.EMPTY


@pytest.mark.statement("K94")
def test_a_topic_that_grows_is_noticed_by_the_next_heartbeat(bench, pair):
    first, second = pair
    bench.partitions["t"] = 8
    assert first.beat() is None and bench.group.generation == 3
    settled(bench, first, second)
    assert sorted(sum(held(first, second), [])) == list(range(8))


def test_an_empty_group_keeps_its_offsets_whatever_protocol_comes_next(bench, pair):
    first, second = pair
    first.commit(5)
    first.leave(), second.leave()
    assert bench.group.state is State.EMPTY
    classic = Client(bench, "billing-0")
    bench.stable(classic)
    classic.commit(t0=7)
    assert Consumer(bench, "billing-1").beat() == "GROUP_ID_NOT_FOUND"
    classic.leave()
    again = Consumer(bench, "billing-1")
    assert again.send().epoch == bench.group.generation > 3
    assert bench.coordinator.groups["billing"].offsets[("t", 0)] == 7


def test_a_classic_member_cannot_join_a_group_that_speaks_the_other_protocol(bench, pair):
    stranger = Client(bench, "billing-9")
    assert stranger.join().error == "INCONSISTENT_GROUP_PROTOCOL"
    stranger.member_id, stranger.generation = "billing-9-1", 1
    assert stranger.beat() == stranger.leave() == "UNKNOWN_MEMBER_ID"


# -- assignors


@pytest.mark.statement("K94")
def test_the_brokers_first_assignor_is_used_unless_most_members_name_another(bench):
    settled(bench, *[Consumer(bench, f"billing-{n}", assignor=name) for n, name in enumerate([None, None, "range"])])
    assert bench.group.assignor == "range"
    others = Bench()
    settled(others, *[Consumer(others, f"billing-{n}") for n in range(2)])
    assert others.group.assignor == "uniform"


def test_an_assignor_the_brokers_do_not_have_is_refused():
    bench = Bench(group_consumer_assignors=("uniform",))
    assert Consumer(bench, "billing-0", assignor="range").beat() == "UNSUPPORTED_ASSIGNOR"


# -- fencing


@pytest.mark.statement("K94a")
def test_a_lost_answer_is_made_good_by_saying_what_one_has(bench, pair):
    first, second = pair
    third = Consumer(bench, "billing-2")
    third.send(lost=True)
    assert third.send().epoch == 3  # it asks to join once more
    told = first.send(lost=True)  # told to give up 2, it does not hear of it
    assert (told.epoch, len(told.assignment)) == (2, 2)
    assert first.send() == told
    first.poll()
    assert first.epoch == 3 and first.held() == [0, 1]
    assert len(bench.kinds("joined")) == 3


@pytest.mark.statement("K94a")
def test_the_epoch_before_will_do_only_with_partitions_the_member_still_has(bench, pair):
    first, second = pair
    second.leave()
    first.send(lost=True)  # it is in epoch 3 and does not know
    assert bench.ask(first.request(2, None)).error == "FENCED_MEMBER_EPOCH"
    assert bench.ask(first.request(1, first.owned)).error == "FENCED_MEMBER_EPOCH"
    assert bench.ask(first.request(4, first.owned)).error == "FENCED_MEMBER_EPOCH"
    assert first.send().epoch == 3


@pytest.mark.statement("K94a")
def test_who_was_fenced_begins_again_at_epoch_0_under_the_same_id(bench, pair):
    first, second = pair
    first.epoch = 9
    assert first.beat() == "FENCED_MEMBER_EPOCH" and first.epoch == 0
    answer = first.send()
    assert answer.epoch == 2 and [tp.partition for tp in answer.assignment] == [0, 1, 2]
    assert bench.kinds("joined") == [("joined", "billing-0"), ("joined", "billing-1")]


@pytest.mark.statement("K94a", "K97")
def test_a_commit_with_an_epoch_that_is_over_is_stale(bench, pair):
    first, second = pair
    assert second.commit() is None
    first.leave()
    second.send(lost=True)
    assert second.commit() == "STALE_MEMBER_EPOCH"
    second.send()
    assert second.commit() is None
    assert first.commit() == "UNKNOWN_MEMBER_ID"


# -- static members


@pytest.mark.statement("K94b")
def test_a_static_member_that_closes_is_away_and_its_partitions_wait(bench):
    first, second = settled(bench, Consumer(bench, "billing-0", "till-0"), Consumer(bench, "billing-1", "till-1"))
    epoch = bench.group.generation
    assert first.leave() is None and bench.kinds("left") == []
    second.beat()
    assert second.held() == [3, 4, 5] and bench.group.generation == epoch
    back = Consumer(bench, "billing-0", "till-0", member_id="another-id")
    assert back.send().epoch == epoch and len(back.told) == 3
    assert bench.group.state is State.STABLE
    assert first.beat() == "FENCED_INSTANCE_ID"


@pytest.mark.statement("K94b")
def test_a_static_member_that_died_blocks_its_name_until_its_session_ends(bench):
    """Unlike a classic group, where whoever comes later takes the name over at once (K98)."""
    settled(bench, Consumer(bench, "billing-0", "till-0"))
    back = Consumer(bench, "billing-0", "till-0", member_id="another-id")
    assert back.beat() == "UNRELEASED_INSTANCE_ID"
    bench.advance(45_000)
    assert back.send().epoch == 3 and len(back.told) == 6


@pytest.mark.statement("K94b")
def test_a_static_member_that_stays_away_is_missed_when_its_session_ends(bench):
    first, second = settled(bench, Consumer(bench, "billing-0", "till-0"), Consumer(bench, "billing-1"))
    first.leave()
    for _ in range(9):
        bench.advance(5_000)
        second.send(), second.poll()
    assert bench.kinds("evicted") == [("evicted", "billing-0")]
    assert second.held() == list(range(6))


# -- patience


@pytest.mark.statement("K94c")
def test_who_does_not_give_up_in_time_is_out_although_it_lives(bench):
    first = Consumer(bench, "billing-0", max_poll_interval_ms=20_000)
    settled(bench, first)
    second = Consumer(bench, "billing-1")
    second.send()
    for _ in range(4):
        first.beat()  # it is told, and too busy to poll
        bench.advance(4_999)
        second.beat()
    assert bench.kinds("evicted") == []
    bench.advance(4)
    assert bench.kinds("evicted") == [("evicted", "billing-0")]
    assert [tp.partition for tp in second.send().assignment] == list(range(6))


@pytest.mark.statement("K94c")
def test_who_gave_up_in_time_has_no_deadline_any_more(bench):
    first = Consumer(bench, "billing-0", max_poll_interval_ms=20_000)
    settled(bench, first)
    second = Consumer(bench, "billing-1")
    second.send(), first.beat(), first.poll()
    bench.advance(30_000)
    assert bench.kinds("evicted") == []


# -- the coordinator moves


def test_a_new_coordinator_goes_on_where_the_old_one_was(bench, pair):
    first, second = pair
    third = Consumer(bench, "billing-2", max_poll_interval_ms=10_000)
    third.send(), first.send()
    bench.fail_over()
    assert bench.group.state is State.RECONCILING and first.beat() is None
    settled(bench, first, second, third)
    assert sorted(sum(held(first, second, third), [])) == list(range(6))
    assert [note for note in bench.kinds("joined")] == [("joined", f"billing-{n}") for n in range(3)]


@pytest.mark.statement("K94c")
def test_a_new_coordinator_does_not_forget_who_has_to_give_up(bench):
    first = Consumer(bench, "billing-0", max_poll_interval_ms=20_000)
    settled(bench, first)
    Consumer(bench, "billing-1").send(), first.beat()
    bench.fail_over()
    bench.advance(20_000)
    assert bench.kinds("evicted") == [("evicted", "billing-0")]


def test_a_mere_sign_of_life_is_not_written_to_the_log(bench, pair):
    before = len(bench.log)
    for _ in range(3):
        assert pair[0].beat() is None
    assert len(bench.log) == before
