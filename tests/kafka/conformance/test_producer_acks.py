"""K01-K11: what acks promise, what a retry does, what a time-out means. Each test is a run with one fault."""

import pytest
from producer_scenarios import events, log, outcomes, record, replicas, shop, told

from simlib import ConsumerGroup, Crash, LoseReply, LoseRequest, NetworkCut, PowerLoss, run


@pytest.mark.statement("K01")
def test_acks_0_a_lost_request_is_a_success_and_is_gone():
    trace = run(shop([1, 2, 3], acks=0, faults=[LoseRequest("shop", "produce", nth=2)]))
    assert outcomes(trace) == ["unacknowledged"] * 3
    assert log(trace) == [0, 2]
    assert set(trace.data.column("acks", "base_offset")) == {-1}
    assert events(trace, "send_retry").empty
    assert told(trace, 1) < 2.1


@pytest.mark.statement("K01")
def test_acks_0_what_arrives_at_a_dead_leader_is_gone():
    crash = Crash("broker-0", at=2.005, restart_after=20)
    trace = run(shop([1, 2, 55], acks=0, latency=0.01, faults=[crash], duration=120))
    assert record(trace, 1).outcome == "unacknowledged"
    assert log(trace) == [0, 2]


@pytest.mark.statement("K02")
def test_acks_1_an_acknowledged_record_dies_with_its_leader_and_its_offset_is_used_again():
    leader, follower = replicas(2)
    faults = [NetworkCut(leader, follower, at=1, duration=500), Crash(leader, at=3)]
    trace = run(shop([0.5, 2, 30], acks=1, brokers=2, faults=faults))
    assert record(trace, 1).outcome == "acked" and record(trace, 1).acked < 3
    assert log(trace) == [0, 2]
    assert record(trace, 1).offset == record(trace, 2).offset == 1
    assert list(trace.lost.reason) == ["acknowledged, then discarded"]


@pytest.mark.statement("K02")
def test_acks_all_is_not_acknowledged_in_the_same_place():
    leader, follower = replicas(2)
    faults = [NetworkCut(leader, follower, at=1, duration=500), Crash(leader, at=3)]
    trace = run(shop([0.5, 2, 60], brokers=2, faults=faults, duration=100))
    assert record(trace, 1).acked > 3
    assert log(trace) == [0, 1, 2]


@pytest.mark.statement("K03")
@pytest.mark.parametrize(("brokers_back", "lost"), [(False, 1), (True, 0)])
def test_acks_all_with_one_replica_in_sync_is_one_copy(brokers_back, lost):
    leader, follower = replicas(2)
    faults = [Crash(follower, at=1, restart_after=5 if brokers_back else None),
              PowerLoss(leader, at=45, restart_after=5)]
    trace = run(shop([0.5, 40, 70], brokers=2, faults=faults, duration=110))
    assert outcomes(trace) == ["acked"] * 3
    assert record(trace, 1).acked < 40.1
    assert len(trace.lost) == lost


@pytest.mark.statement("K04")
def test_acks_all_below_the_minimum_is_refused_without_an_append():
    leader, follower = replicas(2)
    trace = run(shop([15], brokers=2, config={"min_insync_replicas": 2}, faults=[Crash(follower, at=1)],
                     request_timeout_ms=5_000, delivery_timeout_ms=10_000))
    assert trace.data.rows("appends") == 0 and log(trace) == []
    assert outcomes(trace) == ["timed out"]
    retries = events(trace, "send_retry").detail
    assert len(retries) > 3 and all("NOT_ENOUGH_REPLICAS" in detail for detail in retries)


@pytest.mark.statement("K04")
def test_the_refusal_may_be_retried_until_replicas_are_back():
    leader, follower = replicas(2)
    trace = run(shop([15], brokers=2, config={"min_insync_replicas": 2},
                     faults=[Crash(follower, at=1, restart_after=25)]))
    assert outcomes(trace) == ["acked"] and record(trace, 0).acked > 26
    assert log(trace) == [0]


