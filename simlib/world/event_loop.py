"""An asyncio event loop whose clock is virtual time. Each life of a service process has its own.

Standard asyncio runs on it unchanged: tasks, `gather`, `TaskGroup`, `timeout`, queues, locks. What would leave the
simulated world is refused by name. A killed process's loop is dropped: its coroutines are never resumed, and never
collected either, because collecting a suspended coroutine would run its `finally` blocks.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from simlib.units import SECOND
from simlib.world.process import Process
from simlib.world.refusals import InsideLoop, guard

TOO_BUSY = 100_000
"""More rounds than this at one instant: a service that never waits."""

LONG_SLEEP = 5 * SECOND
"""A longer sleep is something a run waits for; a shorter one is a loop's heartbeat."""


class EndlessLoop(RuntimeError):
    """A service does not let time pass."""


class StepStopped(SystemExit):
    """Raised from outside into a step that never returns: ends the whole run, not the process alone."""


class VirtualLoop(InsideLoop):
    """The event loop of one life of one process."""

    def __init__(self, process: Process, on_exception: Callable[[dict[str, Any]], None],
                 on_exit: Callable[[BaseException], None]) -> None:
        guard()
        self.process = process
        self.incarnation = process.incarnation
        self._on_exception = on_exception
        self._on_exit = on_exit
        self._ready: deque[events.Handle] = deque()
        self._planned = False
        self._busy_until = process.clock.now
        self._instant = process.clock.now
        self._rounds = 0
        self._polling = False
        self._sleeps: dict[events.TimerHandle, None] = {}
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._generators: WeakSet[Any] = WeakSet()
        self._new_generator = self._generators.add

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
        if at - self.process.clock.now > LONG_SLEEP and not self._polling:
            self._sleeps[timer] = None
            self.process.busy(1)
        self.process.at(at, self._timer_fires, timer)
        return timer

    def limit_poll(self, limit: asyncio.Timeout, seconds: float) -> None:
        """End a poll after so long. A run does not wait for that: another poll will follow."""
        self._polling = True
        limit.reschedule(self.time() + seconds)
        self._polling = False

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
            self.process.woke_up()

    # -- being busy

    def work(self, seconds: float) -> asyncio.Future[None]:
        """The process computes: nothing else of this loop runs before the time is over."""
        done: asyncio.Future[None] = self.create_future()
        self._busy_until = self.process.clock.now + round(seconds * SECOND)
        self.process.busy(1)
        self.process.at(self._busy_until, self._worked, done)
        return done

    def _worked(self, done: asyncio.Future[None]) -> None:
        if self.process.clock.now < self._busy_until:  # the process stood still meanwhile
            self.process.at(self._busy_until, self._worked, done)
            return
        self.process.busy(-1)
        if not done.done():
            done.set_result(None)

    def stood_still(self, since: int) -> None:
        """The process was paused: what it was computing takes so much longer."""
        if self._busy_until > since:
            self._busy_until += self.process.clock.now - since

    # -- running

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self.process.at(max(self._busy_until, self.process.clock.now), self.run_ready)

    def run_ready(self) -> None:
        """Run everything that is ready at this instant, unless the process is or gets busy."""
        self._planned = False
        self._count_rounds()
        previous = events._get_running_loop()
        if sys.get_asyncgen_hooks().firstiter is not self._new_generator:  # asking costs less than setting
            sys.set_asyncgen_hooks(firstiter=self._new_generator, finalizer=self._close_generator)
        events._set_running_loop(self)
        try:
            for _ in range(len(self._ready)):
                if self._busy_until > self.process.clock.now:
                    break
                self._run(self._ready.popleft())
                if not self.alive:
                    return
        finally:
            events._set_running_loop(previous)
        if self._ready:
            self._plan()

    def _run(self, handle: events.Handle) -> None:
        if handle.cancelled():
            return
        try:
            handle._run()
        except StepStopped:
            raise
        except (SystemExit, KeyboardInterrupt) as error:  # sys.exit() ends the process, not the simulation
            self._on_exit(error)

    @property
    def alive(self) -> bool:
        return "process" in vars(self) and self.process.alive and self.process.incarnation == self.incarnation

    def _count_rounds(self) -> None:
        now = self.process.clock.now
        if now != self._instant:
            self._instant, self._rounds = now, 0
        self._rounds += 1
        if self._rounds > TOO_BUSY:
            raise EndlessLoop(f"{self.process.name} never lets time pass: {TOO_BUSY:,} rounds at {now / SECOND:g} s, "
                              f"now in {self._where()}. Await something that takes time (app.sleep, a record).")

    def _where(self) -> str:
        """The line where the task that would run next waits."""
        task = getattr(self._ready[0]._callback, "__self__", None)  # type: ignore[attr-defined]
        for frame in task.get_stack(limit=1) if isinstance(task, asyncio.Task) else ():
            return f"{frame.f_code.co_name}, line {frame.f_lineno}"
        return "a callback"

    def _close_generator(self, generator: Any) -> None:
        """An async generator nobody will ask again: close it, as asyncio does, but only as a step of this process."""
        if self.alive and events._get_running_loop() is self:
            self.create_task(generator.aclose())
        else:
            keep_for_ever(generator)

    def abandon(self) -> None:
        """The process is dead: nothing of it may ever run again, not even by being collected."""
        for one in (*self.unfinished(), *self._generators):
            keep_for_ever(one)
        forget(self)

    # -- futures and tasks

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        options = {name: value for name, value in options.items() if value is not None}
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        self._tasks[task] = None
        task.add_done_callback(self._task_done)
        return task

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """The tasks that still run."""
        return [task for task in self._tasks if not task.done()]

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and task._log_traceback:
            let_go(task._exception)
            if not self._awaited(task):
                self._on_exception({"exception": task.exception()})

    def _awaited(self, task: asyncio.Task[Any]) -> bool:
        """Is anybody about to be told that this task is done?"""
        return any(handle._args and handle._args[0] is task for handle in self._ready)

    # -- the rest of the vocabulary

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.alive

    def is_closed(self) -> bool:
        return not self.alive

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A callback failed. What the garbage collector complains about comes by chance, and is known already."""
        if self.alive and not context.get("message", "").endswith("was never retrieved"):
            self._on_exception(context)


@contextmanager
def generators_as_before() -> Iterator[None]:
    """Each loop that runs hears of new async generators; afterwards whoever heard of them before does again."""
    hooks = sys.get_asyncgen_hooks()
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)


def keep_for_ever(thing: Any) -> None:
    """Never collect it: collecting a suspended coroutine would run its `finally` blocks."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def let_go(error: BaseException | None) -> None:
    """Clear the frames below a failed task: its traceback holds them (since Python 3.12), and they hold the run."""
    below = error.__traceback__.tb_frame.f_back if error is not None and error.__traceback__ is not None else None
    while below is not None:
        with suppress(RuntimeError):  # it still runs
            below.clear()
        below = below.f_back


def forget(thing: Any) -> None:
    """What is kept for ever must not keep the whole run: cut everything the object refers to."""
    vars(thing).clear()
