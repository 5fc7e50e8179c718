"""An application asks where logs begin and end, as with kafka-python."""

import pytest

from simlib import ConsumerGroup, Crash, Scenario, Service, Topic, run
from simlib.data import orders
from simlib.kafka.topic_partition import TopicPartition


def asked(main, **more):
    async def asking(app):
        await app.sleep(5)
        consumer = app.consumer("orders", group_id="curious", enable_auto_commit=False)
        await main(app, consumer)

    return run(Scenario([Topic("orders", partitions=2, replication_factor=3)], inputs={"orders": orders(20)},
                        services=[Service("curious", asking)], **more))


def told(trace):
    return trace.effects.key.tolist()


def test_beginning_and_end_of_partitions_that_others_own():
    async def main(app, consumer):
        both = [TopicPartition("orders", number) for number in sorted(consumer.partitions_for_topic("orders"))]
        begins, ends = await consumer.beginning_offsets(both), await consumer.end_offsets(both)
        await app.effect("told", [[tp.partition, begins[tp], ends[tp]] for tp in both])
        assert consumer.partitions_for_topic("refunds") is None and await consumer.end_offsets([]) == {}

    trace = asked(main, groups=[ConsumerGroup("billing", topic="orders", consumers=2)])
    sizes = trace.records.groupby("partition").offset.max() + 1
    assert told(trace) == [[[0, 0, sizes[0]], [1, 0, sizes[1]]]]


def test_a_leader_that_dies_is_waited_for():
    async def main(app, consumer):
        tp = TopicPartition("orders", 0)
        await app.effect("told", (await consumer.end_offsets([tp]))[tp])

    trace = asked(main, faults=[Crash("broker-0", at=4.9), Crash("broker-1", at=4.9)])
    assert told(trace) == [(trace.records.partition == 0).sum()]
    assert trace.effects.time[0] > 10


def test_nobody_who_could_answer_is_a_timeout_after_thirty_seconds():
    async def main(app, consumer):
        try:
            await consumer.end_offsets([TopicPartition("orders", 0)])
        except TimeoutError as error:
            await app.effect("told", str(error))

    trace = asked(main, faults=[Crash(f"broker-{number}", at=4.9) for number in range(3)])
    assert "begin or end" in told(trace)[0] and trace.effects.time[0] > 30


@pytest.mark.parametrize("partition", [TopicPartition("orders", 2), TopicPartition("refunds", 0)])
def test_a_partition_that_does_not_exist_is_refused(partition):
    async def main(app, consumer):
        await consumer.beginning_offsets([partition])

    trace = asked(main, duration=8)
    assert any("no such partition" in str(detail) for detail in trace.control.detail)


def test_asking_again_and_again_keeps_no_run_alive():
    async def main(app, consumer):
        while True:
            await consumer.end_offsets([TopicPartition("orders", 0)])
            await app.sleep(2)

    trace = asked(main)
    assert trace.ended == "quiet" and trace.ended_at < 20
