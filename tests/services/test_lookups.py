"""beginning_offsets, end_offsets, offsets_for_times, seek_to_beginning, seek_to_end."""

import pytest

from simlib import Crash, Pause, Producer, Scenario, Service, Topic, run
from simlib.kafka.topic_partition import TopicPartition
from simlib.services.errors import KafkaTimeoutError

QUICK = {"log_retention_check_interval_ms": 1_000, "log_initial_task_delay_ms": 0}
FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)


def answers(main, *, faults=(), brokers=1, config=None, start=15, duration=60):
    """What `main` passes to `app.effect("saw", ...)`: ten records a second for 10 s, two partitions."""
    trace = run(Scenario(topics=[Topic("orders", 2, brokers, config or {})], faults=faults, brokers=brokers,
                         producers=[Producer("shop", "orders", rate=10, keys=20, stop=10)], broker_config=QUICK,
                         services=[Service("asking", main, start=start)], duration=duration))
    assert not trace.summary().warnings, trace.summary().warnings
    return [effect.key for effect in trace.effects.itertuples()], trace


def consumer(app, **more):
    return app.consumer("orders", group_id="asking", auto_offset_reset="earliest", **more)


async def ends(app):
    reader = consumer(app)
    begins, past = await reader.beginning_offsets([FIRST, SECOND]), await reader.end_offsets([FIRST, SECOND])
    await app.effect("saw", [begins[FIRST], begins[SECOND], past[FIRST] + past[SECOND]])


def test_a_log_without_retention_begins_at_0():
    assert answers(ends)[0] == [[0, 0, 100]]


@pytest.mark.statement("K61")
def test_retention_moves_the_beginning_and_not_the_end():
    (saw,), trace = answers(ends, config={"retention_ms": 8_000, "segment_ms": 2_000})
    starts = [trace.removed[(trace.removed.partition == p) & (trace.removed.removed <= 15)].offset.max() + 1
              for p in (0, 1)]
    assert saw == [*starts, 100] and min(starts) > 0


def test_it_may_ask_about_what_it_does_not_own_and_before_it_has_joined():
    async def asking(app):
        await app.effect("saw", len(consumer(app).assignment()))
        await app.effect("saw", sum((await consumer(app).end_offsets([FIRST, SECOND])).values()))

    assert answers(asking)[0] == [0, 100]


def test_the_offset_of_a_time_is_that_of_the_first_record_not_before_it():
    async def asking(app):
        reader = consumer(app)
        found = await reader.offsets_for_times({FIRST: 5_000, SECOND: 60_000})
        assert found[SECOND] is None
        reader.assignment()
        first = await reader.getone()
        while (first.partition, first.offset) != (0, found[FIRST].offset):
            first = await reader.getone()
        await app.effect("saw", [first.timestamp, found[FIRST].timestamp])

    ((read, told),), trace = answers(asking)
    mine = trace.records[trace.records.partition == 0]
    assert read == told == round(mine.created[mine.created >= 5].min() * 1_000)


def test_seek_to_the_beginning_reads_what_retention_has_left_again():
    async def asking(app):
        reader = consumer(app)
        await reader.getone()
        await reader.seek_to_beginning()
        places = [reader.position(partition) for partition in (FIRST, SECOND)]
        await reader.seek_to_end(FIRST)
        places.append(reader.position(FIRST))
        await app.effect("saw", places)

    ((first, second, end),), trace = answers(asking, config={"retention_ms": 13_000, "segment_ms": 2_000})
    assert first > 0 and second > 0 and end == trace.records[trace.records.partition == 0].offset.max() + 1


def test_a_leader_that_died_is_waited_for():
    """The election takes longer than the question may: it is asked anew, and answered by the next leader."""
    async def asking(app):
        await app.effect("saw", sum((await consumer(app).end_offsets([FIRST, SECOND])).values()))

    saw, trace = answers(asking, brokers=3, faults=[Crash("broker-0", at=14.5)])
    assert saw == [100] and trace.effects.time[0] > 20


def test_who_gets_no_answer_in_time_is_told():
    async def asking(app):
        reader = consumer(app, request_timeout_ms=2_000)
        try:
            await reader.end_offsets([FIRST])
        except KafkaTimeoutError as error:
            await app.effect("saw", str(error))

    saw, _ = answers(asking, faults=[Pause("broker-0", at=14, duration=20)])
    assert saw == ["no leader said within request_timeout_ms=2000 where orders-0 begin or end"]


@pytest.mark.parametrize(("question", "told"), [
    (lambda reader: reader.beginning_offsets([("parcels", 0)]), "no such partition; 'parcels' has 0"),
    (lambda reader: reader.end_offsets([("orders", 2)]), "no such partition; 'orders' has 2"),
    (lambda reader: reader.end_offsets(FIRST), "a list of partitions is needed"),
    (lambda reader: reader.offsets_for_times({FIRST: -1}), "a whole number of milliseconds from 0"),
    (lambda reader: reader.offsets_for_times({FIRST: 1.5}), "a whole number of milliseconds from 0"),
    (lambda reader: reader.seek_to_beginning(("orders", 7)), "not assigned to asking-0"),
])
def test_bad_questions_are_refused(question, told):
    async def asking(app):
        reader = consumer(app)
        try:
            await question(reader)
        except (ValueError, TypeError) as error:
            await app.effect("saw", str(error))

    ((saw,), _) = answers(asking)
    assert told in saw


def test_no_partition_is_no_question():
    async def asking(app):
        await app.effect("saw", await consumer(app).beginning_offsets([]))

    assert answers(asking)[0] == [{}]


@pytest.mark.parametrize("offset", [-1, 1.5, True, "3", None])
def test_what_is_no_offset_is_refused(offset):
    async def asking(app):
        reader = consumer(app, enable_auto_commit=False)
        await reader.getone()
        try:
            reader.seek(FIRST, offset)
        except ValueError as error:
            await app.effect("saw", str(error))
        try:
            await reader.commit({FIRST: offset})
        except ValueError as error:
            await app.effect("saw", str(error))

    saw, _ = answers(asking)
    assert saw == [f"{what}({{{FIRST}: {offset!r}}}): an offset is a whole number from 0, "
                   "that of the next record to read"
                   for what in ("seek", "commit")]
