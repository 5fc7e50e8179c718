"""How a service's process ends: main returns, raises, exits, is shut down; and how it begins again."""

import pytest
from small_services import alone, control, done, run_alone, times

from simlib import Crash, Scenario, Service, Shutdown, Topic, run
from simlib.services.process import SimulatorBug


def kinds(trace, *wanted):
    return [(row.kind, row.time) for row in trace.control.itertuples() if row.kind in wanted]


def test_an_exception_is_a_crash_and_main_begins_anew():
    async def main(app):
        await app.effect("begin", app.now)
        await app.sleep(2)
        raise LookupError("no such order")

    trace = run_alone(main, restart_after=3, duration=12)
    assert times(trace, "begin") == [0.0005, 5.0015, 10.0025]
    assert kinds(trace, "crashed", "restarted")[:3] == [("crashed", 2.001), ("restarted", 5.001), ("crashed", 7.002)]


def test_restart_after_none_means_never():
    async def main(app):
        await app.effect("begin", app.now)
        raise LookupError("no such order")

    trace = run_alone(main, restart_after=None)
    assert times(trace, "begin") == [0.0005] and not len(control(trace, "restarted"))


def test_a_main_that_returns_is_over_for_good():
    async def main(app):
        await app.effect("begin", app.now)

    trace = run_alone(main)
    assert len(trace.effects) == 1 and trace.ended == "quiet"
    assert kinds(trace, "crashed", "restarted", "shutdown") == [("shutdown", 0.001)]


def test_a_main_that_returns_cancels_its_other_tasks_as_asyncio_run_does():
    async def main(app):
        import asyncio

        async def background():
            try:
                await app.sleep(1_000)
            finally:
                await app.effect("cleaned up", app.now)

        asyncio.create_task(background())
        await app.sleep(1)

    trace = run_alone(main)
    assert done(trace) == [1.0] and trace.ended == "quiet"
    assert kinds(trace, "shutdown") == [("shutdown", 1.001)]


def test_a_crash_cleans_up_nothing_in_other_tasks():
    async def main(app):
        import asyncio

        async def background():
            try:
                await app.sleep(1_000)
            finally:
                await app.effect("cleaned up", app.now)

        asyncio.create_task(background())
        await app.sleep(1)
        raise LookupError("no such order")

    assert done(run_alone(main, restart_after=None)) == []


@pytest.mark.parametrize("code, crashed", [(0, False), (None, False), (3, True)])
def test_sys_exit_ends_the_process_and_not_the_simulation(code, crashed):
    async def main(app):
        import sys

        if app.now < 10:
            await app.effect("begin", app.now)
            sys.exit(code)

    trace = run_alone(main, restart_after=20)
    assert [kind for kind, _ in kinds(trace, "crashed", "restarted")] == (["crashed", "restarted"] if crashed else [])
    assert len(trace.effects) == 1 and trace.ended == "quiet"


def test_sys_exit_in_a_background_task_too():
    async def main(app):
        import asyncio
        import sys

        async def background():
            await app.sleep(1)
            sys.exit("bad configuration")

        asyncio.create_task(background())
        await app.sleep(3)
        await app.effect("survived", 1)

    trace = run_alone(main, restart_after=None)
    assert done(trace) == [] and kinds(trace, "crashed") == [("crashed", 1.0)]
    assert "bad configuration" in control(trace, "exception").detail.iloc[0]


def test_shutdown_cancels_main_and_waits_for_its_clean_up():
    async def main(app):
        try:
            await app.sleep(1_000)
        finally:
            await app.sleep(0.5)
            await app.effect("cleaned up", app.now)

    trace = run_alone(main, faults=[Shutdown("billing-0", at=2, restart_after=10)], duration=30)
    assert done(trace)[0] == 2.5
    assert kinds(trace, "shutdown", "restarted") == [("shutdown", 2.501), ("restarted", 12.501)]


