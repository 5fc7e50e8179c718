"""The standard asyncio vocabulary works in a service, and takes virtual time."""

import asyncio
import sys

import pytest
from small_services import control, done, run_alone, times


def told(main, **more):
    """What a service said (effects named "said"), with the time it said it."""
    trace = run_alone(main, **more)
    assert not len(control(trace, "exception")), list(control(trace, "exception").detail)
    return list(zip(times(trace, "said"), done(trace, "said"), strict=True))


# An effect takes half a millisecond to get there and a millisecond to come back to its caller.
LATENCY = 0.0005


def test_sleep_takes_virtual_time():
    async def main(app):
        await asyncio.sleep(500)
        await app.sleep(50.25)
        await app.effect("said", app.now)

    assert told(main, duration=2_000) == [(550.2505, 550.25)]


def test_sleep_zero_lets_others_go_first():
    async def main(app):
        order = []

        async def polite():
            order.append("polite")
            await asyncio.sleep(0)
            order.append("polite again")

        async def quick():
            order.append("quick")

        await asyncio.gather(polite(), quick())
        await app.effect("said", order)

    assert told(main)[0][1] == ["polite", "quick", "polite again"]


def test_gather_runs_side_by_side():
    async def main(app):
        async def one(seconds):
            await asyncio.sleep(seconds)
            return seconds

        await app.effect("said", await asyncio.gather(one(3), one(1), one(2)))

    assert told(main) == [(3 + LATENCY, [3, 1, 2])]


def test_gather_passes_an_exception_on():
    async def main(app):
        async def fail():
            raise LookupError("no such order")

        try:
            await asyncio.gather(fail(), asyncio.sleep(5))
        except LookupError as error:
            await app.effect("said", str(error))
        both = await asyncio.gather(fail(), asyncio.sleep(3, "slept"), return_exceptions=True)
        await app.effect("said", [str(one) for one in both])

    assert [what for _, what in told(main)] == ["no such order", ["no such order", "slept"]]


def test_a_task_group_waits_for_all_and_cancels_the_rest_of_a_failure():
    async def main(app):
        async def fail():
            await asyncio.sleep(1)
            raise LookupError("no such order")

        async def long():
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                await app.effect("said", "cancelled")
                raise

        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(2))
            group.create_task(asyncio.sleep(3))
        await app.effect("said", "all done")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                group.create_task(long())
        except* LookupError:
            await app.effect("said", "failed")

    assert told(main) == [(3.0005, "all done"), (4.0015, "cancelled"), (4.0025, "failed")]


def test_timeout_and_wait_for():
    async def main(app):
        try:
            async with asyncio.timeout(2):
                await asyncio.sleep(100)
        except TimeoutError:
            await app.effect("said", "timeout")
        try:
            await asyncio.wait_for(asyncio.sleep(100), 3)
        except TimeoutError:
            await app.effect("said", "wait_for")
        await app.effect("said", await asyncio.wait_for(asyncio.sleep(1, "in time"), 3))

    assert told(main) == [(2.0005, "timeout"), (5.0015, "wait_for"), (6.0025, "in time")]


def test_a_timeout_around_a_receive_leaves_the_consumer_usable():
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
        while len(await late(app, consumer)) < 3:
            pass

    async def late(app, consumer, found=[]):  # noqa: B006 (a memory of this life)
        try:
            async with asyncio.timeout(0.7):
                record = await consumer.getone()
        except TimeoutError:
            return found
        found.append(record.value)
        await app.effect("said", record.value)
        return found

    assert [what for _, what in told(main, orders=3)] == [0, 1, 2]


def test_queues_hold_back_a_fast_producer():
    async def main(app):
        queue = asyncio.Queue(maxsize=2)

        async def fill():
            for number in range(4):
                await queue.put(number)
            await app.effect("said", "filled")

        async def empty():
            for _ in range(4):
                await asyncio.sleep(1)
                await queue.get()
                queue.task_done()

        async with asyncio.TaskGroup() as group:
            group.create_task(fill())
            group.create_task(empty())
        await queue.join()
        await app.effect("said", "empty")

    assert told(main) == [(2.0005, "filled"), (4.0005, "empty")]


@pytest.mark.parametrize("width, end", [(1, 3.0005), (2, 2.0005), (3, 1.0005)])
def test_semaphores(width, end):
    async def main(app):
        semaphore = asyncio.Semaphore(width)

        async def one():
            async with semaphore:
                await asyncio.sleep(1)

        await asyncio.gather(one(), one(), one())
        await app.effect("said", "done")

    assert told(main) == [(end, "done")]


def test_locks_conditions_events_and_barriers():
    async def main(app):
        lock, event, condition, barrier = asyncio.Lock(), asyncio.Event(), asyncio.Condition(), asyncio.Barrier(2)

        async def first():
            async with lock:
                await asyncio.sleep(1)
            event.set()
            async with condition:
                await condition.wait()
            await barrier.wait()

        async def second():
            await asyncio.sleep(0)
            async with lock:
                await event.wait()
            await asyncio.sleep(1)
            async with condition:
                condition.notify_all()
            await barrier.wait()

        await asyncio.gather(first(), second())
        await app.effect("said", "done")

    assert told(main) == [(2.0005, "done")]


