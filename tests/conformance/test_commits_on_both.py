"""What a commit says, when it is made, and what a death around it costs [K72 to K82]."""

import asyncio

import pytest
from both import on_both
from real_shop import QUICK, acts, billing, nobody_before, shop

from simlib import Crash, Service, TopicPartition
from simlib.services.errors import NoOffsetForPartitionError

pytestmark = pytest.mark.slow
BY_HAND = {**QUICK, "group_id": "billing", "enable_auto_commit": False}
BY_ITSELF = {**QUICK, "group_id": "billing", "auto_commit_interval_ms": 500}


def keys(trace, name="charge"):
    """The keys of the effects of one name, in order."""
    return [key for effect, key in acts(trace) if effect == name]


def rows(*times):
    """Order n is sent at times[n]."""
    return {"orders": [{"key": "one", "value": {"order_id": n}, "at": at} for n, at in enumerate(times)]}


@pytest.mark.statement("K72")
@on_both
def test_a_commit_names_the_next_record_to_read():
    trace = yield shop(orders=5)
    assert keys(trace) == [0, 1, 2, 3, 4]
    assert trace.commits.query("auto == False")["offset"].max() == 5


async def commits_first(app):
    consumer = app.consumer("orders", **BY_HAND)
    async for order in consumer:
        await consumer.commit()
        await app.effect("charge", order.value["order_id"])


@pytest.mark.statement("K73")
@on_both
def test_who_commits_first_loses_the_record_it_dies_with():
    trace = yield shop(commits_first), "crash-after:billing-0.0/commit#2"
    assert keys(trace) == [0, 2]
    assert trace.summary().passed_over == 1


@pytest.mark.statement("K74")
@on_both
def test_who_works_first_repeats_everything_since_the_last_commit():
    trace = yield shop(billing), "crash-before:billing-0.0/commit#2"
    assert keys(trace) == [0, 1, 1, 2]
    assert [*trace.duplicates["cause_of_repeat"]] == ["crash"]


async def seldom_commits(app):
    consumer = app.consumer("orders", **BY_HAND)
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        if order.offset == 4:
            await consumer.commit()


@pytest.mark.statement("K74")
@on_both
def test_the_longer_the_wait_for_a_commit_the_more_is_repeated():
    trace = yield shop(seldom_commits, orders=5), "crash-before:billing-0.0/commit#1"
    assert keys(trace) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]


async def works_between_polls(app):
    """One record a poll, and longer than auto-commit's interval: each poll commits what the ones before brought."""
    consumer = app.consumer("orders", max_poll_records=1, **BY_ITSELF)
    async for order in consumer:
        await app.sleep(1)
        await app.effect("charge", order.value["order_id"])


@pytest.mark.statement("K75")
@on_both
def test_auto_commit_is_part_of_the_next_poll_and_repeats_the_record_in_hand():
    trace = yield shop(works_between_polls), "crash-after:billing-0.0/charge#2"
    assert keys(trace) == [0, 1, 1, 2]
    assert trace.summary().passed_over == 0


async def in_the_background(app):
    """Hands records to tasks, and polls on: auto-commit takes them for done."""
    consumer = app.consumer("orders", **BY_ITSELF)

    async def work(order):
        await app.sleep(5)
        await app.effect("charge", order.value["order_id"])

    async with asyncio.TaskGroup() as tasks:
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for order in records:
                    tasks.create_task(work(order))


@pytest.mark.statement("K76")
@on_both
def test_what_was_handed_to_a_task_is_committed_before_it_is_done():
    trace = yield shop(in_the_background, faults=[Crash("billing-0", at=4.5, restart_after=1)])
    assert keys(trace) == []
    assert trace.commits["offset"].max() == 3


async def raises_and_closes(app):
    """The work on the second order raises; `async with` closes the consumer on the way out."""
    async with app.consumer("orders", **{**BY_ITSELF, "auto_commit_interval_ms": 60_000}) as consumer:
        async for order in consumer:
            if order.value["order_id"] == 1:
                raise ValueError("cannot read this")
            await app.effect("charge", order.value["order_id"])


@pytest.mark.statement("K78")
@on_both
def test_closing_commits_the_record_whose_work_has_failed():
    trace = yield shop(raises_and_closes)
    assert keys(trace) == [0, 2]
    assert trace.summary().passed_over == 1


async def raises_in_a_batch(app):
    """Takes all there is with one poll; the work on the second order raises."""
    async with app.consumer("orders", **{**BY_ITSELF, "auto_commit_interval_ms": 60_000}) as consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for order in records:
                    if order.value["order_id"] == 1:
                        raise ValueError("cannot read this")
                    await app.effect("charge", order.value["order_id"])


@pytest.mark.statement("K77")
@on_both
def test_closing_commits_a_whole_batch_of_which_one_record_has_failed():
    trace = yield shop(orders=5, services=[Service("billing", raises_in_a_batch, start=3)])
    assert keys(trace) == [0]
    assert trace.commits["offset"].max() == 5


async def reads_latest(app):
    consumer = app.consumer("orders", **{**BY_HAND, "auto_offset_reset": "latest"})
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        await consumer.commit()


@pytest.mark.statement("K81")
@on_both
def test_a_group_without_a_commit_that_reads_latest_never_sees_what_was_there():
    trace = yield shop(inputs=rows(0, 0, 0, 14, 14), services=[Service("billing", reads_latest, start=3)])
    assert keys(trace) == [3, 4]


@pytest.mark.statement("K82")
@on_both
def test_a_group_without_a_commit_that_reads_earliest_sees_everything():
    trace = yield shop(inputs=rows(0, 0, 8), services=[Service("billing", billing, start=3)])
    assert keys(trace) == [0, 1, 2]


@pytest.mark.statement("K82")
@on_both
def test_with_a_commit_the_reset_policy_is_never_asked():
    """It dies after its first commit; what came while it was away is not skipped."""
    trace = yield (shop(reads_latest, inputs=rows(10, 10.2, 10.4, 16)), "crash-after:billing-0.0/commit#1")
    assert keys(trace) == [0, 1, 2, 3]


async def reads_none(app):
    consumer = app.consumer("orders", **{**BY_HAND, "auto_offset_reset": "none"})
    try:
        await consumer.getone()
    except NoOffsetForPartitionError:
        await app.effect("refused", app.name)


@pytest.mark.statement("K82")
@on_both
def test_without_a_commit_and_a_policy_it_is_an_error():
    trace = yield shop(reads_none)
    assert acts(trace) == [("refused", "billing-0")]


async def commits_five(app):
    """Commits an offset of its own choice, dies, and goes on from there."""
    consumer = app.consumer("orders", **BY_HAND)
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        if order.value["order_id"] == 3 and await nobody_before(app):
            await consumer.commit({TopicPartition("orders", 0): 1})


@pytest.mark.statement("K72", "K74")
@on_both
def test_a_commit_may_go_back():
    trace = yield shop(commits_five, orders=4), "crash-after:billing-0.0/commit#1"
    assert keys(trace)[:7] == [0, 1, 2, 3, 1, 2, 3]
