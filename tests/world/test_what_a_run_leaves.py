"""A world is a web of cycles: it has to go with the first look of the collector, not with a late one at everything."""

import gc

from simlib import ConsumerGroup, Producer, Scenario, Service, Topic, run
from simlib.world.world import World


async def main(app):
    await app.sleep(1)


def worlds() -> list[World]:
    return [thing for thing in gc.get_objects() if isinstance(thing, World)]


def left_after_one_look(scenario: Scenario) -> int:
    gc.collect()
    before = len(worlds())
    trace = run(scenario, progress=False)
    gc.collect(0)
    assert trace.ended
    return len(worlds()) - before


def test_a_run_in_events_is_gone_with_the_first_look():
    assert left_after_one_look(Scenario([Topic("orders")], services=[Service("main", main)], duration=5)) == 0


def test_a_run_in_columns_is_gone_with_the_first_look():
    load = Producer("shop", "orders", rate=100, keys=5)
    assert left_after_one_look(Scenario([Topic("orders")], [load], [ConsumerGroup("billing", "orders")],
                                        duration=5)) == 0


def test_the_collector_is_as_it_was_before():
    calm = Scenario([Topic("orders")], services=[Service("main", main)], duration=5)
    for given in (gc.enable, gc.disable):
        try:
            given()
            run(calm, progress=False)
            assert gc.isenabled() is (given is gc.enable)
        finally:
            gc.enable()
