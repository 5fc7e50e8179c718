"""Producer statements seen from the code that calls send(): what it gets back, and when."""

import pytest
from producer_scenarios import log, outcomes, shop

from simlib import Crash, LoseReply, Pause, Scenario, Service, Topic, run
from simlib.kafka import broker


def selling(main, *, faults=(), client="kafka-python", duration=200, **topic):
    """A scenario with one service, `shop`, one broker and the topic orders."""
    return Scenario(topics=[Topic("orders", **topic)], services=[Service("shop", main)],
                    faults=faults, brokers=1, client=client, duration=duration)


def effects(trace, name):
    return trace.effects[trace.effects.name == name]


@pytest.mark.statement("K19")
def test_sending_the_same_twice_is_two_records():
    async def shop(app):
        producer = app.producer()
        for _ in range(2):
            await producer.send_and_wait("orders", {"order_id": "o-00001"})

    trace = run(selling(shop))
    assert list(trace.records.copies) == [1, 1]
    assert len({str(value) for value in trace.records.value}) == 1


@pytest.mark.statement("K19")
def test_a_producer_that_restarts_and_sends_again_makes_a_second_record():
    async def shop(app):
        await app.producer().send_and_wait("orders", {"order_id": "o-00001"})

    trace = run(selling(shop, faults=[Crash("shop-0", after="send", restart_after=1)]))
    assert list(trace.records.copies) == [1, 1]


@pytest.mark.statement("K01")
def test_acks_0_returns_offset_minus_one():
    async def shop(app):
        answer = await app.producer(acks=0).send_and_wait("orders", "o-00001")
        await app.effect("offset", answer.offset)

    assert list(effects(run(selling(shop)), "offset").key) == [-1]


@pytest.mark.statement("K17")
def test_the_caller_gets_the_first_offset_although_the_answer_came_to_the_second_try():
    async def shop(app):
        producer = app.producer(request_timeout_ms=1_000)
        for order in range(3):
            answer = await producer.send_and_wait("orders", order)
            await app.effect("offset", answer.offset)

    trace = run(selling(shop, faults=[LoseReply("shop-0", "produce", nth=2)]))
    assert list(effects(trace, "offset").key) == [0, 1, 2]


@pytest.mark.statement("K10", "K11")
def test_the_caller_gets_a_time_out_two_minutes_later():
    async def shop(app):
        producer = app.producer()
        await app.sleep(2)
        try:
            await producer.send_and_wait("orders", "o-00001")
        except Exception as error:
            await app.effect("failed", type(error).__name__)

    failed = effects(run(selling(shop, faults=[Crash("broker-0", at=1)])), "failed")
    assert len(failed) == 1 and "Timeout" in failed.key.iloc[0]
    assert 122 <= failed.time.iloc[0] < 122.5


async def fill_the_buffer(app):
    """Two records fit into the buffer while the broker does not answer."""
    producer = app.producer(buffer_memory=25_000, max_block_ms=10_000, batch_size=1, linger_ms=0)
    await app.sleep(2)
    for order in range(3):
        try:
            await producer.send("orders", "x" * 10_000)
            await app.effect("sent", order)
        except Exception as error:
            await app.effect("refused", type(error).__name__)


@pytest.mark.statement("K16")
def test_a_full_buffer_makes_send_wait_and_then_fail():
    trace = run(selling(fill_the_buffer, client="java", faults=[Pause("broker-0", at=1, duration=100)]))
    assert list(effects(trace, "sent").time.round(1)) == [2.0, 2.0]
    refused = effects(trace, "refused")
    assert list(refused.time.round(1)) == [12.0] and "Timeout" in refused.key.iloc[0]
    assert len(trace.records) == 2


@pytest.mark.statement("K16")
def test_a_full_buffer_that_empties_in_time_lets_send_go_on():
    trace = run(selling(fill_the_buffer, client="java", faults=[Pause("broker-0", at=1, duration=6)]))
    assert list(effects(trace, "sent").time.round(1)) == [2.0, 2.0, 7.0]
    assert effects(trace, "refused").empty and len(trace.records) == 3


@pytest.mark.statement("K18")
def test_an_old_duplicate_is_a_success_without_an_offset(monkeypatch):
    def forgotten(self, exchange):
        exchange.reply(("DUPLICATE_SEQUENCE_NUMBER", -1))

    monkeypatch.setattr(broker.Broker, "on_produce", forgotten)
    trace = run(shop([0.1], duration=5), engine="events")
    assert outcomes(trace) == ["acked"] and log(trace) == []
    assert list(trace.data.column("acks", "base_offset")) == [-1]
