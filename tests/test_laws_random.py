"""The laws over random scenarios: whatever is built, however it is set, whatever befalls it.

200 scenarios here, thousands in `lab.py soak`. A failure shows its scenario as code: paste it, run it.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from raw_checks import events, problems, unclean
from strategies import calm_scenarios, scenarios

from simlib import laws, run
from simlib.scenario import (
    AddPartitions,
    Bursts,
    ConsumerGroup,
    Crash,
    Pause,
    PowerLoss,
    Producer,
    Scenario,
    Shutdown,
    Topic,
)

ALWAYS = (laws.conservation, laws.order_per_partition, laws.no_acked_write_lost, laws.commit_never_ahead_of_delivery)
AFTERWARDS = 500.0
"""Seconds after the last record in which everybody can catch up: sessions end, metadata is refreshed (every 300 s)."""

random_scenarios = settings(max_examples=200, derandomize=True, deadline=None, database=None,
                            suppress_health_check=[HealthCheck.too_slow])
fewer = settings(random_scenarios, max_examples=80)
many = settings(random_scenarios, max_examples=3_000, derandomize=False, print_blob=True)


COMMITS_LOST = Scenario(
    [Topic("orders", partitions=3)], brokers=1, duration=22, seed=61,
    producers=[Producer("shop", "orders", rate=0.718, arrivals="poisson", keys=("a", "b", "c"), linger_ms=50)],
    groups=[ConsumerGroup("billing", "orders", consumers=2, service_time=0.02, enable_auto_commit=False)],
    faults=[Crash("broker-0", 0.219, 0.264), Pause("billing-0", 1.29, 2.245), PowerLoss(["broker-0"], 3.827, 1.246),
            Shutdown("billing-0", 6.348, 5.5)],
    broker_config={"group_initial_rebalance_delay_ms": 0})
"""The only broker loses power, and with it who is in the group and what it has committed: for a while two own a
partition, one at offset 0, one where its reset put it."""


LAST_IN_SYNC = Scenario(
    [Topic("orders", replication_factor=2)], brokers=2, duration=5, broker_config={"min_insync_replicas": 2},
    producers=[Producer("shop", "orders", rate=0.5, records=1)],
    faults=[Shutdown("broker-1", 0.001, 0.1), PowerLoss(["broker-0"], 0.002, 0.1)])
"""Both replicas have the record when it is acknowledged; one leaves in good order, and the other loses power (K59)."""


CLEANED_OFTEN = {"cleanup_policy": "compact", "segment_ms": 100, "min_cleanable_dirty_ratio": 0}

COMPACTED_MEANWHILE = Scenario(
    [Topic("orders", config=CLEANED_OFTEN)], brokers=1, duration=13,
    producers=[Producer("shop", "orders", rate=0.5, records=3, keys=1)],
    groups=[ConsumerGroup("billing", "orders", consumers=2, service_time=0, enable_auto_commit=False,
                          auto_offset_reset="earliest", max_poll_interval_ms=2_000, max_poll_records=1)],
    faults=[Pause("billing-0", 0.0, 5.111)])
"""Who wakes up after it was replaced has a record in hand that its successor found no more in the log."""

COMPACTED_AND_LOST = Scenario(
    [Topic("orders", replication_factor=2, config=CLEANED_OFTEN)], brokers=2, duration=18,
    producers=[Producer("shop", "orders", arrivals=Bursts(3, 0.5), records=13, keys=("a", "b", "c"))],
    groups=[ConsumerGroup("billing", "orders", service_time=0.02)], faults=[PowerLoss(["broker-0"], 5.001, 0.1)])
"""A replica whose log has holes loses power, and is sent batches that are still whole elsewhere."""


def judged(trace, law):
    verdict = law(trace)
    event(f"{verdict.law} {verdict.word}")
    assert not verdict.broken, verdict
    return verdict


def keeps_order(scenario):
    """Kafka keeps a producer's order unless it may overtake itself (K25) or a key moves to a new partition (K46a)."""
    alone = all(producer.enable_idempotence is not False or producer.max_in_flight_requests_per_connection == 1
                or producer.retries == 0 for producer in scenario.producers)
    return alone and not any(isinstance(fault, AddPartitions) for fault in scenario.faults)


def lawful(scenario, *more):
    """The trace of a run that breaks none of the laws of every run, none of these, and whose rows fit together."""
    trace = run(scenario, progress=False)
    for law in (*ALWAYS, *more):
        judged(trace, law)
    if keeps_order(scenario):
        judged(trace, laws.order_per_key)
    assert problems(trace) == []
    return trace


def check_laws(scenario):
    trace = lawful(scenario)
    summary = trace.summary()
    assert summary.produced == summary.in_log + summary.lost + summary.removed + summary.pending, repr(summary)
    assert summary.ended == "duration" and repr(summary)
    for view in (trace.events, trace.lag, trace.duplicates, trace.lost, trace.removed, trace.passed_over):
        assert list(view.columns)


def can_finish_its_polls(scenario):
    """Who works longer on a poll than max_poll_interval_ms is thrown out again and again, and may never end."""
    return all(group.max_poll_interval_ms != 2_000 for group in scenario.groups)


def may_overlook_a_partition(scenario):
    """A leader with a static name does not see what was added while it was away, until its group rebalances (K98).

    With KIP-848 nobody leads: the coordinator sees it (K94).
    """
    is_added = any(isinstance(fault, AddPartitions) for fault in scenario.faults)
    return is_added and any(group.static_membership and group.group_protocol != "consumer" for group in scenario.groups)


def refused_for_good(trace):
    """A static member of KIP-848 that was killed and comes back too early is refused, and its program ends (K94b)."""
    return any("UnreleasedInstanceId" in detail for *_, detail in events(trace, "exception"))


def check_liveness(scenario):
    """Everything in the log has been handed to every group when the producers have long been silent."""
    producers = tuple(replace(producer, stop=scenario.duration) for producer in scenario.producers)
    trace = run(replace(scenario, producers=producers, duration=scenario.duration + AFTERWARDS), progress=False)
    summary = trace.summary()
    if (unclean(trace) or not can_finish_its_polls(scenario) or may_overlook_a_partition(scenario)
            or refused_for_good(trace)):
        event("not judged")  # what is lost after it was committed is never handed over
        return
    assert summary.pending == 0, repr(summary)
    assert {name: group.backlog for name, group in summary.groups.items()} == dict.fromkeys(summary.groups, 0)


@random_scenarios
@given(scenarios())
@example(COMMITS_LOST)
@example(LAST_IN_SYNC)
@example(COMPACTED_MEANWHILE)
@example(COMPACTED_AND_LOST)
def test_every_law_holds(scenario):
    check_laws(scenario)


@fewer
@given(scenarios())
def test_everything_is_handed_over_in_the_end(scenario):
    check_liveness(scenario)


@fewer
@given(calm_scenarios())
def test_without_a_fault_nothing_is_lost_and_nothing_comes_twice(scenario):
    trace = run(scenario, progress=False)
    summary = trace.summary()
    assert summary.lost == 0, repr(trace.lost)
    assert set(trace.records.copies) <= {0, 1}
    if can_finish_its_polls(scenario):
        assert summary.duplicates == 0, repr(trace.duplicates)


@pytest.mark.soak
@many
@given(scenarios(most_faults=6))
def test_every_law_holds_in_thousands(scenario):
    check_laws(scenario)


@pytest.mark.soak
@many
@given(scenarios())
def test_everything_is_handed_over_in_the_end_in_thousands(scenario):
    check_liveness(scenario)