@pytest.mark.statement("K05", "K06", "peer-T7")
@pytest.mark.parametrize(("acks", "outcome"), [(0, "unacknowledged"), (1, "acked")])
def test_other_acks_below_the_minimum_are_written_and_not_visible(acks, outcome):
    leader, follower = replicas(2)
    trace = run(shop([0.5, 15], acks=acks, brokers=2, config={"min_insync_replicas": 2}, duration=90,
                     groups=[ConsumerGroup("billing", "orders")],
                     faults=[Crash(follower, at=1, restart_after=44)]))
    assert record(trace, 1).outcome == outcome
    assert record(trace, 1).appended < 15.1
    handed = trace.deliveries.set_index("message").time
    assert handed["shop:0"] < 0.6
    assert handed["shop:1"] > 45


@pytest.mark.statement("K07")
@pytest.mark.parametrize(("idempotence", "copies"), [(True, 1), (False, 2)])
def test_replicas_lost_between_append_and_ack_leave_the_record_in_the_log(idempotence, copies):
    leader, follower = replicas(2)
    trace = run(shop([2], brokers=2, config={"min_insync_replicas": 2}, enable_idempotence=idempotence,
                     faults=[Crash(follower, at=1.9, restart_after=60)], duration=120))
    assert record(trace, 0).appended < 2.1
    assert record(trace, 0).acked > 60
    assert "NOT_ENOUGH_REPLICAS" in " ".join(events(trace, "send_retry").detail)
    assert log(trace) == [0] * copies


@pytest.mark.statement("K08")
@pytest.mark.parametrize(("idempotence", "copies"), [(True, 1), (False, 2)])
def test_acks_all_waits_for_a_hanging_replica_longer_than_a_request_may_last(idempotence, copies):
    leader, follower = replicas(2)
    trace = run(shop([2], brokers=2, enable_idempotence=idempotence, duration=120,
                     faults=[NetworkCut(leader, follower, at=1, duration=110)]))
    shrunk = events(trace, "isr").query("topic == 'orders'").iloc[0]
    assert 30 < shrunk.time - 1 < 46 and shrunk.detail == leader
    assert shrunk.time <= record(trace, 0).acked < shrunk.time + 31
    assert 32 <= events(trace, "send_retry").time.iloc[0] < 33
    assert log(trace) == [0] * copies


@pytest.mark.statement("K09", "peer-T6")
@pytest.mark.parametrize(("idempotence", "copies"), [(False, 2), (True, 1)])
def test_a_lost_acknowledgement_and_a_retry_are_two_copies(idempotence, copies):
    trace = run(shop([1, 2, 3], enable_idempotence=idempotence, request_timeout_ms=500,
                     faults=[LoseReply("shop", "produce", nth=2)]))
    assert outcomes(trace) == ["acked"] * 3
    assert log(trace) == [0] + [1] * copies + [2]
    assert list(trace.records.sort_values("created").copies) == [1, copies, 1]


@pytest.mark.statement("peer-T6")
def test_a_calm_run_has_no_duplicate():
    times = [0.1 + n / 200 for n in range(2_000)]
    trace = run(shop(times, enable_idempotence=False, groups=[ConsumerGroup("billing", "orders")]))
    assert set(trace.records.copies) == {1}
    assert len(trace.deliveries) == 2_000 and trace.duplicates.empty


@pytest.mark.statement("K10")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_a_send_fails_two_minutes_after_it_was_made(client):
    trace = run(shop([0.5, 2], client=client, faults=[Crash("broker-0", at=1)], duration=200))
    assert outcomes(trace) == ["acked", "timed out"]
    assert 122 <= told(trace, 1) < 122.5


@pytest.mark.statement("K10")
def test_the_delivery_timeout_counts_from_send_not_from_the_last_retry():
    trace = run(shop([15], brokers=2, config={"min_insync_replicas": 2}, duration=100, delivery_timeout_ms=40_000,
                     faults=[Crash(replicas(2)[1], at=1)]))
    assert len(events(trace, "send_retry")) > 20
    assert 55 <= told(trace, 0) < 55.5


@pytest.mark.statement("K11")
def test_a_time_out_does_not_say_whether_the_record_was_written():
    told_the_same, written = [], []
    for lost in (LoseRequest, LoseReply):
        trace = run(shop([1], faults=[lost("shop", "produce", share=1.0)], delivery_timeout_ms=31_000, duration=90))
        told_the_same.append((outcomes(trace), told(trace, 0)))
        written.append(log(trace))
    assert told_the_same[0] == told_the_same[1] == (["timed out"], pytest.approx(32, abs=0.5))
    assert written == [[], [0]]
