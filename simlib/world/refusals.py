"""What would leave the simulated world is refused by name: threads, sockets, subprocesses, waiting in real time."""

from __future__ import annotations

import asyncio
import sys
import threading
from asyncio import events
from collections.abc import Callable
from functools import cache
from typing import Any

THREADS = "threads and executors do not exist in virtual time; await a coroutine, or app.work(seconds) for its time"
SOCKETS = "sockets, pipes and files' events do not exist in virtual time; talk to other processes through app"
PROCESSES = "subprocesses do not exist in virtual time; make it a Service of its own"
SIGNALS = "signals do not exist in virtual time; a Shutdown fault cancels main"
RUNNING = "the simulation runs a service's event loop; await what is to be done"
SLEEPING = "time.sleep would stop the whole simulation; await app.sleep(seconds), or app.work(seconds) to be busy"

METHODS = {
    THREADS: ("run_in_executor", "set_default_executor", "shutdown_default_executor"),
    SOCKETS: ("create_connection", "create_server", "create_datagram_endpoint", "create_unix_connection",
              "create_unix_server", "connect_accepted_socket", "connect_read_pipe", "connect_write_pipe", "start_tls",
              "sendfile", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall",
              "sock_sendto", "sock_connect", "sock_accept", "sock_sendfile", "getaddrinfo", "getnameinfo", "add_reader",
              "add_writer", "remove_reader", "remove_writer"),
    PROCESSES: ("subprocess_exec", "subprocess_shell"),
    SIGNALS: ("add_signal_handler", "remove_signal_handler"),
    RUNNING: ("run_forever", "run_until_complete", "stop", "close"),
}
"""Methods of an event loop, by why they are refused."""

AUDITED = {
    "_thread.start_new_thread": THREADS, "_thread.start_joinable_thread": THREADS, "socket.__new__": SOCKETS,
    "subprocess.Popen": PROCESSES, "os.system": PROCESSES, "os.posix_spawn": PROCESSES, "os.fork": PROCESSES,
    "os.exec": PROCESSES, "time.sleep": SLEEPING,
}
"""The interpreter's audit events (PEP 578) of the same things done without an event loop; time.sleep's is of 3.13."""


class LeavesTheWorld(RuntimeError):
    """A service tried to do something that does not exist in virtual time."""


AnyLoop: Any = asyncio.AbstractEventLoop
"""Not typed: most of an event loop's methods are made below, from a table."""


class InsideLoop(AnyLoop):
    """An event loop without a way out."""


def _refusing(why: str) -> Callable[..., Any]:
    def method(self: InsideLoop, *args: Any, **kwargs: Any) -> Any:
        raise LeavesTheWorld(why)

    return method


for _why, _names in METHODS.items():
    for _name in _names:
        setattr(InsideLoop, _name, _refusing(_why))


@cache
def guard() -> None:
    """From now on refuse these things to code that runs on an `InsideLoop`; nobody else notices.

    An audit hook cannot be taken away again, so there is one for the whole interpreter.
    """
    sys.addaudithook(_look_at)
    if sys.version_info < (3, 12):
        _guard_threads()


def _guard_threads() -> None:
    """Python 3.11 does not audit the start of a thread."""
    start = threading.Thread.start

    def guarded(self: threading.Thread) -> None:
        _look_at("_thread.start_new_thread", ())
        start(self)

    threading.Thread.start = guarded  # type: ignore[method-assign]


def _look_at(event: str, args: tuple[Any, ...]) -> None:
    if event in AUDITED and isinstance(events._get_running_loop(), InsideLoop):
        raise LeavesTheWorld(AUDITED[event])
