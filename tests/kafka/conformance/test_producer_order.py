"""K17-K29: what idempotence and the number of requests in flight do to copies and to order."""

import pytest
from producer_scenarios import events, log, outcomes, record, replicas, shop

from simlib import Crash, LoseReply, LoseRequest, Producer, replace, run

FIVE_AT_ONCE = [0.100, 0.1001, 0.1002, 0.1003, 0.1004, 4.0]
ONE_RECORD_A_BATCH = {"batch_size": 1, "linger_ms": 0, "request_timeout_ms": 1_000, "latency": 0.01}
CLIENTS = ["kafka-python", "java"]


def in_flight(trace):
    """The largest number of batches that were on their way at one moment, by what the leader and the producer saw."""
    latency = round(trace.scenario.latency * 1e9)
    sent = trace.data.column("appends", "time") - latency
    answered = trace.data.column("acks", "time")
    return max(int((sent[:n] <= moment).sum() - (answered <= moment).sum()) for n, moment in enumerate(sent, start=1))


@pytest.mark.statement("K17")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_retry_of_an_idempotent_producer_is_acknowledged_with_the_first_offset(client):
    trace = run(shop([0.1, 0.2, 0.3], client=client, request_timeout_ms=1_000, duration=20,
                     faults=[LoseReply("shop", "produce", nth=2)]))
    assert outcomes(trace) == ["acked"] * 3
    assert log(trace) == [0, 1, 2]
    offsets = dict(zip(trace.data.column("acks", "start"), trace.data.column("acks", "base_offset"), strict=True))
    assert offsets == {0: 0, 1: 1, 2: 2}


@pytest.mark.statement("K24")
@pytest.mark.parametrize("client", CLIENTS)
def test_without_idempotence_a_retried_batch_comes_after_those_behind_it(client):
    trace = run(shop(FIVE_AT_ONCE, client=client, enable_idempotence=False, **ONE_RECORD_A_BATCH,
                     faults=[LoseRequest("shop", "produce", nth=1)]))
    assert log(trace) == [1, 2, 3, 4, 0, 5]


@pytest.mark.statement("K25", "K100")
@pytest.mark.parametrize("client", CLIENTS)
def test_one_request_in_flight_keeps_the_order(client):
    trace = run(shop(FIVE_AT_ONCE, client=client, enable_idempotence=False, **ONE_RECORD_A_BATCH,
                     max_in_flight_requests_per_connection=1, faults=[LoseRequest("shop", "produce", nth=2)]))
    assert log(trace) == [0, 1, 2, 3, 4, 5]
    assert in_flight(trace) == 1


@pytest.mark.statement("K27", "K20", "K100")
@pytest.mark.parametrize("fault", [LoseRequest, LoseReply])
@pytest.mark.parametrize("nth", [2, 3, 5])
@pytest.mark.parametrize("client", CLIENTS)
def test_with_idempotence_a_failed_batch_costs_neither_order_nor_copies(client, nth, fault):
    trace = run(shop(FIVE_AT_ONCE, client=client, **ONE_RECORD_A_BATCH, faults=[fault("shop", "produce", nth=nth)]))
    assert outcomes(trace) == ["acked"] * 6
    assert log(trace) == [0, 1, 2, 3, 4, 5]


@pytest.mark.statement("K27", "K20a")
@pytest.mark.parametrize("written_before", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_first_batch_that_fails_is_never_acknowledged_without_being_in_the_log(client, written_before):
    """Its successors may be taken for the first: then it fails, and says so."""
    scenario = shop(FIVE_AT_ONCE, client=client, **ONE_RECORD_A_BATCH, delivery_timeout_ms=5_000,
                    faults=[LoseRequest("shop", "produce", nth=1)])
    if written_before:
        earlier = Producer("earlier", "orders", rate=1, records=1)
        scenario = replace(scenario, "producers", (*scenario.producers, earlier))
    records = run(scenario).records
    in_the_log = records.copies == 1
    assert (in_the_log == (records.outcome == "acked")).all()
    assert records[in_the_log].sort_values("created").offset.is_monotonic_increasing
    assert in_the_log.sum() >= len(records) - 1


@pytest.mark.statement("K27", "K20")
def test_the_batches_behind_a_gap_are_refused_and_sent_again():
    trace = run(shop(FIVE_AT_ONCE, client="java", **ONE_RECORD_A_BATCH,
                     faults=[LoseRequest("shop", "produce", nth=2)]))
    assert "OUT_OF_ORDER_SEQUENCE_NUMBER" in " ".join(events(trace, "send_retry").detail)


@pytest.mark.statement("K28")
def test_kafka_python_with_idempotence_has_one_batch_of_a_partition_in_flight():
    times = [0.1 + n / 1_000 for n in range(50)]
    settings = {"batch_size": 1, "linger_ms": 0, "latency": 0.05}
    assert in_flight(run(shop(times, client="kafka-python", **settings))) == 1
    assert in_flight(run(shop(times, client="kafka-python", enable_idempotence=False, **settings))) == 5
    assert in_flight(run(shop(times, client="java", **settings))) == 5


@pytest.mark.statement("K29")
@pytest.mark.parametrize("client", CLIENTS)
def test_without_retries_one_failed_request_loses_its_records_alone(client):
    trace = run(shop([0.1, 2, 4], client=client, retries=0, request_timeout_ms=1_000,
                     faults=[LoseRequest("shop", "produce", nth=2)]))
    assert log(trace) == [0, 2]
    assert record(trace, 1).outcome in ("timed out", "refused")
    assert trace.lost.error.notna().all() and len(trace.lost) == 1


@pytest.mark.statement("K29")
def test_without_retries_the_error_reaches_the_sender():
    leader, follower = replicas(2)
    trace = run(shop([0.1, 15, 40], retries=0, acks="all", brokers=2, config={"min_insync_replicas": 2},
                     faults=[Crash(follower, at=1, restart_after=20)]))
    assert outcomes(trace) == ["acked", "refused", "acked"]
    assert list(trace.lost.error) == ["NOT_ENOUGH_REPLICAS"]
