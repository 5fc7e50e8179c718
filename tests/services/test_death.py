"""A killed process never runs another line: not now, not at the end of the run, not when Python exits."""

import gc
import subprocess
import sys
import textwrap
from itertools import product
from pathlib import Path

import pytest
from kept_alive import no_run_kept_alive
from small_services import alone, control, done, from_a_notebook, run_alone

from simlib import Crash, LoseReply, Pause, Shutdown, TopicPartition, run

pytestmark = pytest.mark.slow

LAST_WORDS = """
import asyncio
from pathlib import Path

def say(word):
    with Path({path!r}).open("a", encoding="utf-8") as file:
        file.write(word + "\\n")

class Resource:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        say("__aexit__")

async def ticks():
    try:
        while True:
            yield 1
            await asyncio.sleep(0.3)
    finally:
        say("generator")

async def background():
    try:
        await asyncio.sleep(1_000)
    except BaseException:
        say("except")
        raise
    finally:
        say("finally in a task")

def plain_generator():
    try:
        yield 1
        yield 2
    finally:
        say("plain generator")

async def main(app):
    try:
        async with Resource(), asyncio.timeout(10_000):
            task = asyncio.create_task(background())
            half_read = plain_generator()
            next(half_read)
            async for _ in ticks():
                await app.effect("tick", round(app.now, 1))
    finally:
        say("finally")
"""


def words(path):
    gc.collect()
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def last_words(tmp_path):
    """A service with something to say at every kind of end, and where it would say it."""
    path = tmp_path / "said.txt"
    return from_a_notebook(LAST_WORDS.format(path=str(path))), path


@pytest.mark.parametrize("fault", [
    Crash("billing-0", at=1.0), Crash("billing-0", before="tick", nth=2), Crash("billing-0", after="tick", nth=2),
    Crash("billing-0", at=1.0, restart_after=1)], ids=["at", "before", "after", "restarted"])
def test_a_killed_process_says_nothing(last_words, fault):
    main, path = last_words
    trace = run_alone(main, faults=[fault], duration=20)
    assert done(trace, "tick")
    del trace
    assert words(path) == []


def test_the_end_of_a_run_is_a_power_cut(last_words):
    main, path = last_words
    trace = run_alone(main, duration=3)
    assert trace.ended == "duration" and len(done(trace, "tick")) == 10
    assert words(path) == []


def test_a_paused_process_that_is_killed_says_nothing(last_words):
    main, path = last_words
    run_alone(main, faults=[Pause("billing-0", at=1, duration=5), Crash("billing-0", at=3)], duration=20)
    assert words(path) == []


def test_a_shutdown_lets_it_say_everything(last_words):
    main, path = last_words
    run_alone(main, faults=[Shutdown("billing-0", at=1)], duration=20)
    assert sorted(words(path)) == ["__aexit__", "except", "finally", "finally in a task", "generator",
                                   "plain generator"]


def test_a_run_that_fails_says_nothing_either(last_words, tmp_path):
    path = tmp_path / "said.txt"
    broken = LAST_WORDS.replace("async for _ in ticks():", "while True:\n                await asyncio.sleep(0)\n"
                                                           "            async for _ in ticks():")
    with pytest.raises(RuntimeError, match="never lets time pass"):
        run_alone(from_a_notebook(broken.format(path=str(path))))
    assert words(path) == []


def test_not_even_when_python_exits(tmp_path):
    path = tmp_path / "said.txt"
    script = tmp_path / "script.py"
    script.write_text(LAST_WORDS.format(path=str(path)) + textwrap.dedent("""
        from simlib import Crash, Scenario, Service, Topic, run

        scenario = Scenario(topics=[Topic("orders")], services=[Service("billing", main)], duration=10,
                            faults=[Crash("billing-0", at=1.0, restart_after=2)])
        trace = run(scenario)
        print(len(trace.effects))
        """), encoding="utf-8")
    here = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=here, timeout=60,
                           env={"PYTHONPATH": str(here), "PYTHONDEVMODE": "1"})
    assert ended.returncode == 0 and int(ended.stdout) > 20, ended.stderr
    assert ended.stderr == ""
    assert words(path) == []


