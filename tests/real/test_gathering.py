"""When a declared group has gathered: what the marks of its members tell, without a Kafka."""

import pytest

from simlib import ConsumerGroup, Scenario, Topic
from simlib.real.gathering import SETTLED_AFTER, unsettled

FIRST, SECOND = [["orders", 0]], [["orders", 1]]
ALL = FIRST + SECOND


def gathers(*members: list, now: int = SETTLED_AFTER + 100, topics: int = 1) -> bool:
    names = ["orders", "payments"][:topics]
    scenario = Scenario([Topic(name, partitions=2) for name in names],
                        groups=[ConsumerGroup("billing", names, consumers=len(members))])
    marks = {f"billing-{number}": [[at, kind, "billing", rows] for at, kind, rows in mine]
             for number, mine in enumerate(members)}
    return unsettled(scenario, marks, now) == []


def test_one_that_was_told_and_one_that_was_not() -> None:
    assert not gathers([(1, "assigned", ALL)], [])
    assert gathers([(1, "assigned", ALL)])


def test_all_topics_count() -> None:
    assert not gathers([(1, "assigned", ALL)], topics=2)
    assert gathers([(1, "assigned", [*ALL, ["payments", 0], ["payments", 1]])], topics=2)


def test_who_gave_back_what_it_had_is_waited_for() -> None:
    """The eager protocol: the second to be told is told after the first has given back all."""
    gave_back = [(1, "assigned", ALL), (2, "revoked", ALL)]
    assert not gathers(gave_back, [(3, "assigned", SECOND)])
    assert gathers([*gave_back, (4, "assigned", FIRST)], [(3, "assigned", SECOND)])


@pytest.mark.parametrize("taken", ["revoked", "lost_partitions"])
def test_the_second_round_of_the_cooperative_protocol_is_waited_for(taken: str) -> None:
    idle, soon = [(1, "assigned", ALL)], SETTLED_AFTER - 1
    assert not gathers(idle, [(2, "assigned", [])], now=soon)
    assert not gathers([*idle, (3, taken, SECOND)], [(2, "assigned", [])])
    assert gathers([*idle, (3, taken, SECOND)], [(2, "assigned", []), (4, "assigned", SECOND)])


def test_a_member_too_many_has_nothing_for_good() -> None:
    assert gathers([(1, "assigned", FIRST)], [(1, "assigned", SECOND)], [(1, "assigned", [])])
