"""K13-K16: when a batch leaves, when it is split, and what a full buffer does."""

import pytest
from producer_scenarios import events, log, outcomes, record, shop

from simlib import run

LATENCY = 0.0005


def batches(trace):
    """(first message, records, when it left the producer) of each batch in the order of the log."""
    appends = trace.data.tables["appends"]
    left = appends["time"] / 1e9 - LATENCY
    return list(zip(appends["start"].tolist(), appends["count"].tolist(), left.round(6).tolist(), strict=True))


@pytest.mark.statement("K13")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_a_batch_leaves_when_its_first_record_is_5_ms_old(client):
    trace = run(shop([0.100, 0.102, 0.104, 0.106, 0.150], linger_ms=5, client=client, duration=5))
    assert batches(trace) == [(0, 3, 0.105), (3, 1, 0.111), (4, 1, 0.155)]


@pytest.mark.statement("K13")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_a_full_batch_does_not_linger(client):
    trace = run(shop([0.100, 0.101, 0.102, 0.200], linger_ms=50, value_bytes=6_000, client=client, duration=5))
    assert batches(trace) == [(0, 2, 0.102), (2, 1, 0.152), (3, 1, 0.25)]


@pytest.mark.statement("K13", "D-producer")
def test_by_default_java_lingers_5_ms_and_kafka_python_does_not():
    times = [0.100, 0.103]
    assert batches(run(shop(times, client="java", duration=5))) == [(0, 2, 0.105)]
    assert batches(run(shop(times, client="kafka-python", duration=5))) == [(0, 1, 0.1), (1, 1, 0.103)]


@pytest.mark.statement("K14")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_without_linger_records_gather_while_requests_are_in_flight(client):
    times = [0.1 + n / 1_000 for n in range(100)]
    trace = run(shop(times, client=client, linger_ms=0, latency=0.01, max_in_flight_requests_per_connection=1,
                     duration=5))
    counts = [count for _, count, _ in batches(trace)]
    assert counts[0] == 1
    assert all(15 <= count <= 25 for count in counts[1:-1]) and sum(counts) == 100  # a round trip takes 20 ms


@pytest.mark.statement("K14")
def test_without_linger_and_load_each_record_travels_alone():
    trace = run(shop([0.1, 0.2, 0.3], linger_ms=0, duration=5))
    assert [count for _, count, _ in batches(trace)] == [1, 1, 1]


@pytest.mark.statement("K15")
@pytest.mark.parametrize("settings", [{"retries": 0, "enable_idempotence": False}, {}])
def test_a_batch_that_is_too_large_is_split_and_costs_no_retry(settings):
    trace = run(shop([0.1] * 10, linger_ms=5, value_bytes=1_000, config={"max_message_bytes": 3_500}, **settings))
    assert outcomes(trace) == ["acked"] * 10
    assert log(trace) == list(range(10))
    assert not events(trace, "batch_split").empty
    assert max(count for _, count, _ in batches(trace)) <= 3


@pytest.mark.statement("K15")
def test_a_single_record_that_is_too_large_is_refused():
    trace = run(shop([0.1], value_bytes=5_000, config={"max_message_bytes": 3_500}))
    assert outcomes(trace) == ["refused"] and record(trace, 0).copies == 0
    assert list(trace.lost.error) == ["MESSAGE_TOO_LARGE"]