def test_a_generator_that_is_left_early_is_closed_while_the_process_lives():
    async def main(app):
        async def numbers():
            try:
                for number in range(10):
                    yield number
            finally:
                await app.effect("closed", 1)

        async for number in numbers():
            if number == 2:
                break
        await app.sleep(1)

    assert done(run_alone(main)) == [1]


def test_a_run_is_not_kept_alive_by_its_dead_processes():
    async def main(app):
        producer, consumer = app.producer(), app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
        async for record in consumer:
            await app.effect("charge", record.value)
            if record.value < 100:
                await producer.send("orders", record.value + 100)

    scenario = alone(main, orders=3, faults=[Crash("billing-0", after="charge", nth=2, restart_after=1)], duration=60)
    with no_run_kept_alive():
        for _ in range(3):
            run(scenario)


async def its_own(app):
    raise LookupError("no such order")


async def of_a_task(app):
    import asyncio

    await asyncio.gather(its_own(app), app.sleep(1))


async def of_a_timeout(app):
    import asyncio

    async with asyncio.timeout(1):
        await app.sleep(2)


async def of_an_effect(app):
    await app.effect("lost", 1)


@pytest.mark.parametrize("fail", [its_own, of_a_task, of_a_timeout, of_an_effect])
@pytest.mark.parametrize("how", [{"at": 60}, {"after": "failed"}, {"before": "failed"}], ids=str)
def test_nor_by_one_that_died_while_it_handled_an_exception(how, fail):
    async def main(app):
        try:
            await fail(app)
        except Exception as error:
            kept = error
            await app.effect("failed", str(kept))
            await app.sleep(100)

    with no_run_kept_alive():
        trace = run_alone(main, faults=[LoseReply("billing-0", "effect", nth=1 if fail is of_an_effect else 100),
                                        Crash("billing-0", **how)], restart_after=None)
        assert len(control(trace, "crashed")) == 1
        del trace


def test_nor_by_one_that_died_in_a_transaction():
    async def main(app):
        producer = app.producer(transactional_id="billing")
        async with producer.transaction():
            await producer.send("orders", 1)
            await producer.send_offsets_to_transaction({TopicPartition("orders", 0): 1}, "billing")

    with no_run_kept_alive():
        for when, nth in product(("before", "after"), (1, 2, 3)):
            trace = run_alone(main, faults=[Crash("billing-0", nth=nth, **{when: "commit"})], restart_after=None)
            assert len(control(trace, "crashed")) == 1
        del trace


@pytest.mark.parametrize("code", [0, 1])
def test_nor_by_one_that_left_by_sys_exit(code):
    async def main(app):
        raise SystemExit(code)

    with no_run_kept_alive():
        run_alone(main, restart_after=None)


# -- memory

def test_a_restarted_process_has_forgotten_what_a_notebook_remembers():
    main = from_a_notebook("""
        seen = set()
        count = 0

        async def main(app):
            global count
            count += 1
            seen.add(app.now)
            await app.effect("lives", (len(seen), count))
            await app.sleep(100)
        """)
    trace = run_alone(main, faults=[Crash("billing-0", at=1, restart_after=1), Crash("billing-0", at=5,
                                                                                   restart_after=1)], duration=20)
    assert done(trace) == [(1, 1)] * 3
    assert main.__globals__["seen"] == set() and main.__globals__["count"] == 0


def test_instances_share_nothing():
    main = from_a_notebook("""
        seen = []

        async def main(app):
            await app.sleep(int(app.name[-1]))
            seen.append(app.name)
            await app.effect("seen", len(seen))
        """)
    assert done(run_alone(main, instances=3)) == [1, 1, 1]


def test_a_closure_is_copied_too():
    seen = []

    async def main(app):
        seen.append(app.now)
        await app.effect("seen", len(seen))
        await app.sleep(10)

    trace = run_alone(main, faults=[Crash("billing-0", at=1, restart_after=1)], duration=20)
    assert done(trace) == [1, 1] and seen == []


def test_default_arguments_are_copied_too():
    async def main(app, seen=[]):  # noqa: B006 (the mistake is the point)
        seen.append(app.now)
        await app.effect("seen", len(seen))
        await app.sleep(10)

    trace = run_alone(main, faults=[Crash("billing-0", at=1, restart_after=1)], duration=20)
    assert done(trace) == [1, 1]