def test_wait_as_completed_and_shield():
    async def main(app):
        tasks = [asyncio.create_task(asyncio.sleep(seconds, seconds)) for seconds in (3, 1, 2)]
        first, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await app.effect("said", [task.result() for task in first])
        await app.effect("said", [await one for one in asyncio.as_completed(rest)])
        inner = asyncio.create_task(asyncio.sleep(2, "went on"))
        try:
            await asyncio.wait_for(asyncio.shield(inner), 1)
        except TimeoutError:
            await app.effect("said", await inner)

    assert told(main) == [(1.0005, [1]), (3.0005, [2, 3]), (5.0015, "went on")]


def test_a_failed_task_that_is_looked_at_by_wait_is_no_complaint():
    async def main(app):
        async def fail():
            raise LookupError("no such order")

        (failed,), _ = await asyncio.wait([asyncio.create_task(fail())])
        await app.effect("said", str(failed.exception()))

    assert told(main) == [(LATENCY, "no such order")]


def test_a_failed_task_that_nobody_looks_at_is_written_down_once_and_at_its_time():
    async def main(app):
        async def fail():
            await app.sleep(3)
            raise LookupError("no such order")

        asyncio.create_task(fail())
        await app.sleep(10)
        await app.effect("said", "unharmed")

    trace = run_alone(main)
    (row,) = control(trace, "error").itertuples()
    assert row.detail == f"LookupError: no such order (in fail, line {main.__code__.co_firstlineno + 3})"
    assert row.time == 3 and done(trace) == ["unharmed"]


def test_the_loop_s_clock_is_the_app_s():
    async def main(app):
        await app.sleep(1.5)
        loop = asyncio.get_running_loop()
        handles = []
        loop.call_later(1, handles.append, 1)
        loop.call_at(3.25, handles.append, 2)
        loop.call_later(0.5, handles.append, 3).cancel()
        await app.sleep(3)
        await app.effect("said", (loop.time(), app.now, handles))

    assert told(main)[0][1] == (4.5, 4.5, [1, 2])


def test_contexts_follow_their_tasks():
    async def main(app):
        from contextvars import ContextVar

        order = ContextVar("order", default=0)

        async def handle(number):
            order.set(number)
            await asyncio.sleep(1)
            return order.get()

        await app.effect("said", [*await asyncio.gather(handle(1), handle(2)), order.get()])

    assert told(main)[0][1] == [1, 2, 0]


def test_names_of_tasks():
    async def main(app):
        async def name():
            return asyncio.current_task().get_name()

        await app.effect("said", [await asyncio.create_task(name(), name="billing"), len(asyncio.all_tasks())])

    assert told(main)[0][1] == ["billing", 1]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="cannot run on this system: Queue.shutdown is of Python 3.13")
def test_a_queue_can_be_shut_down():
    async def main(app):
        queue = asyncio.Queue()
        asyncio.get_running_loop().call_later(2, queue.shutdown)
        try:
            await queue.get()
        except asyncio.QueueShutDown:
            await app.effect("said", "shut down")

    assert told(main) == [(2.0005, "shut down")]


# -- being busy

def test_work_keeps_the_whole_process_busy_and_sleep_does_not():
    async def main(app):
        async def tick():
            while True:
                await app.sleep(1)
                await app.effect("tick", app.now)

        ticking = asyncio.create_task(tick())
        await app.sleep(1.5)
        await app.effect("said", "slept")
        await app.work(3)
        await app.effect("said", "worked")
        await app.sleep(1.2)
        ticking.cancel()

    trace = run_alone(main)
    assert times(trace, "said") == [1.5005, 4.5015]
    assert done(trace, "tick") == [1.0, 4.501, 5.502]  # the one due at 2.001 had to wait


def test_two_works_at_one_instant_are_done_one_after_the_other():
    async def main(app):
        async def job(name):
            await app.work(2)
            await app.effect("said", name)

        await asyncio.gather(job("a"), job("b"))

    assert told(main) == [(4.0005, "a"), (4.0005, "b")]


def test_what_takes_no_time_before_work_starts_still_waits_for_it():
    async def main(app):
        async def quick():
            await app.effect("said", "quick")

        await asyncio.gather(app.work(2), quick())

    assert told(main) == [(2.0005, "quick")]


def test_a_pause_makes_work_longer_but_not_sleep():
    from simlib import Pause

    async def main(app):
        await app.work(3)
        await app.effect("said", "worked")
        await app.sleep(3)
        await app.effect("said", "slept")

    assert told(main, faults=[Pause("billing-0", at=1, duration=5), Pause("billing-0", at=9, duration=1)]) == [
        (8.0005, "worked"), (11.0015, "slept")]


def test_negative_work_is_refused():
    async def main(app):
        try:
            await app.work(-1)
        except ValueError as error:
            await app.effect("said", str(error))

    assert told(main) == [(LATENCY, "work(-1): a length of time cannot be negative")]
