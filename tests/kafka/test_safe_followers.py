"""Brokers that nothing can befall: nobody waits for signs of life from them, and followers are not sent what they are
sure to take. The trace is the same, to the byte."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import scenarios
from test_transactions_random import transactional

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Topic
from simlib.running import simlib_version
from simlib.scenario import Pause, Shutdown
from simlib.scenario.distributions import Distribution
from simlib.trace.trace import Trace
from simlib.world.world import World

pytestmark = pytest.mark.slow

random_scenarios = settings(max_examples=50, derandomize=True, deadline=None, database=None,
                            suppress_health_check=[HealthCheck.too_slow])

SHOP = Scenario([Topic("orders", partitions=3, replication_factor=3)], [Producer("shop", "orders", rate=20)],
                [ConsumerGroup("billing", "orders", consumers=2)], duration=5)


def made(scenario, wire):
    """The world after its run, and the trace; to whoever sees the wire everything is sent."""
    world = World(scenario, wire=wire)
    world.run(None)
    return world, Trace(world.trace_data(simlib_version(), []))


def sparing_brokers(scenario):
    """Without what hits brokers or links."""
    servers = {*scenario.broker_names, *scenario.controller_names}
    spared = tuple(fault for fault in scenario.faults
                   if isinstance(fault, Crash | Pause | Shutdown) and fault.who not in servers)
    latency = 0.001 if isinstance(scenario.latency, Distribution) else scenario.latency
    return replace(scenario, faults=spared, latency=latency)


def check_that_it_is_the_same(scenario):
    (quick, trace), (whole, expected) = made(scenario, wire=False), made(scenario, wire=True)
    assert quick.cluster.is_safe and not whole.cluster.is_safe
    assert trace.digest() == expected.digest()
    assert quick.network.requests < whole.network.requests


@random_scenarios
@given(scenarios(most_faults=5).map(sparing_brokers))
def test_a_run_that_spares_the_brokers_has_the_trace_of_one_in_which_all_is_sent(scenario):
    check_that_it_is_the_same(scenario)


@random_scenarios
@given(transactional().map(sparing_brokers))
def test_and_so_it_is_with_transactions(scenario):
    check_that_it_is_the_same(scenario)


def test_a_declared_group_gathers_before_time_0_whoever_looks():
    """An explored world has no other beginning: its members have their partitions at time 0, too."""
    for schedule in (None, ()):
        world = World(SHOP, schedule=schedule)
        world.run(None)
        events = Trace(world.trace_data(simlib_version(), [])).events
        assert events[events.kind == "generation"].time.max() < 0


async def idle(app):
    await app.sleep(1)


@pytest.mark.parametrize("change", [
    {"faults": (Crash("broker-1", at=1, restart_after=1),)},
    {"producers": (replace(SHOP.producers[0], transactional_id="shop", acks=None),)},
    {"services": (Service("billing", idle),)},
])
def test_followers_fetch_where_something_can_befall_them_or_the_instant_of_a_fetch_decides(change):
    world, _ = made(replace(SHOP, **change), wire=False)
    assert not world.cluster.has_safe_followers
