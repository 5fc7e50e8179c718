"""`run` in a thread: progress, Ctrl-C, steps that never return, a loop that is already running."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import tqdm.notebook

import simlib.running as running
import simlib.supervision as supervision
from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Topic, run
from simlib.services.process import NotCopied
from simlib.supervision import StepNeverReturned
from simlib.world.event_loop import EndlessLoop

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[2]


def load(duration=100.0, rate=50):
    return Scenario(topics=[Topic("orders")], producers=[Producer("shop", topic="orders", rate=rate)],
                    groups=[ConsumerGroup("billing", "orders")], duration=duration)


def service(main, **more):
    return Scenario(topics=[Topic("orders")], services=[Service("clock", main)], **more)


# -- progress

@pytest.fixture
def impatient(monkeypatch):
    """Progress is looked at all the time."""
    monkeypatch.setattr(supervision, "PROGRESS_AFTER", 0.0)
    monkeypatch.setattr(supervision, "LOOK_EVERY", 0.02)


def test_a_short_run_shows_nothing(capsys):
    run(load(duration=5))
    assert capsys.readouterr() == ("", "")


def test_a_longer_run_shows_its_progress(impatient, capsys):
    run(load(duration=120))
    shown = capsys.readouterr()
    assert shown.out == "" and "virtual time" in shown.err and "of 120 s" in shown.err


def test_progress_can_be_switched_off(impatient, capsys):
    run(load(duration=120), progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_notebook_keeps_no_red_bar_of_a_run_that_is_over(monkeypatch, error):
    monkeypatch.setattr("tqdm.auto.tqdm", tqdm.notebook.tqdm)
    shown = supervision.shown_progress(True, **running._bar(load(duration=100)))
    with pytest.raises(error) if error else nullcontext(), shown as bar:
        bar.update(40.0)
        _, drawn, _ = bar.container.children
        assert bar.container.comm is not None
        if error:
            raise error
    assert drawn.bar_style != "danger" and bar.container.comm is None


# -- Ctrl-C

INTERRUPTED = """
import signal, sys, threading, os
from simlib import ConsumerGroup, Producer, Scenario, Service, Topic, run
import simlib.world.world  # else the first run imports it, on the time of the timer below

async def main(app):
    try:
        {body}
    finally:
        print("finally", flush=True)

scenario = Scenario(topics=[Topic("orders")], producers=[Producer("shop", topic="orders", rate=100)],
                    groups=[ConsumerGroup("billing", "orders")], services=[Service("clock", main)], duration=20_000)
