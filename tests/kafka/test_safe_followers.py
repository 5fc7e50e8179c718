"""Followers that nothing can befall are not sent what they are sure to take: the trace is the same, to the byte."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import scenarios

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Topic
from simlib.running import simlib_version
from simlib.scenario import Pause, Shutdown
from simlib.scenario.distributions import Distribution
from simlib.trace.trace import Trace
from simlib.world.world import World

pytestmark = pytest.mark.slow

random_scenarios = settings(max_examples=60, derandomize=True, deadline=None, database=None,
                            suppress_health_check=[HealthCheck.too_slow])

SHOP = Scenario([Topic("orders", partitions=3, replication_factor=3)], [Producer("shop", "orders", rate=20)],
                [ConsumerGroup("billing", "orders", consumers=2)], duration=5)


def made(scenario, wire):
    """The trace, and how many requests it took; whoever sees the wire sees followers fetch."""
    world = World(scenario, wire=wire)
    world.run(None)
    return Trace(world.trace_data(simlib_version(), [])), world.network.requests


def sparing_brokers(scenario):
    """Without what hits brokers or links."""
    servers = {*scenario.broker_names, *scenario.controller_names}
    spared = tuple(fault for fault in scenario.faults
                   if isinstance(fault, Crash | Pause | Shutdown) and fault.who not in servers)
    latency = 0.001 if isinstance(scenario.latency, Distribution) else scenario.latency
    return replace(scenario, faults=spared, latency=latency)


@random_scenarios
@given(scenarios(most_faults=5).map(sparing_brokers))
def test_a_run_that_spares_the_brokers_has_the_trace_of_one_in_which_followers_fetch(scenario):
    quick, fewer = made(scenario, wire=False)
    whole, more = made(scenario, wire=True)
    assert quick.digest() == whole.digest()
    assert fewer < more or scenario.brokers == 1


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
def test_where_something_can_befall_them_or_tell_their_order_followers_fetch(change):
    scenario = replace(SHOP, **change)
    assert made(scenario, wire=False)[1] == made(scenario, wire=True)[1]
