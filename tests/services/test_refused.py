"""What would leave the simulated world is refused by name."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from small_services import control, done, run_alone

from simlib.services.process import NotCopied

AUDITS_SLEEP = pytest.mark.skipif(sys.version_info < (3, 13), reason="cannot run on this system: Python audits "
                                                                     "time.sleep since 3.13")


def refusal(attempt):
    """How the exception reads that ends a service which makes this attempt."""

    async def main(app):
        await app.sleep(1)
        await attempt(app)
        await app.effect("escaped", 1)

    trace = run_alone(main, restart_after=None)
    assert done(trace) == []
    (told,) = control(trace, "exception").detail
    return told


async def to_thread(app):
    await asyncio.to_thread(print, "hello")


async def executor(app):
    await asyncio.get_running_loop().run_in_executor(None, print)


async def thread(app):
    threading.Thread(target=print).start()


async def connection(app):
    await asyncio.open_connection("127.0.0.1", 9)


async def server(app):
    await asyncio.start_server(print, "127.0.0.1", 0)


async def plain_socket(app):
    socket.socket()


async def name_lookup(app):
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def subprocess_by_asyncio(app):
    await asyncio.create_subprocess_exec(sys.executable, "-V")


async def shell_by_asyncio(app):
    await asyncio.create_subprocess_shell("true")


async def subprocess_run(app):
    subprocess.run([sys.executable, "-V"], check=False)


async def system(app):
    os.system("true")


async def sleep_for_real(app):
    time.sleep(0.001)


async def signal_handler(app):
    asyncio.get_running_loop().add_signal_handler(2, print)


async def stop_the_loop(app):
    asyncio.get_running_loop().stop()


@pytest.mark.parametrize("attempt, words", [
    (to_thread, "threads and executors"), (executor, "threads and executors"), (thread, "threads and executors"),
    (connection, "sockets"), (server, "sockets"), (plain_socket, "sockets"), (name_lookup, "sockets"),
    (subprocess_by_asyncio, "subprocesses"), (shell_by_asyncio, "subprocesses"), (subprocess_run, "subprocesses"),
    (system, "subprocesses"), pytest.param(sleep_for_real, "await app.sleep", marks=AUDITS_SLEEP),
    (signal_handler, "signals"),
    (stop_the_loop, "runs a service's event loop"),
])
def test_refused_by_name(attempt, words):
    told = refusal(attempt)
    assert words in told and "LeavesTheWorld" in told
    assert f"(in {attempt.__name__}, line {attempt.__code__.co_firstlineno + 1})" in told


def test_nobody_else_notices():
    run_alone(to_thread_unused)
    time.sleep(0.001)
    thread = threading.Thread(target=socket.socket().close)
    thread.start()
    thread.join()


async def to_thread_unused(app):
    await app.sleep(1)


def test_a_nested_loop_is_refused():
    async def main(app):
        sleeping = app.sleep(1)
        try:
            asyncio.run(sleeping)
        finally:
            sleeping.close()

    trace = run_alone(main, restart_after=None)
    assert "asyncio.run() cannot be called from a running event loop" in control(trace, "exception").detail.iloc[0]


def test_a_main_that_cannot_be_copied_is_refused_before_the_run():
    lock = threading.Lock()

    async def main(app):
        with lock:
            await app.sleep(1)

    with pytest.raises(NotCopied, match=r"Service\('billing'\): its main uses something that cannot be copied.*lock"):
        run_alone(main)


@pytest.mark.parametrize("name", ["receive", "commit", "send", "execute"])
def test_an_effect_may_not_be_named_like_a_kind_of_step(name):
    async def main(app):
        await app.effect(name, 1)

    (told,) = control(run_alone(main, restart_after=None), "exception").detail
    assert f"effect('{name}')" in told and "choose another name" in told
