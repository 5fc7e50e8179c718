"""An asyncio event loop whose clock is virtual time. Each service process has its own.

Standard asyncio runs on it unchanged: tasks, `gather`, `TaskGroup`, `timeout`, queues, locks. What would leave the
simulated world (threads, sockets, subprocesses) is refused by name. A killed process's loop is dropped: its coroutines
are never resumed, and never collected either, because collecting a suspended coroutine would run its `finally` blocks.
"""

# mypy: disable-error-code="override"
# (the type stubs spell callbacks with their arguments' types, which an event loop only passes on)

from __future__ import annotations

import asyncio
import ctypes
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable
from typing import Any

from simlib.units import SECOND
from simlib.world.process import Process

TOO_BUSY = 100_000
"""More callbacks than this at one instant: a loop that never waits."""


LONG_SLEEP = 5 * SECOND
"""A longer sleep is something a run waits for; a shorter one is a loop's heartbeat."""


class EndlessLoop(RuntimeError):
    """A service does not let time pass."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """The event loop of one life of one process."""

    def __init__(self, process: Process, on_exception: Callable[[dict[str, Any]], None]) -> None:
        self.process = process
        self.incarnation = process.incarnation
        self._ready: deque[events.Handle] = deque()
        self._planned = False
        self._busy_until = process.clock.now
        self._sleeps: dict[events.TimerHandle, None] = {}
        self._instant = process.clock.now
        self._steps = 0
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._generators: list[Any] = []
        self._on_exception = on_exception

    # -- time

    def time(self) -> float:
        return self.process.clock.now / SECOND

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> events.Handle:
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        self._plan()
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> events.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any,
                   context: Any = None) -> events.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> events.TimerHandle:
        timer = events.TimerHandle(when, callback, args, self, context)
        at = round(when * SECOND)
        if at - self.process.clock.now > LONG_SLEEP:
            self._sleeps[timer] = None
            self.process.busy(1)
        self.process.at(at, self._timer_fires, timer)
        return timer

    def _timer_fires(self, timer: events.TimerHandle) -> None:
        self._woke_up(timer)
        if not timer.cancelled():
            self._ready.append(timer)
            self._plan()

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """SimPy cannot cancel: the timer fires and finds out."""
        self._woke_up(handle)

    def _woke_up(self, timer: events.TimerHandle) -> None:
        if timer in self._sleeps:
            del self._sleeps[timer]
            self.process.busy(-1)

    def work(self, seconds: float) -> asyncio.Future[None]:
        """The process computes: nothing else of this loop runs before the time is over."""
        done: asyncio.Future[None] = self.create_future()
        self._busy_until = self.process.clock.now + round(seconds * SECOND)
        self.process.busy(1)
        self.process.at(self._busy_until, self._worked, done)
        return done

    def _worked(self, done: asyncio.Future[None]) -> None:
        self.process.busy(-1)
        done.set_result(None)

    # -- running

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self.process.at(max(self._busy_until, self.process.clock.now), self.run_ready)

    def run_ready(self) -> None:
        """Run everything that is ready at this instant."""
        self._planned = False
        self._count_steps()
        previous = events._get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._generators.append, finalizer=self._close_generator)
        events._set_running_loop(self)
        try:
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
                if not self.alive:
                    return
        finally:
            events._set_running_loop(previous)
            sys.set_asyncgen_hooks(*hooks)
        if self._ready:
            self._plan()

    @property
    def alive(self) -> bool:
        return self.process.alive and self.process.incarnation == self.incarnation

    def _count_steps(self) -> None:
        now = self.process.clock.now
        if now != self._instant:
            self._instant, self._steps = now, 0
        self._steps += 1
        if self._steps > TOO_BUSY:
            raise EndlessLoop(f"{self.process.name} never lets time pass: {TOO_BUSY:,} steps at {now / SECOND:g} s, "
                              f"last in {self._where()}. Await something that takes time: app.sleep, a record, a reply.")

    def _where(self) -> str:
        for task in self._tasks:
            for frame in task.get_stack(limit=1):
                return f"{frame.f_code.co_name}, line {frame.f_lineno}"
        return "a callback"

    def _close_generator(self, generator: Any) -> None:
        if self.alive:
            self.create_task(generator.aclose())

    def abandon(self) -> None:
        """The process is dead: nothing of it may ever run again, not even by being collected."""
        for one in (*self._tasks, *self._generators):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))
        self._ready.clear()

    # -- futures and tasks

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        options = {name: value for name, value in options.items() if value is not None}
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        self._tasks[task] = None
        task.add_done_callback(self._forget_task)
        return task

    def _forget_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    # -- the rest of the vocabulary

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.alive

    def is_closed(self) -> bool:
        return not self.alive

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self._on_exception(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._on_exception(context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        raise _refused("threads and executors", "run the function directly, or app.work(seconds) for its time")

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        raise _refused("sockets", "talk to other processes through app")

    async def create_datagram_endpoint(self, *args: Any, **kwargs: Any) -> Any:
        raise _refused("sockets", "talk to other processes through app")

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        raise _refused("sockets", "talk to other processes through app")

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        raise _refused("subprocesses", "make it a Service of its own")

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        raise _refused("subprocesses", "make it a Service of its own")


def _refused(what: str, instead: str) -> RuntimeError:
    return RuntimeError(f"{what} do not exist in virtual time; {instead}")
