"""K73-K82 and K101 seen from the code of a consumer: commit before or after the work, with what, and from where."""

import asyncio

import pytest

from simlib import Crash, Scenario, Service, Topic, run

COMMITS_BY_HAND = {"group_id": "billing", "auto_offset_reset": "earliest", "enable_auto_commit": False}
AUTO_COMMIT = {"group_id": "billing", "auto_offset_reset": "earliest", "auto_commit_interval_ms": 1_000}


def charging(main, orders, *, at=0.0, faults=(), client="kafka-python", restart_after=1.0, start=0.0, duration=300):
    """A scenario in which `billing` reads this many orders, all of them written at one instant."""
    rows = [{"key": "00001", "value": number, "at": at} for number in range(orders)]
    return Scenario(topics=[Topic("orders")], inputs={"orders": rows}, faults=faults, brokers=1, client=client,
                    services=[Service("billing", main, start=start, restart_after=restart_after)], duration=duration)


def charged(trace):
    """How often each order was charged."""
    return trace.effects[trace.effects.name == "charge"].groupby("key").size().to_dict()


def reads(trace, service="billing"):
    return trace.deliveries[trace.deliveries.member.astype(str).str.startswith(service)]


async def commit_then_charge(app):
    consumer = app.consumer("orders", **COMMITS_BY_HAND)
    async for order in consumer:
        await consumer.commit()
        await app.effect("charge", order.value)


async def charge_then_commit(app):
    consumer = app.consumer("orders", **COMMITS_BY_HAND)
    async for order in consumer:
        await app.effect("charge", order.value)
        await consumer.commit()


@pytest.mark.statement("K73")
def test_commit_then_work_skips_the_record_in_between():
    trace = run(charging(commit_then_charge, 5, faults=[Crash("billing-0", after="commit", nth=3, restart_after=1)]))
    assert charged(trace) == {0: 1, 1: 1, 3: 1, 4: 1}


@pytest.mark.statement("K74")
def test_work_then_commit_repeats_the_record_in_between():
    trace = run(charging(charge_then_commit, 5, faults=[Crash("billing-0", after="charge", nth=3, restart_after=1)]))
    assert charged(trace) == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}


@pytest.mark.statement("K72")
def test_a_commit_says_what_to_read_next():
    trace = run(charging(charge_then_commit, 5))
    assert list(trace.commits.offset) == [1, 2, 3, 4, 5]


@pytest.mark.statement("K76")
def test_auto_commit_of_records_that_a_task_has_not_worked_loses_them():
    async def main(app):
        async def charge(order):
            await app.sleep(10)
            await app.effect("charge", order.value)

        tasks = []
        async for order in app.consumer("orders", **AUTO_COMMIT):
            tasks.append(asyncio.create_task(charge(order)))

    trace = run(charging(main, 5, at=5, faults=[Crash("billing-0", at=10, restart_after=1)]))
    assert charged(trace) == {}


async def charge_batches(app):
    """`async with` closes the consumer on the way out."""
    async with app.consumer("orders", **AUTO_COMMIT) as consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for order in records:
                    if order.value == 9:
                        raise ValueError("order 9 cannot be charged")
                    await app.effect("charge", order.value)


@pytest.mark.statement("K77")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_closing_in_the_middle_of_a_batch_commits_all_of_it(client):
    trace = run(charging(charge_batches, 500, start=5, client=client))
    assert charged(trace) == {order: 1 for order in range(9)}
    assert trace.commits.offset.max() == 500


@pytest.mark.statement("K77")
def test_a_kill_in_the_same_place_commits_nothing():
    trace = run(charging(charge_batches, 500, start=5, duration=60,
                         faults=[Crash("billing-0", before="charge", nth=9, restart_after=1)]))
    first_life = trace.effects[trace.effects.incarnation == 0]
    assert list(first_life.key) == list(range(8))
    assert charged(trace)[0] == 2


@pytest.mark.statement("K78")
def test_closing_after_a_failed_record_commits_that_record():
    async def main(app):
        async with app.consumer("orders", **AUTO_COMMIT) as consumer:
            async for order in consumer:
                if order.value == 9:
                    raise ValueError("order 9 cannot be charged")
                await app.effect("charge", order.value)

    trace = run(charging(main, 50, start=5))
    assert charged(trace) == {order: 1 for order in range(50) if order != 9}


