"""Random scenarios whose producers write in transactions: every law holds, whatever befalls them."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from raw_checks import unclean
from strategies import scenarios
from test_laws_random import AFTERWARDS, lawful, may_overlook_a_partition, refused_for_good

from simlib import laws, run
from simlib.scenario import ConsumerGroup, Crash, Pause, PowerLoss, Producer, Scenario, Topic

pytestmark = pytest.mark.slow

random_scenarios = settings(max_examples=120, derandomize=True, deadline=None, database=None,
                            suppress_health_check=[HealthCheck.too_slow])
fewer = settings(random_scenarios, max_examples=60)
many = settings(random_scenarios, max_examples=2_000, derandomize=False, print_blob=True)

OFF = {"enable_idempotence": None, "acks": None, "retries": None, "max_in_flight_requests_per_connection": None}


@st.composite
def transactional(draw, most_faults=3):
    """A random scenario, its producers with transactions, some groups with read_committed, some producers killed."""
    scenario = draw(scenarios(most_faults))
    ids = draw(st.sampled_from(["own", "own", "shared"]))
    producers = tuple(replace(
        producer, **OFF, transactional_id=producer.name if ids == "own" else "one",
        transaction_duration=draw(st.sampled_from([0.2, 1.0, 5.0])),
        transaction_timeout_ms=draw(st.sampled_from([2_000, 10_000, 60_000]))) for producer in scenario.producers)
    groups = tuple(replace(group, isolation_level=draw(st.sampled_from(["read_committed", "read_uncommitted"])))
                   for group in scenario.groups)
    at = st.integers(0, int(scenario.duration * 700)).map(lambda ms: ms / 1_000)
    killed = draw(st.lists(st.tuples(st.sampled_from([producer.name for producer in producers]), at), max_size=2))
    stopped = draw(st.lists(st.tuples(st.sampled_from([producer.name for producer in producers]), at), max_size=1))
    faults = (*scenario.faults, *(Crash(name, when, restart_after=1.0) for name, when in killed),
              *(Pause(name, when, 15.0) for name, when in stopped))
    return replace(scenario, producers=producers, groups=groups, faults=faults)


ABORT_LOST = Scenario(
    [Topic("payments", partitions=3)], brokers=1, duration=5,
    producers=[Producer("shop", "payments", rate=0.5, records=1, keys=("a", "b", "c"), transactional_id="shop")],
    groups=[ConsumerGroup("billing", "payments", consumers=2, service_time=0.02, isolation_level="read_committed")],
    faults=[Crash("billing-0", 0.0, 0.1), Crash("shop", 0.105, restart_after=1.0), PowerLoss(["broker-0"], 2.106, 0.1)])
"""A group has read past a record that was taken back with its transaction; then record and marker are lost together."""

DECIDED_AND_DIED = Scenario(
    [Topic("orders", partitions=2)], duration=25,
    producers=[Producer("shop", "orders", rate=8, records=20, transactional_id="shop", transaction_duration=1.0)],
    groups=[ConsumerGroup("billing", "orders", isolation_level="read_committed")],
    faults=[Crash("broker-1", 1.1052, restart_after=30.0)])
"""A decision is in the log of transactions, and its coordinator dies before it hears that its replicas have it."""

COMMIT_LOST = Scenario(
    [Topic("orders")], brokers=2, duration=53,
    producers=[Producer("shop", "orders", rate=0.5, records=1, keys=("a", "b", "c"), transactional_id="shop",
                        transaction_duration=0.2, transaction_timeout_ms=2_000)],
    groups=[ConsumerGroup("billing", "orders", isolation_level="read_committed")],
    faults=[PowerLoss(["broker-0", "broker-1"], 30.028, 0.1)])
"""The record was on the disks when the power went, its end of transaction was not: taken back, long handed over."""


def against_the_decision(trace):
    """Markers that do not say what the coordinator decided last for their producer: there must be none."""
    data = trace.data
    rows = zip(data.column("events", "time"), data.column("events", "kind"), data.column("events", "a"),
               data.column("events", "detail"), strict=True)
    decided = [(time, pid, " committed: " in detail) for time, kind, pid, detail in rows if kind == "transaction_ended"]
    markers = zip(*(data.column("markers", name).tolist() for name in ("time", "pid", "committed")), strict=True)
    wrong = []
    for time, pid, committed in markers:
        before = [how for when, whose, how in decided if whose == pid and when <= time]
        if not before or before[-1] != bool(committed):
            wrong.append((time, pid, committed))
    return wrong


def check(scenario):
    trace = lawful(scenario, laws.no_aborted_reads)
    summary = trace.summary()
    assert summary.produced == (summary.in_log + summary.lost + summary.removed + summary.aborted + summary.pending)
    assert against_the_decision(trace) == []


def open_at_the_end(trace):
    """Partitions whose last stable offset stayed behind the high watermark."""
    last = {tp: mark for tp, mark in zip(trace.data.column("watermarks", "tp").tolist(),
                                         trace.data.column("watermarks", "high_watermark").tolist(), strict=True)}
    stable = zip(trace.data.column("stable", "tp").tolist(),
                 trace.data.column("stable", "last_stable_offset").tolist(), strict=True)
    return {tp: (at, last[tp]) for tp, at in dict(stable).items() if at < last[tp]}


def check_the_end(scenario):
    """When the producers have long been silent, every transaction is decided and everything committed handed over."""
    producers = tuple(replace(producer, stop=scenario.duration) for producer in scenario.producers)
    groups = tuple(replace(group, max_poll_interval_ms=300_000) for group in scenario.groups)
    trace = run(replace(scenario, producers=producers, groups=groups, duration=scenario.duration + AFTERWARDS),
                progress=False)
    if unclean(trace):
        return  # a decision, or a committed record, may be lost then
    assert open_at_the_end(trace) == {}
    if may_overlook_a_partition(scenario) or refused_for_good(trace):
        return
    summary = trace.summary()
    assert {name: group.backlog for name, group in summary.groups.items()} == dict.fromkeys(summary.groups, 0)


@random_scenarios
@given(transactional())
@example(ABORT_LOST)
@example(DECIDED_AND_DIED)
@example(COMMIT_LOST)
def test_every_law_holds_with_transactions(scenario):
    check(scenario)


@fewer
@given(transactional())
def test_every_transaction_ends(scenario):
    check_the_end(scenario)


@pytest.mark.soak
@many
@given(transactional(most_faults=5))
def test_every_law_holds_with_transactions_in_thousands(scenario):
    check(scenario)


@pytest.mark.soak
@many
@given(transactional())
def test_every_transaction_ends_in_thousands(scenario):
    check_the_end(scenario)