threading.Timer(1.5, lambda: signal.raise_signal(signal.SIGINT)).start()
trace = run(scenario, progress=False)
print(trace.ended, 0 < trace.ended_at < 20_000, trace.summary().produced > 100, flush=True)
"""


@pytest.mark.parametrize("body, said", [
    ("while True: await app.sleep(1)", ""), ("await app.sleep(3)\n        while True: pass", "finally\n"),
], ids=["idle", "endless step"])
def test_ctrl_c_ends_a_run_and_keeps_what_there_is(tmp_path, body, said):
    """An endless step has to be broken off, so that its own `finally` runs; nothing else does."""
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.format(body=body), encoding="utf-8")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60,
                           env={"PYTHONPATH": str(HERE)})
    assert (ended.returncode, ended.stdout) == (0, f"{said}interrupted True True\n"), ended.stderr


def test_ctrl_c_is_not_swallowed_by_a_run_that_is_over_before_it_can_be_stopped():
    """Whoever runs many short ones in a loop could not stop the loop."""
    async def main(app):
        signal.raise_signal(signal.SIGINT)  # reaches the thread that waits for the run

    with pytest.raises(KeyboardInterrupt):
        run(service(main), progress=False)


def test_code_that_cannot_be_read_back_is_refused_before_the_run():
    class Unreadable:
        def __reduce__(self):
            return _fail, ()

    broken = Unreadable()

    async def main(app):
        broken.use()

    with pytest.raises(NotCopied, match=r"Service\('clock'\).*cannot be read back"):
        run(service(main))


def _fail():
    raise LookupError("cannot be read back")


# -- loops that never end

async def polite_but_endless(app):
    await app.sleep(2)
    while True:
        await asyncio.sleep(0)


async def two_that_wake_each_other(app):
    await app.sleep(2)
    there, back = asyncio.Event(), asyncio.Event()

    async def ping(mine, other):
        while True:
            other.set()
            await mine.wait()
            mine.clear()

    await asyncio.gather(ping(there, back), ping(back, there))


@pytest.mark.parametrize("main, line", [(polite_but_endless, "polite_but_endless, line {}"),
                                        (two_that_wake_each_other, "ping, line {}")])
def test_a_service_that_never_lets_time_pass_is_named_with_its_line(main, line):
    line = line.format(main.__code__.co_firstlineno + (3 if main is polite_but_endless else 7))
    with pytest.raises(EndlessLoop, match=rf"clock-0 never lets time pass: 100,000 rounds at 2 s, now in {line}\."):
        run(service(main))


async def rude(app):
    await app.sleep(2)
    while True:
        pass


async def rude_and_stubborn(app):
    while True:
        try:
            while True:
                pass
        except BaseException:  # catches what should stop it, a few times
            app.caught = getattr(app, "caught", 0) + 1
            if app.caught > 3:
                raise


async def rude_in_the_library(app):
    import json

    while True:
        json.dumps([1])


@pytest.mark.parametrize("main, lines", [(rude, (2, 3)), (rude_and_stubborn, (2, 3, 4)),
                                         (rude_in_the_library, (3, 4))])
def test_a_step_that_never_returns_is_stopped_and_named(monkeypatch, main, lines):
    monkeypatch.setattr(supervision, "STEP_LIMIT", 0.5)
    first = main.__code__.co_firstlineno
    places = "|".join(str(first + line) for line in lines)
    where = rf"clock-0, {main.__name__}, line ({places})\."
    with pytest.raises(StepNeverReturned, match=f"not returned for 0.5 s.*{where}"):
        run(service(main))
    assert [thread for thread in threading.enumerate() if thread.name == "simlib"] == []


# -- where it is called from

def test_inside_a_running_event_loop_as_in_a_notebook():
    async def main(app):
        async with asyncio.timeout(50):
            await asyncio.gather(asyncio.sleep(10), app.effect("tick", asyncio.get_running_loop().time()))

    async def cell():
        mine = asyncio.get_running_loop()
        trace = run(service(main))
        assert asyncio.get_running_loop() is mine
        await asyncio.sleep(0)
        return list(trace.effects.key)

    with ThreadPoolExecutor(1) as pool:  # this thread's own loop may be a browser test's
        assert pool.submit(asyncio.run, cell()).result() == [0.0]


def test_from_another_thread():
    traces = []
    thread = threading.Thread(target=lambda: traces.append(run(load(duration=5))))
    thread.start()
    thread.join()
    assert traces[0].same_as(run(load(duration=5)))


def test_two_runs_side_by_side_do_not_meet():
    async def main(app):
        for _ in range(100):
            await app.effect("tick", app.random.random())
            await asyncio.sleep(app.random.random())

    scenario = service(main, faults=[Crash("clock-0", at=5, restart_after=1)])
    traces = []
    threads = [threading.Thread(target=lambda: traces.append(run(scenario))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [trace.digest() for trace in traces] == [run(scenario).digest()] * 2


def test_a_script_without_a_guard_can_run_it(tmp_path):
    script = tmp_path / "my script ü.py"
    script.write_text(textwrap.dedent("""
        from simlib import Scenario, Service, Topic, run

        async def main(app):
            print("hello from", app.name)
            await app.effect("tick", 1)

        print(len(run(Scenario(topics=[Topic("orders")], services=[Service("clock", main)])).effects))
        """), encoding="utf-8")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60,
                           env={"PYTHONPATH": str(HERE)})
    assert (ended.stdout, ended.stderr) == ("hello from clock-0\n1\n", "")