@pytest.mark.statement("K81")
def test_latest_without_a_commit_begins_at_the_end():
    async def main(app):
        async for order in app.consumer("orders", group_id="billing"):
            await app.effect("charge", order.value)

    trace = run(charging(main, 5, start=5))
    assert charged(trace) == {} and trace.skipped.records.sum() == 5


@pytest.mark.statement("K82")
def test_reset_none_without_a_commit_is_an_error():
    async def main(app):
        async for order in app.consumer("orders", group_id="billing", auto_offset_reset="none"):
            await app.effect("charge", order.value)

    trace = run(charging(main, 5, start=5, restart_after=None))
    raised = trace.control[trace.control.kind == "exception"].detail
    assert len(raised) == 1 and "NoOffsetForPartition" in raised.iloc[0]
    assert charged(trace) == {}


@pytest.mark.statement("K85", "peer-T10")
def test_a_group_that_comes_later_reads_what_another_has_worked():
    async def audit(app):
        async for order in app.consumer("orders", group_id="audit", auto_offset_reset="earliest"):
            await app.effect("noted", order.value)

    scenario = charging(charge_then_commit, 5)
    later = Service("audit", audit, start=30)
    trace = run(Scenario(topics=scenario.topics, inputs=scenario.inputs, services=[*scenario.services, later],
                         brokers=1, duration=100))
    assert charged(trace) == dict.fromkeys(range(5), 1)
    assert list(trace.effects[trace.effects.name == "noted"].key) == list(range(5))
    assert list(trace.commits[trace.commits.group == "billing"].offset) == [1, 2, 3, 4, 5]


@pytest.mark.statement("K90")
def test_the_first_member_of_a_group_waits_3_s_for_others():
    trace = run(charging(charge_then_commit, 1))
    assert 3 <= trace.effects.time.iloc[0] < 3.2


@pytest.mark.statement("K101")
def test_a_poll_returns_500_records_at_most():
    async def main(app):
        consumer = app.consumer("orders", **COMMITS_BY_HAND)
        seen = 0
        while seen < 1_200:
            records = [order for rows in (await consumer.getmany(timeout_ms=5_000)).values() for order in rows]
            seen += len(records)
            await app.effect("poll", f"{seen}:{len(records)}")

    trace = run(charging(main, 1_200, start=5))
    assert [int(key.split(":")[1]) for key in trace.effects.key] == [500, 500, 200]


@pytest.mark.statement("T22")
@pytest.mark.parametrize(("round_s", "between_commits"), [(0.5, 5.0), (2.0, 6.0), (3.0, 6.0), (7.0, 7.0)])
def test_auto_commits_are_whole_rounds_of_polling_apart(round_s, between_commits):
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", max_poll_records=10)
        while True:
            await consumer.getmany(timeout_ms=1_000)
            await app.sleep(round_s)

    trace = run(charging(main, 5_000, duration=100))
    gaps = trace.commits.time.diff().dropna().round(3)
    assert len(gaps) > 10 and gaps.between(between_commits, between_commits + 0.05).all()


@pytest.mark.statement("T21")
@pytest.mark.parametrize(("main_commits", "mean"), [("after", 9.5), ("before", 10.5)])
def test_a_crash_in_a_batch_of_twenty(main_commits, mean):
    """At each of the twenty records once: 0..19 repeated, or 20..1 lost (the one in hand is not charged)."""

    async def main(app):
        consumer = app.consumer("orders", **COMMITS_BY_HAND, max_poll_records=20)
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                if main_commits == "before":
                    await consumer.commit()
                for order in records:
                    await app.effect("charge", order.value)
                if main_commits == "after":
                    await consumer.commit()

    wrong = []
    for nth in range(1, 21):
        crash = Crash("billing-0", before="charge", nth=nth, restart_after=1)
        counts = charged(run(charging(main, 40, start=5, faults=[crash])))
        wrong.append(sum(counts.values()) - len(counts) if main_commits == "after" else 40 - len(counts))
    assert sum(wrong) / 20 == mean
