"""The flow engine against the readable one: the same partitions, offsets, times, deliveries, commits, duplicates."""

import pytest
from agreement import agree
from flow_scenarios import calm_scenarios, scenarios, where_possible
from hypothesis import HealthCheck, given, settings

from simlib import ConsumerGroup, Crash, Exponential, Pause, Producer, Scenario, Shutdown, Topic, laws

compared = settings(max_examples=100, derandomize=True, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
many = settings(compared, max_examples=2_000, derandomize=False, print_blob=True)


def shop(**more):
    return Scenario(**{"topics": [Topic("orders", partitions=3, replication_factor=3)],
                       "producers": [Producer("shop", "orders", rate=60, keys=30)],
                       "groups": [ConsumerGroup("billing", "orders", 3, service_time=0.02)],
                       "duration": 90.0, "seed": 7, **more})


def test_the_scenario_of_the_first_lesson():
    events, flow = agree(shop(faults=[Crash("billing-1", at=30, restart_after=30)]))
    assert len(flow.duplicates) > 0
    assert flow.data.meta["counters"]["simpy_events"] < events.data.meta["counters"]["simpy_events"] / 10


def test_a_zombie_goes_on_reading_what_it_has_lost():
    group = ConsumerGroup("billing", "orders", 2, service_time=0.03, session_timeout_ms=6_000)
    _, flow = agree(shop(groups=[group], faults=[Pause("billing-0", at=20, duration=12)], duration=60.0))
    assert "eviction" in set(flow.duplicates.cause_of_repeat)


def test_what_a_member_had_in_hand_as_it_stood_still_is_no_delivery_before_its_end():
    group = ConsumerGroup("billing", "orders", 2, Exponential(0.002), max_poll_records=1, session_timeout_ms=10_000,
                          partition_assignment_strategy="range")
    _, flow = agree(shop(topics=[Topic("orders")], producers=[Producer("shop", "orders", rate=50)], groups=[group],
                         faults=[Pause("billing-0", at=9.642, duration=30)], duration=20.5, brokers=1, seed=0))
    assert list(flow.deliveries.attempt[flow.deliveries.offset == 482]) == [1, 2]


def test_work_that_takes_longer_than_max_poll_interval_ms():
    group = ConsumerGroup("billing", "orders", 2, service_time=0.1, max_poll_interval_ms=3_000, max_poll_records=100)
    _, flow = agree(shop(groups=[group], duration=40.0))
    assert "evicted" in set(flow.control.kind)


def test_a_member_that_leaves_commits_and_hands_its_partitions_on():
    group = ConsumerGroup("billing", "orders", 3, service_time=0.01,
                          partition_assignment_strategy="cooperative-sticky")
    _, flow = agree(shop(groups=[group], faults=[Shutdown("billing-2", at=15, restart_after=10)], duration=60.0))
    assert len(flow.duplicates) == 0 and {"left", "revoked"} <= set(flow.control.kind)


def test_deadlines_of_auto_commit_pass_while_a_member_stands_still():
    group = ConsumerGroup("billing", "orders", auto_commit_interval_ms=100)
    _, flow = agree(shop(topics=[Topic("orders")], producers=[Producer("shop", "orders", rate=1)], groups=[group],
                         faults=[Pause("billing-0", at=1.03, duration=0.33)], duration=20.0, brokers=1))
    assert len(flow.commits) > 10


@pytest.mark.parametrize("law", [laws.conservation, laws.order_per_key, laws.order_per_partition,
                                 laws.commit_never_ahead_of_delivery, laws.no_acked_write_lost])
def test_the_laws_hold(law):
    _, flow = agree(shop(faults=[Crash("billing-1", at=30, restart_after=30)]))
    assert law(flow), law(flow)


@pytest.mark.slow
@compared
@given(calm_scenarios())
def test_random_scenarios_in_which_nothing_fails(scenario):
    with where_possible():
        agree(scenario)


@pytest.mark.slow
@compared
@given(scenarios())
def test_random_scenarios_whose_consumers_fail(scenario):
    with where_possible():
        agree(scenario)


@pytest.mark.soak
@many
@given(scenarios())
def test_many_random_scenarios(scenario):
    with where_possible():
        agree(scenario)
