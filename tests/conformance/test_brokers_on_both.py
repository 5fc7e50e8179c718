"""What the death of a broker costs: which promise it breaks, and for how long nobody answers [K02 to K06, K49, K50]."""

import pytest
from both import on_both
from real_shop import QUICK, SHORT

from simlib import ConsumerGroup, Crash, Pause, Producer, Scenario, Service, Shutdown, Topic
from simlib.services.errors import KafkaError

pytestmark = pytest.mark.slow
BACK = 20.0
"""When the broker that died is there again (s)."""


def load(name, **how):
    """Twenty records a second for twelve seconds, to a topic of the same name, which broker-0 leads."""
    return Producer(name, topic=name, rate=20, stop=12.0, **how)


async def sends_to_the_one_left(app):
    """Partition 2 is on broker-2 and broker-0; the second of them is dead when this asks for two copies."""
    async with app.producer() as producer:
        await producer.send_and_wait("pair", "with both", partition=2)
    await app.sleep(16 - app.now)
    await gives_up(app)
    for acks in ("all", 1):
        async with app.producer(acks=acks, enable_idempotence=False, retries=0) as producer:
            try:
                answer = await producer.send_and_wait("pair", f"acks={acks}", partition=2)
                await app.effect("sent", answer.offset)
            except KafkaError as error:
                await app.effect("refused", type(error).__name__)


async def gives_up(app):
    """The brokers' answer is the same for as long as this tries."""
    began = app.now
    async with app.producer(delivery_timeout_ms=3_000, request_timeout_ms=1_000) as producer:
        try:
            await producer.send_and_wait("pair", "all the time", partition=2)
        except KafkaError:
            await app.effect("gave up", app.now - began)


async def reads(app):
    consumer = app.consumer("pair", group_id="reading", enable_auto_commit=False, **QUICK)
    async for record in consumer:
        await app.effect("read", record.value)
        await consumer.commit()


def a_leader_dies():
    """Its followers stand still before; then it comes back, and finds another leader."""
    faults = [Pause("broker-1", at=3, duration=3), Pause("broker-2", at=3, duration=3),
              Crash("broker-0", at=5, restart_after=BACK - 5)]
    strict = {"min_insync_replicas": 2}
    group = ConsumerGroup("readers", "fast", consumers=1, **QUICK)
    return Scenario([Topic("fast", replication_factor=3), Topic("safe", replication_factor=3, config=strict),
                     Topic("pair", partitions=3, replication_factor=2, config=strict)],
                    producers=[load("fast", acks=1), load("safe", acks="all")], faults=faults, broker_config=SHORT,
                    services=[Service("shop", sends_to_the_one_left, restart_after=None), Service("reading", reads)],
                    groups=[group], duration=32)


def silence(trace, producer):
    """The longest time in which a producer was told nothing (s)."""
    return trace.records[trace.records["producer"] == producer]["acked"].sort_values().diff().max()


@pytest.mark.statement("K02", "K04", "K05", "K06", "K10", "K46", "K49")
@on_both(alone=True)
def test_what_the_death_of_a_leader_costs_those_who_asked_for_little_and_those_who_asked_for_much():
    trace = yield a_leader_dies()
    assert [*trace.control.query("process == 'broker-0' and kind in ('crashed', 'restarted')")["kind"]] == [
        "crashed", "restarted"]
    of = {name: trace.records[trace.records["topic"] == name] for name in ("fast", "safe")}
    promised = {name: rows[rows["acked"].notna()] for name, rows in of.items()}
    gone = {name: rows[rows["copies"] == 0] for name, rows in promised.items()}
    assert len(gone["fast"]) > 10 and gone["fast"]["acked"].between(3, 6).all()
    handed = {*trace.deliveries.query("topic == 'fast'")["message"]}
    assert handed and not handed & {*gone["fast"]["message"]}
    assert len(promised["safe"]) == 240 and not len(gone["safe"])
    assert 7 < silence(trace, "safe") < 20
    effects = trace.effects.set_index("name")
    assert effects.loc["refused", "key"] == "NotEnoughReplicasError"
    assert effects.loc["sent", "key"] == 1
    assert 3 <= effects.loc["gave up", "key"] < 6
    seen = trace.effects.query("name == 'read'").drop_duplicates("key").set_index("key")["time"]
    assert [*seen.index] == ["with both", "acks=1"]
    assert seen["with both"] < 4 and seen["acks=1"] > BACK


@pytest.mark.statement("K50")
@on_both(alone=True)
def test_a_broker_that_is_shut_down_hands_over_first():
    trace = yield Scenario([Topic("safe", replication_factor=3)], producers=[load("safe", acks="all")], duration=14,
                           faults=[Shutdown("broker-0", at=4, restart_after=5)], broker_config=SHORT)
    assert trace.summary().lost == 0 and trace.summary().acked == 240
    assert silence(trace, "safe") < 5
