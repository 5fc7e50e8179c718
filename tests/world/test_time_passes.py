"""A world in which time does not pass is an error, not a program that hangs."""

import pytest

from simlib import Scenario, Topic
from simlib.world.event_loop import EndlessLoop
from simlib.world.world import World


def test_more_than_a_million_events_at_one_instant():
    world = World(Scenario(topics=[Topic("orders")], duration=10))

    def again():
        world.clock.at(world.clock.now, 0, again)

    world.clock.at(3_000_000_000, 0, again)
    with pytest.raises(EndlessLoop, match="time does not pass: more than 1,000,000 events at 3 s"):
        world.run()


def at_the_next_nanosecond(world, left):
    if left:
        world.clock.at(world.clock.now + left % 2, 0, at_the_next_nanosecond, world, left - 1)


def test_as_many_events_at_different_instants_are_fine():
    world = World(Scenario(topics=[Topic("orders")], duration=10))
    world.clock.at(3_000_000_000, 0, at_the_next_nanosecond, world, 1_100_000)
    world.run()
    assert world.ended == "duration"
