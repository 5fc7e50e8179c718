"""Speed by counting, not by the clock: events and bytes for each record are the same on every machine."""

import pytest

from benchmarks.workloads import section_3, steady
from simlib import run


def measured(scenario):
    """(SimPy events, bytes kept) for each record."""
    trace = run(scenario, engine="events", progress=False)
    records = len(trace.records)
    return trace.data.meta["counters"]["simpy_events"] / records, trace.bytes_per_record(), records


def test_the_scenario_of_design_section_3_costs_at_most_16_events_a_record():
    events, size, records = measured(section_3())
    assert records == 5_400
    assert 1 < events <= 16
    assert 0 < size <= 150


@pytest.mark.parametrize("linger_ms", [0, 5])
def test_at_100_000_records_a_second_no_single_record_has_an_event(linger_ms):
    events, size, records = measured(steady(100_000, 200_000, linger_ms))
    assert records == 200_000
    assert 0 < events < 0.5
    assert 0 < size <= 150


def test_a_batch_shares_its_events():
    """At 1,000 records a second five milliseconds of linger put several records into a batch."""
    alone, alone_size, _ = measured(steady(1_000, 3_000, 0))
    batched, batched_size, _ = measured(steady(1_000, 3_000, 5))
    assert batched < 0.6 * alone
    assert max(alone_size, batched_size) <= 150


def test_events_for_each_record_do_not_grow_with_the_run():
    shorter, *_ = measured(steady(1_000, 2_000, 5))
    longer, *_ = measured(steady(1_000, 8_000, 5))
    assert longer < 1.05 * shorter
