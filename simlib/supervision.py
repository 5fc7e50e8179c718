"""Work in a thread of its own, and the caller's thread that looks after it.

Services' event loops then never meet the one a notebook already has; the caller's thread shows progress, takes Ctrl-C,
and stops a step that never returns.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simlib.world.blame import innermost
from simlib.world.event_loop import StepStopped, VirtualLoop

if TYPE_CHECKING:
    from simlib.world.world import World

STEP_LIMIT = 20.0
"""Seconds of real time one step may take before it is taken for an endless loop."""

PROGRESS_AFTER = 1.0
"""Seconds of real time after which work shows its progress."""

LOOK_EVERY = 0.2
"""Seconds of real time between two looks at the work."""

PATIENCE = 2.0
"""Seconds of real time interrupted work has to end by itself."""


class StepNeverReturned(RuntimeError):
    """A service's code did not come back to an `await`."""


class Job:
    """Something to do in a thread of its own: `body(job)`.

    The body hands `job.watch` to each world it runs, moves `done` on towards the bar's total, and looks at
    `interrupted` between worlds. A body that runs jobs of its own has no `step_limit`: those have one each.
    """

    def __init__(self, body: Callable[[Job], None], bar: dict[str, Any], step_limit: float = STEP_LIMIT) -> None:
        self.done = 0.0
        self.interrupted = False
        self._body = body
        self._bar = bar
        self._step_limit = step_limit
        self._world: World | None = None
        self._calls = 0
        self._error: BaseException | None = None
        self._finished = threading.Event()

    def watch(self, world: World) -> None:
        """Called by a running world every now and then."""
        self._calls += 1
        self._world = world
        if self.interrupted:
            world.stop()

    def run(self, progress: bool = True) -> None:
        """Do it. Raises what the body raises; after Ctrl-C `interrupted` is True and what there is is kept."""
        thread = threading.Thread(target=self._run, name="simlib", daemon=True)
        thread.start()
        try:
            self._look_after(thread, progress)
        except KeyboardInterrupt:
            self.interrupted = True
            self._end_gently(thread)
        except StepStopped:  # whoever waits for this was stopped: nobody wants what comes of it
            self.interrupted = True
            raise
        self._world = None
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._body(self)
        except BaseException as error:  # handed over to the caller's thread, which raises it
            self._error = error
        finally:
            self._finished.set()

    # -- in the caller's thread

    def _look_after(self, thread: threading.Thread, progress: bool) -> None:
        if self._finished.wait(PROGRESS_AFTER):
            return
        with shown_progress(progress, **self._bar) as bar:
            last, silent = (-1, -1.0), 0.0
            while not self._finished.wait(LOOK_EVERY):
                bar.update(max(0.0, self.done - bar.n))
                now = self._calls, self.done
                silent = 0.0 if now != last else silent + LOOK_EVERY
                last = now
                if silent > self._step_limit:
                    self._stop_endless_step(thread)
            bar.update(max(0.0, self.done - bar.n))

    def _end_gently(self, thread: threading.Thread) -> None:
        """Interrupted: let the step that runs now finish; if it does not, stop it. What there is is kept."""
        if self._finished.wait(PATIENCE):
            return
        if self._world is not None and self._world.ended is not None:
            self._finished.wait()  # no step runs any more: a large run is writing down what there is
            return
        _stop(thread, self._finished)
        if isinstance(self._error, StepStopped):
            self._error = None
            if self._world is not None:
                self._world.stop()

    def _stop_endless_step(self, thread: threading.Thread) -> None:
        where = _where(thread)
        _stop(thread, self._finished)
        self._finished.set()
        self._error = StepNeverReturned(f"a step has not returned for {STEP_LIMIT:g} s of real time: {where}. "
                                        "Await something in every loop.")


def _stop(thread: threading.Thread, finished: threading.Event) -> None:
    """Raise an exception in the code that runs there; several times, should it catch everything."""
    for _ in range(10):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(StepStopped))
        if finished.wait(0.2):
            return


def _where(thread: threading.Thread) -> str:
    """Which process is at which line."""
    frame = sys._current_frames().get(thread.ident or 0)
    stack = list(traceback.walk_stack(frame))
    loops = [each.f_locals["self"] for each, _ in stack if isinstance(each.f_locals.get("self"), VirtualLoop)]
    line = innermost(traceback.StackSummary.extract(reversed(stack))) or "in the simulation itself"
    return f"{loops[0].process.name}, {line}" if loops else line


class _NoBar:
    n = 0.0

    def update(self, more: float) -> None:
        self.n += more


@contextmanager
def shown_progress(wanted: bool, **options: Any) -> Iterator[Any]:
    """A bar (tqdm's options) that is gone when the work is over, however it ended."""
    if not wanted or os.environ.get("TQDM_DISABLE"):  # tqdm's notebook bar does not look at its own switch
        yield _NoBar()
        return
    from tqdm.auto import tqdm

    bar = tqdm(leave=False, **options)
    try:
        yield bar
    finally:
        bar.n = bar.total  # a notebook keeps a bar that stops short, in red
        bar.close()
