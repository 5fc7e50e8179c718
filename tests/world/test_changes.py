"""Settings that change while the system runs."""

import numpy as np
import pytest

from simlib import Change, ConsumerGroup, Crash, Producer, Scenario, Topic, Zipf, run


def scenario(*changes, group=None, duration=30.0, start=0.0, keys=None, **producer):
    shop = Producer("shop", topic="orders", rate=10, start=start, keys=keys, **producer)
    billing = group or ConsumerGroup("billing", "orders", service_time=0.01)
    return Scenario(topics=[Topic("orders", partitions=3)], producers=[shop], groups=[billing], faults=changes,
                    duration=duration)


def created(trace):
    return trace.records.created.sort_values().to_numpy()


def count(times, low, high):
    return int(((times >= low) & (times < high)).sum())


@pytest.mark.parametrize("path", ["producers.shop.rate", "producers.0.rate"])
def test_a_producer_s_rate(path):
    times = created(run(scenario(Change(path, at=10, value=50), Change(path, at=20, value=5))))
    assert [count(times, second, second + 1) for second in (0, 9, 10, 19, 20, 29)] == [10, 10, 50, 50, 5, 5]
    assert count(times, 0, 30) == 10 * 10 + 10 * 50 + 10 * 5


def test_message_numbers_go_on():
    trace = run(scenario(Change("producers.shop.rate", at=10.05, value=50)))
    records = trace.records.sort_values("created")
    assert list(records.message) == [f"shop:{n}" for n in range(len(records))]


def test_a_change_before_the_producer_starts():
    times = created(run(scenario(Change("producers.shop.rate", at=5, value=50), start=10)))
    assert times[0] >= 10 and count(times, 10, 11) == 50


def test_a_change_while_the_producer_is_dead_or_stands_still():
    times = created(run(scenario(Crash("shop", at=4, restart_after=4), Change("producers.shop.rate", at=5, value=50))))
    assert count(times, 4.01, 8) == 0 and count(times, 10, 11) == 50


def test_a_producer_s_keys():
    trace = run(scenario(Change("producers.shop.key_distribution", at=15, value=Zipf(4.0)), keys=10))
    records = trace.records
    late = records[records.created >= 16].key.value_counts(normalize=True)
    early = records[records.created < 15].key.value_counts(normalize=True)
    assert early.max() < 0.3 and late.max() > 0.8


def test_a_group_s_service_time():
    trace = run(scenario(Change("groups.billing.service_time", at=15, value=0.03)))
    took = (trace.deliveries.done - trace.deliveries.time).to_numpy()
    when = trace.deliveries.time.to_numpy()
    assert np.allclose(took[when < 14.9], 0.01) and np.allclose(took[(when > 15.2) & ~np.isnan(took)], 0.03)


def test_a_topic_s_setting():
    stricter = Change("topics.orders.config", at=15, value={"min_insync_replicas": 2})
    shop = Producer("shop", topic="orders", rate=10)
    trace = run(Scenario(topics=[Topic("orders", replication_factor=2)], producers=[shop], duration=60, brokers=2,
                         faults=[Crash("broker-1", at=20), stricter]))
    assert trace.records[trace.records.created < 14].outcome.eq("acked").all()
    assert not trace.records[trace.records.created > 40].outcome.eq("acked").any()


def test_a_change_is_in_the_trace():
    trace = run(scenario(Change("producers.shop.rate", at=10, value=50)))
    (change,) = trace.control[trace.control.kind == "changed"].itertuples()
    assert (change.time, change.detail) == (10.0, "producers.shop.rate=50")
