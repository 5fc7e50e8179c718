"""What is added up quickly in a large trace is what is added up of any trace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib import ConsumerGroup, Crash, Exponential, Producer, Scenario, Topic, run
from simlib.trace import deliveries
from simlib.trace.runs import are_distinct, occurrence
from simlib.trace.summary import percentiles
from simlib.trace.trace import Trace
from simlib.trace.trace_data import TraceData


def shop(**more):
    return run(Scenario(**{"topics": [Topic("orders", partitions=3, replication_factor=3)], "duration": 12.0, "seed": 7,
                           "producers": [Producer("shop", "orders", rate=200, keys=30, linger_ms=5)],
                           "groups": [ConsumerGroup("billing", "orders", 2, service_time=Exponential(0.004)),
                                      ConsumerGroup("shipping", "orders", 1, service_time=0.004)], **more}),
               progress=False)


@pytest.mark.parametrize("more", [{}, {"groups": []}, {"faults": [Crash("billing-1", at=3, restart_after=2)]}])
def test_the_order_of_deliveries_does_not_matter_to_a_summary(more, monkeypatch):
    data = shop(**more).data
    sorted_first = Trace(data).summary()
    monkeypatch.setattr(deliveries, "WORTH_LEAVING", 0)
    trace = Trace(data)
    assert trace.summary() == sorted_first
    assert ("order" in trace.handed.__dict__) == bool(sorted_first.duplicates)


def test_times_that_stand_in_another_order_than_their_ranges_are_found():
    data = shop().data
    columns = {name: np.array(column) for name, column in data.tables["deliveries"].items()}
    swapped = {name: column[::-1] for name, column in columns.items()}
    other = Trace(TraceData({**data.tables, "deliveries": swapped}, data.names, data.scenario, data.meta))
    assert other.summary() == Trace(data).summary()
    assert np.array_equal(np.sort(other.handed.done), np.sort(Trace(data).handed.done))


@given(st.lists(st.integers(-3, 40), max_size=30))
def test_how_often_before_is_counted(codes):
    assert occurrence(np.array(codes, np.int64)).tolist() == [codes[:i].count(one) + 1 for i, one in enumerate(codes)]
    assert not are_distinct(np.array(codes, np.int64)) or len(set(codes)) == len(codes)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_percentiles_are_those_of_numpy(nanoseconds):
    expected = np.percentile(np.array(nanoseconds) / 1e9, (50, 95, 99))
    assert list(percentiles(np.array(nanoseconds)).values()) == pytest.approx(expected.tolist(), rel=1e-12)
