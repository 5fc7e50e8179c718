"""What services ask of their clients besides getone and send: the same answers as in virtual time."""

import asyncio

import pytest
from real_shop import QUICK, SHORT, run_for_real

from simlib import LocalKafka, Scenario, Service, Topic, TopicPartition, run
from simlib.services.errors import IllegalStateError, KafkaError

pytestmark = pytest.mark.real


def effects(trace) -> dict[str, list]:
    """Keys by name, each in its own order."""
    return {name: rows["key"].tolist() for name, rows in trace.effects.groupby("name", observed=True)}


async def asking(app) -> None:
    """Writes down every answer as an effect."""
    producer = app.producer()
    one, other = TopicPartition("notes", 0), TopicPartition("notes", 1)
    for i in range(4):
        await producer.send_and_wait("notes", {"n": i} if i else None, key="k", partition=i % 2, timestamp_ms=1_000 * i)
    consumer = app.consumer("notes", group_id="asking", enable_auto_commit=False, **QUICK)
    first = await consumer.getone()
    await app.effect("ends", repr(sorted((await consumer.end_offsets([one, other])).items())))
    await app.effect("begins", repr(sorted((await consumer.beginning_offsets([one, other])).items())))
    await app.effect("times", repr(sorted((await consumer.offsets_for_times({one: 1_500, other: 9_000})).items())))
    await app.effect("topics", repr((consumer.partitions_for_topic("notes"), sorted(consumer.assignment()))))
    await consumer.seek_to_beginning()
    again = await consumer.getone()
    await app.effect("again", repr((again.partition, again.offset) in {(0, 0), (1, 0)}))
    await consumer.commit({one: 1, other: 0})
    await consumer.seek_to_committed()
    await app.sleep(0.5)
    await app.effect("positions", repr([consumer.position(one), consumer.position(other)]))
    await consumer.seek_to_committed(one)
    consumer.seek(other, 2)
    record = await consumer.getone()
    await app.effect("record", repr((record.partition, record.offset, record.value, record.timestamp,
                                     record.timestamp_type)))
    try:
        await producer.begin_transaction()
    except IllegalStateError as error:
        await app.effect("refused", str(error))
    assert first.topic == "notes"
    await consumer.seek_to_beginning()
    for _ in range(4):  # a run waits for those who have not read everything
        await consumer.getone()


async def reading_in_every_way(app) -> None:
    """One by one, several, of one partition, not for long: each record once, in its order."""
    producer = app.producer()
    for i in range(12):
        await producer.send_and_wait("pages", i, key="k", partition=i % 2, headers=[("simlib", "mine"), ("n", b"\x00")])
    consumer = app.consumer("pages", group_id="reading", enable_auto_commit=False, **QUICK)
    await app.effect("before", repr((consumer.group_metadata().generation_id, consumer.partitions_for_topic("nix"))))
    one = TopicPartition("pages", 1)
    read = [await consumer.getone()]
    for ask in (consumer.getmany(timeout_ms=9_000, max_records=2), consumer.getone(), consumer.getone(),
                consumer.getmany(one, timeout_ms=9_000, max_records=2), consumer.getone()):
        found = await ask
        read += [found] if not isinstance(found, dict) else [each for some in found.values() for each in some]
    while len(read) < 12:
        read.append(await consumer.getone())
    for partition in (0, 1):
        await app.effect("offsets", repr([each.offset for each in read if each.partition == partition]))
    await app.effect("headers", repr({each.headers for each in read}))
    for wait in (consumer.getone(), consumer.getmany(timeout_ms=60_000)):
        try:
            await asyncio.wait_for(wait, 0.2)
        except TimeoutError:
            await producer.send_and_wait("pages", "late", key="k", partition=1)
            await app.sleep(1)
            await app.effect("position", consumer.position(one))
            late = await consumer.getone()
            await consumer.commit()
            await app.effect("late", repr((late.offset, late.value, consumer.position(one))))
    await consumer.stop()
    await producer.stop()


def test_questions_about_offsets_and_times_have_the_same_answers(kafka: LocalKafka) -> None:
    topics = [Topic(name, partitions=2, replication_factor=3) for name in ("notes", "pages")]
    scenario = Scenario(topics=topics, broker_config=SHORT,
                        services=[Service("asking", asking, restart_after=None),
                                  Service("reading", reading_in_every_way, restart_after=None)])
    real, simulated = run_for_real(scenario, kafka.url), run(scenario)
    assert not real.summary().warnings
    assert effects(real) == effects(simulated)
    assert effects(real)["offsets"] == [repr([*range(6)])] * 2
    assert effects(real)["record"] == [repr((0, 1, {"n": 2}, 2_000, 0))]


async def sends_something_refused(app) -> None:
    """To a topic that takes no record without a key; then records it would take."""
    for idempotent in (True, False):
        producer = app.producer(enable_idempotence=idempotent)
        for key in (None, "a", "b"):
            try:
                await producer.send_and_wait("notes", 1, key=key)
                await app.effect(f"idempotent={idempotent}", "sent")
            except KafkaError as error:
                await app.effect(f"idempotent={idempotent}", type(error).__name__)


@pytest.mark.statement("K68a")
@pytest.mark.differs("K68a")
def test_an_idempotent_kafka_python_never_recovers_from_a_record_that_was_refused(kafka: LocalKafka) -> None:
    """3.0.12; the Java client's producer goes on, and so does the simulator's."""
    scenario = Scenario(topics=[Topic("notes", replication_factor=3, config={"cleanup_policy": "compact"})],
                        broker_config=SHORT, services=[Service("sending", sends_something_refused, restart_after=None)])
    real, simulated = effects(run_for_real(scenario, kafka.url)), effects(run(scenario))
    assert real["idempotent=False"] == simulated["idempotent=False"] == ["InvalidRecordError", "sent", "sent"]
    assert simulated["idempotent=True"] == ["InvalidRecordError", "sent", "sent"]
    assert real["idempotent=True"] == ["InvalidRecordError"] * 3
