"""`getmany`: one hand-over for many records, one commit for all of them, and all of them again when it is missing."""

import pytest
from small_services import control, done, run_alone

from simlib import Crash, Scenario, Service, Topic, TopicPartition, run


def consumer_of(app, **more):
    return app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False,
                        session_timeout_ms=6_000, **more)


def batches(size):
    """Charges batches of this size, and commits after each."""
    async def main(app):
        consumer = consumer_of(app)
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=size)).values():
                for order in records:
                    await app.effect("charge", order.value)
                await consumer.commit()

    return main


@pytest.mark.parametrize("size, commits", [(2, [2, 4, 6, 7]), (3, [3, 6, 7]), (None, [7])])
def test_a_commit_for_each_batch(size, commits):
    trace = run_alone(batches(size), orders=7)
    assert done(trace) == [0, 1, 2, 3, 4, 5, 6] and list(trace.commits.offset) == commits


@pytest.mark.statement("K74")
@pytest.mark.parametrize("when, charged", [
    ({"after": "charge", "nth": 2}, [0, 1, 0, 1, 2, 3, 4, 5]),
    ({"before": "charge", "nth": 3}, [0, 1, 0, 1, 2, 3, 4, 5]),
    ({"before": "charge", "nth": 4}, [0, 1, 2, 3, 4, 5]), ({"after": "charge", "nth": 5}, [0, 1, 2, 3, 4, 3, 4, 5]),
    ({"before": "commit", "nth": 1}, [0, 1, 2, 0, 1, 2, 3, 4, 5]), ({"after": "commit", "nth": 1}, [0, 1, 2, 3, 4, 5]),
    ({"after": "receive", "nth": 2}, [0, 1, 2, 3, 4, 5])], ids=str)
def test_a_crash_inside_a_batch_brings_the_whole_batch_again(when, charged):
    trace = run_alone(batches(3), orders=6, faults=[Crash("billing-0", **when, restart_after=1)])
    assert len(control(trace, "crashed")) == 1 and done(trace) == charged


def test_committing_inside_a_batch_shortens_what_comes_again():
    async def main(app):
        consumer = consumer_of(app)
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=1_000)).items():
                for order in records:
                    await app.effect("charge", order.value)
                    await consumer.commit({tp: order.offset + 1})

    trace = run_alone(main, orders=4, faults=[Crash("billing-0", after="charge", nth=3, restart_after=1)])
    assert done(trace) == [0, 1, 2, 2, 3]


def test_a_hand_over_is_one_step_for_all_its_records():
    trace = run_alone(batches(None), orders=3, faults=[Crash("billing-0", after="receive", nth=2)])
    assert trace.summary().faults_not_fired != [] and len(trace.deliveries) == 3


def test_without_waiting_it_gives_what_is_there():
    async def main(app):
        consumer = consumer_of(app)
        for _ in range(100):
            for records in (await consumer.getmany()).values():
                await app.effect("got", len(records))
            await app.sleep(0.1)

    assert done(run_alone(main, orders=3)) == [3]


def test_of_some_partitions_only_and_the_rest_later():
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False)
        while len(consumer.assignment()) < 2:
            await consumer.getmany(timeout_ms=10, max_records=1)
        for tp in sorted(consumer.assignment()):
            consumer.seek(tp, 0)
        for wanted in ([TopicPartition("orders", 1)], [TopicPartition("orders", 1)], [], []):
            found = await consumer.getmany(*wanted, timeout_ms=1_000, max_records=2)
            await app.effect("got", [order.value for records in found.values() for order in records])
            await app.effect("positions", [consumer.position(TopicPartition("orders", p)) for p in (0, 1)])

    rows = [{"value": n, "partition": n % 2} for n in range(6)]
    trace = run(Scenario(topics=[Topic("orders", partitions=2)], inputs={"orders": rows},
                         services=[Service("billing", main)]))
    assert done(trace, "got") == [[1, 3], [5], [0], [2, 4]]
    assert done(trace, "positions") == [[0, 2], [0, 3], [1, 3], [3, 3]]


@pytest.mark.parametrize("most", [0, -1, True])
def test_a_batch_has_at_least_one_record(most):
    async def main(app):
        await consumer_of(app).getmany(max_records=most)

    (told,) = control(run_alone(main, restart_after=None), "exception").detail
    assert "a whole number from 1, or None" in told
