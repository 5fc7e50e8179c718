"""Without a wish, whatever the flow engine can run runs on it; who watches a trace cannot tell."""

import pytest
from agreement import VIEWS, same_view
from test_agreement import shop
from test_flow_refused import REFUSED

from simlib import ConsumerGroup, Crash, EngineError, Exponential, Pause, Producer, Replay, Topic, Trace, run
from simlib.flow.world import FlowWorld
from simlib.units import SECOND
from simlib.world.clock import LAST
from simlib.world.world import World

DYING = shop(faults=[Crash("billing-1", at=30, restart_after=30)])


def test_declared_load_runs_on_the_flow_engine():
    trace = run(DYING)
    assert trace.fidelity.engine == "flow" and not trace.fidelity.folded
    assert str(trace.fidelity) == "every record (flow)"
    assert run(DYING, engine="events").fidelity.engine == "events"


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_run_is_run_event_by_event(name):
    assert run(REFUSED[name]).fidelity.engine == "events"


def test_a_buffer_that_fills_is_seen_late_and_run_event_by_event():
    fast = shop(producers=[Producer("shop", "orders", rate=20_000, keys=1, batch_size=1_000, request_timeout_ms=1_000,
                                    delivery_timeout_ms=3_000)], latency=0.01, duration=5.0)
    trace = run(fast)
    assert trace.fidelity.engine == "events" and len(trace.lost) > 0


def test_records_of_one_instant_are_seen_late_too_and_nothing_is_said_of_it():
    trace = run(shop(topics=[Topic("orders", partitions=4)], duration=5.0,
                     producers=[Producer("shop", "orders", keys=9, arrivals=Replay((1.0, 2.0, 2.0, 2.0, 2.0, 3.0)))]))
    assert trace.fidelity.engine == "events" and not trace.summary().warnings
    assert len(trace.deliveries) == 6


def test_a_million_a_second_that_come_by_chance_are_no_records_of_one_instant():
    chance = shop(topics=[Topic("orders", partitions=6)], groups=[ConsumerGroup("billing", "orders")], duration=0.1,
                  producers=[Producer("shop", "orders", rate=1e6, arrivals="poisson", keys=100, linger_ms=5)])
    assert run(chance).fidelity.engine == "flow"


def test_an_evicted_member_that_reads_on_with_drawn_service_times_is_seen_late_too():
    group = ConsumerGroup("billing", "orders", 2, service_time=Exponential(0.03), session_timeout_ms=6_000)
    zombie = shop(groups=[group], faults=[Pause("billing-0", at=20, duration=12)], duration=60.0)
    with pytest.raises(EngineError, match="group 'billing': two of its members read one partition at the same time"):
        run(zombie, engine="flow")
    assert run(zombie).same_as(run(zombie, engine="events"))


def test_requests_are_events():
    assert run(DYING, wire=True).fidelity.engine == "events"


def test_a_trace_is_the_same_to_the_byte():
    assert run(DYING).same_as(run(DYING, engine="events"))


def test_events_of_one_instant_stand_in_the_same_order():
    flow, events = run(DYING), run(DYING, engine="events")
    same_view(events.events, flow.events, "events")


def interrupted(world, at):
    world.clock.at(at, LAST, world.stop)
    world.run()
    return Trace(world.trace_data("source", []))


@pytest.mark.parametrize("at", [5 * SECOND, 31 * SECOND + 7, 60 * SECOND])
def test_what_there_is_of_an_interrupted_run_is_the_same(at):
    events, flow = interrupted(World(DYING), at), interrupted(FlowWorld(DYING), at)
    assert flow.ended == "interrupted"
    for name in VIEWS:
        same_view(getattr(events, name), getattr(flow, name), name)
    assert events.summary() == flow.summary()


def test_an_engine_that_is_named_is_not_replaced():
    with pytest.raises(EngineError):
        run(REFUSED["services"], engine="flow")
