"""Crashes aimed at a step: just before it leaves no mark; just after it the mark is there, and nobody knows."""

from contextlib import suppress

import pytest
from small_services import control, done, run_alone

from simlib import Crash, LoseReply, LoseRequest


async def billing(app):
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False,
                            session_timeout_ms=6_000)
    async for order in consumer:
        await app.effect("charge", order.value)
        await consumer.commit()


async def selling(app):
    producer = app.producer()
    for number in range(4):
        await producer.send_and_wait("orders", number)
        await app.effect("told", number)


def committed(trace):
    return list(trace.commits.offset)


def delivered(trace):
    return list(trace.deliveries.offset)


@pytest.mark.parametrize("when, handed, charged, commits", [
    ({"before": "receive"}, [0, 1, 2], [0, 1, 2], [1, 2, 3]),
    ({"after": "receive"}, [0, 1, 1, 2], [0, 1, 2], [1, 2, 3]),
    ({"before": "charge"}, [0, 1, 1, 2], [0, 1, 2], [1, 2, 3]),
    ({"after": "charge"}, [0, 1, 1, 2], [0, 1, 1, 2], [1, 2, 3]),
    ({"before": "commit"}, [0, 1, 1, 2], [0, 1, 1, 2], [1, 2, 3]),
    ({"after": "commit"}, [0, 1, 2], [0, 1, 2], [1, 2, 3]),
], ids=lambda value: " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else None)
def test_a_crash_at_each_step_of_a_consumer(when, handed, charged, commits):
    trace = run_alone(billing, orders=3, faults=[Crash("billing-0", **when, nth=2, restart_after=1)])
    assert len(control(trace, "crashed")) == 1 and trace.summary().faults_not_fired == []
    assert (delivered(trace), done(trace, "charge"), committed(trace)) == (handed, charged, commits)


def test_the_process_dies_at_the_very_instant():
    trace = run_alone(billing, orders=3, faults=[Crash("billing-0", after="charge", nth=2, restart_after=1)])
    (crash,) = control(trace, "crashed").time
    assert crash == pytest.approx(trace.effects.time.iloc[1] + 0.0005)


@pytest.mark.parametrize("when, in_log, told", [
    ({"before": "send"}, [0, 0, 1, 2, 3], [0, 0, 1, 2, 3]),
    ({"after": "send"}, [0, 1, 0, 1, 2, 3], [0, 0, 1, 2, 3])], ids=["before", "after"])
def test_a_crash_at_a_send(when, in_log, told):
    trace = run_alone(selling, faults=[Crash("billing-0", **when, nth=2, restart_after=1)])
    assert list(trace.records.value) == in_log and done(trace, "told") == told


@pytest.mark.parametrize("nth, charged", [(3, [0, 1, 2, 2]), (4, [0, 1, 2])])
def test_steps_are_counted_over_all_lives(nth, charged):
    faults = [Crash("billing-0", at=20, restart_after=1), Crash("billing-0", after="charge", nth=nth, restart_after=1)]
    trace = run_alone(billing, orders=3, faults=faults)
    assert done(trace, "charge") == charged
    assert [str(one) for one in trace.summary().faults_not_fired] == ([repr(faults[1])] if nth == 4 else [])


def test_a_fault_fires_once():
    trace = run_alone(billing, orders=3, faults=[Crash("billing-0", before="charge", restart_after=1)])
    assert len(control(trace, "crashed")) == 1 and done(trace) == [0, 1, 2]


def test_several_faults_count_the_same_steps():
    faults = [Crash("billing-0", after="charge", nth=nth, restart_after=1) for nth in (1, 2, 4)]
    trace = run_alone(billing, orders=3, faults=faults)
    assert done(trace, "charge") == [0, 0, 0, 1, 1, 2]  # dead after the 1st, 2nd and 4th charge
    assert trace.summary().faults_not_fired == []


def test_an_effect_that_never_happens_is_a_fault_that_did_not_fire():
    fault = Crash("billing-0", after="chrage", nth=2)
    trace = run_alone(billing, orders=3, faults=[fault])
    assert trace.summary().faults_not_fired == [repr(fault)] and repr(fault) in repr(trace.summary())


def test_empty_polls_are_no_steps():
    async def patient(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", session_timeout_ms=6_000)
        while True:
            for records in (await consumer.getmany(timeout_ms=100, max_records=1)).values():
                await app.effect("charge", records[0].value)

    trace = run_alone(patient, orders=3, faults=[Crash("billing-0", after="receive", nth=2)])
    assert done(trace) == [0] and delivered(trace) == [0, 1]


def test_polls_with_a_long_timeout_do_not_keep_a_run_going():
    async def patient(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
        while True:
            await consumer.getmany(timeout_ms=60_000)

    trace = run_alone(patient, orders=3)
    assert trace.ended == "quiet" and trace.ended_at < 20


# -- requests and replies that get lost

async def charging(app):
    for number in range(3):
        try:
            await app.effect("charge", number)
        except TimeoutError as error:
            await app.effect("told", (str(error), round(app.now, 4)))


@pytest.mark.parametrize("fault, charged", [(LoseRequest, [0, 2]), (LoseReply, [0, 1, 2])])
def test_an_effect_without_an_answer_raises_timeout_error_and_may_have_happened(fault, charged):
    trace = run_alone(charging, faults=[fault("billing-0", "effect", nth=2)])
    assert done(trace, "charge") == charged
    assert done(trace, "told") == [("no answer to effect('charge', 1): it may have happened, or not", 30.001)]


def test_losing_a_share_of_the_replies_is_the_same_in_every_run():
    async def trying(app):
        for number in range(40):
            with suppress(TimeoutError):
                await app.effect("charge", number)

    fault = LoseReply("billing-0", "effect", share=0.2)
    lost = [list(control(run_alone(trying, faults=[fault], duration=5_000, seed=seed), "reply_lost").time)
            for seed in (1, 1, 2)]
    assert lost[0] == lost[1] != lost[2] and 2 <= len(lost[0]) <= 16


@pytest.mark.parametrize("fault", [LoseRequest, LoseReply])
def test_a_produce_request_is_sent_again(fault):
    trace = run_alone(selling, faults=[fault("billing-0", "produce", nth=2)])
    assert list(trace.records.value) == [0, 1, 2, 3] and set(trace.records.copies) == {1}
    assert len(control(trace, "send_retry")) == 1 and done(trace, "told") == [0, 1, 2, 3]


@pytest.mark.parametrize("fault", [LoseRequest, LoseReply])
def test_a_commit_is_sent_again(fault):
    trace = run_alone(billing, orders=3, faults=[fault("billing-0", "commit", nth=2)], duration=300)
    assert done(trace, "charge") == [0, 1, 2] and committed(trace)[-1] == 3
    assert not len(control(trace, "exception"))


# -- what is on the wire when its sender dies

@pytest.mark.parametrize("at, charged", [(0.9999, []), (1.0001, [1]), (1.0009, [1])])
def test_an_effect_on_the_wire_arrives_although_its_sender_is_dead(at, charged):
    async def main(app):
        await app.sleep(1)
        await app.effect("charge", 1)
        await app.effect("told", 1)

    trace = run_alone(main, faults=[Crash("billing-0", at=at)])
    assert done(trace, "charge") == charged and done(trace, "told") == []


def test_a_record_on_the_wire_arrives_although_its_sender_is_dead():
    async def main(app):
        producer = app.producer()
        await app.sleep(1)
        await producer.send_and_wait("orders", 1)
        await producer.send_and_wait("orders", 2)

    trace = run_alone(main, faults=[Crash("billing-0", at=1.0001)])
    assert list(trace.records.value) == [1]
    assert list(trace.records.copies) == [1] and list(trace.records.outcome) == ["lost with its producer"]


def test_a_record_that_waits_in_the_dead_producer_is_lost_with_it():
    async def main(app):
        producer = app.producer(linger_ms=1_000)
        await app.sleep(1)
        await producer.send("orders", 1)
        await app.sleep(10)

    trace = run_alone(main, faults=[Crash("billing-0", at=1.5)])
    assert list(trace.records.outcome) == ["lost with its producer"] and list(trace.records.copies) == [0]
    assert trace.summary().lost == 1


def test_peers_see_a_killed_broker_s_connections_break_one_latency_later():
    async def main(app):
        producer = app.producer()
        await producer.send_and_wait("orders", 0)
        await app.sleep(1 - app.now)
        await producer.send_and_wait("orders", 1)

    trace = run_alone(main, faults=[Crash("broker-0", at=1.0004, restart_after=5)], brokers=1)
    first = control(trace, "send_retry").iloc[0]
    assert (first.time, first.detail) == (pytest.approx(1.0009), "disconnected")
    assert list(trace.records.value) == [0, 1]


def test_a_broker_forgets_a_dead_consumer_s_parked_fetch():
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", session_timeout_ms=6_000)
        async for record in consumer:
            await app.effect("charge", record.value)

    trace = run_alone(main, faults=[Crash("billing-0", at=10), ], orders=2, duration=60)
    assert done(trace) == [0, 1] and trace.ended == "quiet"
    assert len(control(trace, "evicted")) == 1


def test_an_effect_carries_the_record_last_handed_to_its_task():
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
        await app.effect("begin", 0)
        async for record in consumer:
            await app.effect("charge", record.value)

    trace = run_alone(main, orders=2)
    assert [None if message != message else message for message in trace.effects.message] == [
        None, "inputs:0", "inputs:1"]
