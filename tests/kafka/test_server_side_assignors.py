"""`uniform` and `range` on the brokers: even, and whoever had something keeps it as far as that allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.assignors.server_side import SERVER_ASSIGNORS, assign_on_server
from simlib.kafka.assignors.subscription import Subscription
from simlib.kafka.topic_partition import TopicPartition

names = st.sampled_from(list(SERVER_ASSIGNORS))
topics = st.dictionaries(st.sampled_from("tuv"), st.integers(0, 7), min_size=1)


def assign(name, had, partitions, topics=("t",)):
    """`had`: of each member, the numbers it was to have of t."""
    wishes = {member: Subscription(topics, tuple(TopicPartition("t", number) for number in numbers))
              for member, numbers in had.items()}
    return {member: [tp.partition for tp in mine if tp.topic == "t"]
            for member, mine in assign_on_server(name, wishes, partitions).items()}


@pytest.mark.statement("K94")
@pytest.mark.parametrize("name", SERVER_ASSIGNORS)
def test_a_new_member_takes_from_those_who_have_most(name):
    assert assign(name, {"a": [0, 1, 2], "b": [3, 4, 5], "c": []}, {"t": 6}) == {"a": [0, 1], "b": [3, 4], "c": [2, 5]}


@pytest.mark.statement("K94")
@pytest.mark.parametrize("name", SERVER_ASSIGNORS)
def test_who_stays_keeps_what_it_has_when_another_goes(name):
    after = assign(name, {"a": [0, 1], "c": [2, 5]}, {"t": 6})
    assert set(after["a"]) >= {0, 1} and set(after["c"]) >= {2, 5} and sorted(after["a"] + after["c"]) == [*range(6)]


def test_the_first_members_get_what_is_left_over():
    assert assign("uniform", {"a": [], "b": [], "c": []}, {"t": 7}) == {"a": [0, 1, 2], "b": [3, 4], "c": [5, 6]}


def test_range_gives_equal_numbers_of_every_topic_to_one_member_uniform_shares_out_all_topics_together():
    partitions = {"t": 3, "u": 3}
    wishes = {name: Subscription(("t", "u")) for name in "ab"}
    by_range, evenly = (assign_on_server(name, wishes, partitions) for name in ("range", "uniform"))
    assert [(tp.topic, tp.partition) for tp in by_range["a"]] == [("t", 0), ("t", 1), ("u", 0), ("u", 1)]
    assert {name: len(mine) for name, mine in by_range.items()} == {"a": 4, "b": 2}
    assert {name: len(mine) for name, mine in evenly.items()} == {"a": 3, "b": 3}


@given(names, topics, st.lists(st.lists(st.sampled_from("tuv"), min_size=1, unique=True), min_size=1, max_size=5))
def test_all_is_given_to_somebody_who_wants_it_and_a_second_look_changes_nothing(name, partitions, wanted):
    wishes = {f"m{n}": Subscription(tuple(topics)) for n, topics in enumerate(wanted)}
    once = assign_on_server(name, wishes, partitions)
    given_out = [tp for mine in once.values() for tp in mine]
    interesting = {topic for topics in wanted for topic in topics} & set(partitions)
    assert sorted(given_out) == [TopicPartition(topic, n) for topic in sorted(interesting)
                                 for n in range(partitions[topic])]
    assert all(tp.topic in wishes[member].topics for member, mine in once.items() for tp in mine)
    wishes = {member: Subscription(one.topics, tuple(once[member])) for member, one in wishes.items()}
    again = assign_on_server(name, wishes, partitions)
    assert {m: sorted(mine) for m, mine in again.items()} == {m: sorted(mine) for m, mine in once.items()}


@given(st.integers(0, 12), st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_uniform_is_even_whatever_was_before(count, sizes):
    had, start = {}, 0
    for n, size in enumerate(sizes):
        had[f"m{n}"] = [number for number in range(start, start + size) if number < count]
        start += size
    lengths = [len(mine) for mine in assign("uniform", had, {"t": count}).values()]
    assert max(lengths) - min(lengths) <= 1 and sum(lengths) == count
