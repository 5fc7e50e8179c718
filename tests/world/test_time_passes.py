"""A world in which time does not pass is an error, not a program that hangs."""

import pytest

from simlib import Scenario, Topic
from simlib.world.event_loop import EndlessLoop
from simlib.world.world import World


def test_more_than_100_000_events_at_one_instant():
    world = World(Scenario(topics=[Topic("orders")], duration=10))

    def again():
        world.clock.at(world.clock.now, 0, again)

    world.clock.at(3_000_000_000, 0, again)
    with pytest.raises(EndlessLoop, match="time does not pass: more than 100,000 events at 3 s"):
        world.run()


def test_as_many_events_at_different_instants_are_fine():
    world = World(Scenario(topics=[Topic("orders")], duration=10))
    for number in range(150_000):
        world.clock.at(3_000_000_000 + number // 50_000, 0, int)
    world.run()
    assert world.ended == "duration"