def test_a_shutdown_that_fails_in_its_clean_up_still_ends_the_process():
    async def main(app):
        try:
            await app.sleep(1_000)
        finally:
            raise LookupError("no such order")

    trace = run_alone(main, faults=[Shutdown("billing-0", at=2)], duration=30)
    assert kinds(trace, "shutdown", "crashed", "restarted") == [("shutdown", 2.0)]
    assert "no such order" in control(trace, "exception").detail.iloc[0]


def test_a_kill_during_a_shutdown_is_a_kill():
    async def main(app):
        try:
            await app.sleep(1_000)
        finally:
            await app.sleep(5)
            await app.effect("cleaned up", app.now)

    trace = run_alone(main, faults=[Shutdown("billing-0", at=2), Crash("billing-0", at=3)], orders=1)
    assert done(trace) == [] and trace.ended == "quiet"


# -- its consumer

async def takes_one_and_fails(app):
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=True,
                            auto_commit_interval_ms=600_000)
    async for record in consumer:
        await app.effect("charge", record.value)
        raise LookupError("no such order")


def test_a_crash_neither_commits_nor_leaves():
    trace = run_alone(takes_one_and_fails, orders=1, restart_after=None)
    assert not len(trace.commits) and not len(control(trace, "left"))
    assert list(control(trace, "evicted").detail) == ["billing-0-1: session timed out"]
    assert trace.ended == "quiet" and trace.ended_at > 45  # the group has noticed


async def takes_one_and_closes(app):
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=True,
                            auto_commit_interval_ms=600_000)
    async with consumer:
        async for record in consumer:
            await app.effect("charge", record.value)
            raise LookupError("no such order")


def test_async_with_leaves_and_commits_even_when_main_raises():
    trace = run_alone(takes_one_and_closes, orders=1, restart_after=None)
    assert list(trace.commits.offset) == [1] and len(control(trace, "left")) == 1


def test_a_poison_record_crashes_in_a_loop_until_stuck_and_is_told_once_with_a_count():
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False,
                                session_timeout_ms=6_000)
        async for record in consumer:
            if record.value == 1:
                raise ValueError("cannot read this order")
            await app.effect("charge", record.value)
            await consumer.commit()

    trace = run_alone(main, orders=3, duration=5_000)
    assert trace.ended == "stuck" and trace.ended_at < 1_000
    assert done(trace) == [0]
    crashes = len(control(trace, "crashed"))
    (told,) = control(trace, "exception").detail
    assert crashes > 10 and told.startswith("ValueError: cannot read this order (in main, line")
    assert [one for one in trace.summary().warnings if told in one] == [f"billing-0 raised {told} ({crashes} times)"]


# -- begin

def test_services_start_when_they_are_told_to():
    async def main(app):
        await app.effect("begin", (app.name, app.now))

    scenario = Scenario(topics=[Topic("orders")], services=[Service("early", main), Service("late", main, start=30,
                                                                                           instances=2)])
    assert done(run(scenario)) == [("early-0", 0.0), ("late-0", 30.0), ("late-1", 30.0)]


def test_a_restart_begins_with_its_own_random_numbers_the_same_in_every_run():
    async def main(app):
        await app.effect("number", app.random.random())
        await app.sleep(10)

    scenario = alone(main, faults=[Crash("billing-0", at=1, restart_after=1)], instances=2, duration=30)
    numbers = done(run(scenario))
    assert numbers == done(run(scenario)) and len(set(numbers)) == 3
    other_seed = alone(main, faults=scenario.faults, instances=2, duration=30, seed=1)
    assert not set(numbers) & set(done(run(other_seed)))


def test_a_mistake_of_ours_is_told_apart_from_one_of_the_service(monkeypatch):
    """A raising service crashes and is restarted; a bug of simlib ends the run and says whose it is."""
    async def its_own(app):
        _ = app.producer().nonsense

    assert control(run_alone(its_own, duration=5), "exception").detail.str.contains("AttributeError").all()

    async def innocent(app):
        await app.effect("charge", 1)

    monkeypatch.delattr("simlib.services.app.EFFECT_TIMEOUT")
    with pytest.raises(SimulatorBug, match="mistake in simlib itself, not in the service: NameError") as caught:
        run_alone(innocent)
    assert isinstance(caught.value.__cause__, NameError)
