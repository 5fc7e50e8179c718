"""What holds for every assignment, whoever joins, leaves or wants what."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.assignors import ASSIGNORS, Subscription, assign
from simlib.kafka.topic_partition import TopicPartition

TOPICS = ["t0", "t1", "t2"]
counts = st.fixed_dictionaries({topic: st.integers(0, 7) for topic in TOPICS})
members = st.lists(st.sampled_from([f"C{number}" for number in range(12)]), min_size=1, max_size=8, unique=True)
wishes = st.dictionaries(
    st.sampled_from([f"C{number}" for number in range(12)]),
    st.lists(st.sampled_from(TOPICS), min_size=1, unique=True).map(tuple),
    min_size=1,
    max_size=8,
)


def alike(names, held=None):
    return {name: Subscription(tuple(TOPICS), tuple((held or {}).get(name, ()))) for name in names}


def everything(partitions, topics=TOPICS):
    return {TopicPartition(topic, number) for topic in topics for number in range(partitions[topic])}


def owners(assignment):
    return {partition: member for member, held in assignment.items() for partition in held}


def sizes(assignment):
    return [len(held) for held in assignment.values()]


@pytest.mark.parametrize("name", ASSIGNORS)
@given(wishes, counts)
def test_each_wanted_partition_goes_to_exactly_one_member_that_wants_it(name, wanted, partitions):
    assignment = assign(name, {member: Subscription(topics) for member, topics in wanted.items()}, partitions)
    given_out = Counter(partition for held in assignment.values() for partition in held)
    assert given_out == dict.fromkeys(everything(partitions, set().union(*wanted.values())), 1)
    assert all(partition.topic in wanted[member] for partition, member in owners(assignment).items())


@pytest.mark.parametrize("name", ["roundrobin", "sticky", "cooperative-sticky"])
@given(members, counts)
def test_members_that_want_the_same_differ_by_one_partition_at_most(name, names, partitions):
    assignment = assign(name, alike(names), partitions)
    assert max(sizes(assignment)) - min(sizes(assignment)) <= 1


@given(members, counts)
def test_range_is_even_within_each_topic(names, partitions):
    assignment = assign("range", alike(names), partitions)
    for topic in TOPICS:
        held = [sum(partition.topic == topic for partition in one) for one in assignment.values()]
        assert max(held) - min(held) <= 1


@pytest.mark.parametrize("name", ["sticky", "cooperative-sticky"])
@given(members.filter(lambda names: len(names) > 1), counts)
def test_who_leaves_takes_nothing_from_the_others(name, names, partitions):
    before = assign(name, alike(names), partitions)
    after = assign(name, alike(names[1:], before), partitions)
    assert all(set(before[member]) <= set(after[member]) for member in names[1:])
    assert max(sizes(after)) - min(sizes(after)) <= 1


@given(members.filter(lambda names: len(names) > 1), counts)
def test_who_joins_takes_from_the_others_no_more_than_its_share(names, partitions):
    before = assign("sticky", alike(names[1:]), partitions)
    after = assign("sticky", alike(names, before), partitions)
    moved = [one for one, member in owners(after).items() if owners(before)[one] != member]
    assert sorted(moved) == after[names[0]]


@given(wishes, wishes, counts, counts)
def test_sticky_is_as_even_as_the_wishes_allow_after_any_change(earlier, later, fewer, partitions):
    held = assign("sticky", {member: Subscription(topics) for member, topics in earlier.items()}, fewer)
    subscriptions = {member: Subscription(topics, tuple(held.get(member, ()))) for member, topics in later.items()}
    after = assign("sticky", subscriptions, partitions)
    assert set(owners(after)) == everything(partitions, set().union(*later.values()))
    for partition, member in owners(after).items():
        takers = [other for other in later if partition.topic in later[other]]
        assert all(len(after[member]) - len(after[other]) <= 1 for other in takers)


@pytest.mark.statement("K92")
@given(wishes, wishes, counts, counts)
def test_cooperative_never_gives_what_another_holds_and_gets_everything_assigned(earlier, later, fewer, partitions):
    held = assign("sticky", {member: Subscription(topics) for member, topics in earlier.items()}, fewer)
    for _ in range(4):
        kept = {member: [one for one in held.get(member, ()) if one.topic in later[member]] for member in later}
        held = assign(
            "cooperative-sticky",
            {member: Subscription(topics, tuple(kept[member])) for member, topics in later.items()},
            partitions,
        )
        assert all(owners(kept).get(partition, member) == member for partition, member in owners(held).items())
    assert set(owners(held)) == everything(partitions, set().union(*later.values()))


@pytest.mark.statement("K92")
@given(members, members, counts)
def test_two_cooperative_rebalances_do_where_all_want_the_same(earlier, later, partitions):
    held = assign("cooperative-sticky", alike(earlier), partitions)
    first = assign("cooperative-sticky", alike(later, held), partitions)
    second = assign("cooperative-sticky", alike(later, first), partitions)
    assert set(owners(second)) == everything(partitions)
    assert second == assign("sticky", alike(later, first), partitions)


@pytest.mark.parametrize("name", ASSIGNORS)
@given(wishes, counts, st.randoms(use_true_random=False))
def test_the_order_in_which_members_and_topics_are_told_does_not_matter(name, wanted, partitions, random):
    shuffled = random.sample(list(wanted), len(wanted))
    one = assign(name, {member: Subscription(wanted[member]) for member in wanted}, partitions)
    other = assign(
        name,
        {member: Subscription(wanted[member][::-1]) for member in shuffled},
        dict(reversed(list(partitions.items()))),
    )
    assert one == other
