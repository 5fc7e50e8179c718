"""Where nobody gets in between, batches and polls are reckoned in one go: nothing may differ from step by step."""

import numpy as np
import pytest
from flow_scenarios import faults, groups, producers, where_possible
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import one_of

import simlib.flow.leader
import simlib.flow.reading
import simlib.flow.reading_alone
import simlib.flow.reading_many
from simlib import ConsumerGroup, Crash, Exponential, Producer, Scenario, Topic, run

compared = settings(max_examples=60, derandomize=True, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
many = settings(compared, max_examples=3_000, derandomize=False, print_blob=True)


@st.composite
def lonely(draw):
    """As many partitions as brokers, at most; a producer, and consumers for each of them."""
    brokers = draw(st.integers(1, 3))
    partitions = draw(st.integers(1, brokers))
    shop = draw(producers(draw(one_of("shop", "a-shop")), "orders", "kafka-python"))
    group = draw(groups("billing", ["orders"]))
    end = float(draw(st.integers(5, 40)))
    return Scenario([Topic("orders", partitions, draw(st.integers(1, brokers)))], [shop], [group], brokers=brokers,
                    latency=draw(one_of(0.0005, 0.001, 0.0101)), duration=end, seed=draw(st.integers(0, 1_000)),
                    faults=draw(st.one_of(st.just([]), faults(group.members, end))))


ONE_BY_ONE = {"acks": 1, "enable_idempotence": False, "max_in_flight_requests_per_connection": 1}


@st.composite
def seldom(draw):
    """Records that come so seldom, and take so long, that batches and polls are reckoned many at once."""
    latency, work = draw(one_of(0.00001, 0.0005)), draw(one_of(0.02, 0.04, 0.1))
    load = draw(one_of(0.3, 0.8, 0.95, 1.2))
    shop = Producer("shop", "orders", rate=load / work, arrivals=draw(one_of("poisson", "constant")), keys=1,
                    linger_ms=draw(one_of(0, 0, 1, 30)), **(ONE_BY_ONE if draw(st.booleans()) else {}))
    group = ConsumerGroup("billing", "orders", service_time=draw(one_of(work, Exponential(work))),
                          max_poll_records=draw(one_of(500, 2)), auto_commit_interval_ms=draw(one_of(5_000, 900)))
    brokers = draw(one_of(1, 3))
    return Scenario([Topic("orders", 1, brokers)], [shop], [group], brokers=brokers, latency=latency,
                    duration=1_000 * work, seed=draw(st.integers(0, 1_000)),
                    faults=draw(st.one_of(st.just([]), faults(group.members, 1_000 * work))))


def tables(scenario):
    """Everything that is written down, raw."""
    data = run(scenario, engine="flow", progress=False).data
    return {table: {name: np.asarray(column) for name, column in columns.items() if column is not None}
            for table, columns in data.tables.items()}


def step_by_step(scenario):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simlib.flow.leader, "may_be_alone", lambda *_: False)
        patch.setattr(simlib.flow.reading, "may_read_alone", lambda _: False)
        return tables(scenario)


def same(scenario):
    with where_possible():
        slow = step_by_step(scenario)
    fast = tables(scenario)
    assert fast.keys() == slow.keys()
    for table, columns in slow.items():
        order, other = (np.lexsort([one for one in found[table].values() if one.dtype != object][::-1])
                        if table in ("deliveries", "events") else slice(None) for found in (slow, fast))
        if table == "delivery_times":
            continue  # compared with the deliveries, which say where theirs begin
        for name, column in columns.items():
            if name != "first":
                assert np.array_equal(column[order], fast[table][name][other]), (table, name)
    assert _handed(fast) == _handed(slow)


def _handed(found):
    """(group, member, partition, offset, handed over, done) of each delivery."""
    rows, times = found["deliveries"], found["delivery_times"]
    return sorted((int(group), int(member), int(tp), int(base) + i, int(times["handed"][first + i]),
                   int(times["done"][first + i]))
                  for group, member, tp, base, count, first in zip(
                      *(rows[name] for name in ("group", "member", "tp", "base_offset", "count", "first")), strict=True)
                  for i in range(count))


def shop(**more):
    return Scenario(**{"topics": [Topic("orders", partitions=3, replication_factor=3)], "duration": 15.0, "seed": 7,
                       "producers": [Producer("shop", "orders", rate=600, keys=30, linger_ms=5)],
                       "groups": [ConsumerGroup("billing", "orders", 3, service_time=0.004)], **more})


@pytest.mark.parametrize("scenario", [
    shop(), shop(faults=[Crash("billing-1", at=10, restart_after=5)]),
    shop(groups=[ConsumerGroup("billing", "orders", 3, service_time=Exponential(0.004), auto_commit_interval_ms=100)]),
    shop(groups=[ConsumerGroup("billing", "orders", 3, service_time=0.02, max_partition_fetch_bytes=900)]),
    shop(producers=[Producer("a-shop", "orders", rate=3_000, keys=30, batch_size=1_000)]),
    shop(topics=[Topic("orders")], brokers=1, producers=[Producer("shop", "orders", rate=400, arrivals="poisson")]),
])
def test_in_one_go_as_step_by_step(scenario):
    same(scenario)


@compared
@given(lonely())
def test_random_scenarios_in_one_go_as_step_by_step(scenario):
    same(scenario)


@pytest.mark.soak
@many
@given(lonely())
def test_many_random_scenarios_in_one_go_as_step_by_step(scenario):
    same(scenario)


@settings(compared, max_examples=15)
@given(seldom())
def test_many_at_once_as_step_by_step(scenario):
    same(scenario)


@pytest.mark.soak
@many
@given(seldom())
def test_many_random_scenarios_many_at_once_as_step_by_step(scenario):
    same(scenario)


def test_a_queue_is_reckoned_many_at_once(monkeypatch):
    """Work is counted, not time: polls that are looked at one by one, of those of some 8,000 customers."""
    looks, put_off = [], []
    look, late = simlib.flow.reading_alone._look, simlib.flow.reading_many._Stretch._put_off
    monkeypatch.setattr(simlib.flow.reading_alone, "_look", lambda *these: (looks.append(1), look(*these))[1])
    monkeypatch.setattr(simlib.flow.reading_many._Stretch, "_put_off",
                        lambda *these: (put_off.append(1), late(*these))[1])
    scenario = Scenario([Topic("customers")], [Producer("door", "customers", rate=800, arrivals="poisson", keys=1)],
                        [ConsumerGroup("counter", "customers", service_time=Exponential(0.001))], brokers=1,
                        latency=0.000_01, duration=10.0, seed=7)
    data = run(scenario, engine="flow", progress=False).data
    customers = len(data.column("appends", "time"))
    assert customers > 7_000 and len(looks) < customers / 5 and len(put_off) > 20


def test_nearly_everything_is_reckoned_in_one_go(monkeypatch):
    """Work is counted, not time: the agenda of the leaders is left for what commits disturb."""
    steps = []
    write = simlib.flow.leader.Leader._write
    monkeypatch.setattr(simlib.flow.leader.Leader, "_write", lambda self, what: (steps.append(1), write(self, what)))
    poll = simlib.flow.reading.Reading._poll_again
    monkeypatch.setattr(simlib.flow.reading.Reading, "_poll_again", lambda self: (steps.append(1), poll(self)))
    batches = len(run(shop(), engine="flow", progress=False).data.column("appends", "time"))
    assert batches > 3_500 and len(steps) < batches / 20
