"""`run(scenario)`: from plain data to a trace.

The world runs in a thread of its own, so that its services' event loops never meet the one a notebook already has; the
caller's thread shows progress, takes Ctrl-C, and looks after a step that never returns.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from simlib.scenario.cautions import warnings
from simlib.scenario.scenario import Scenario
from simlib.scenario.validation import check
from simlib.units import SECOND
from simlib.world.blame import innermost
from simlib.world.event_loop import StepStopped, VirtualLoop
from simlib.world.module_state import ModuleState
from simlib.world.world import World

if TYPE_CHECKING:
    from simlib.trace.trace import Trace

STEP_LIMIT = 20.0
"""Seconds of real time one step may take before it is taken for an endless loop."""

PROGRESS_AFTER = 1.0
"""Seconds of real time after which a run shows its progress."""


LOOK_EVERY = 0.2
"""Seconds of real time between two looks at a run."""

PATIENCE = 2.0
"""Seconds of real time an interrupted run has to end by itself."""


class StepNeverReturned(RuntimeError):
    """A service's code did not come back to an `await`."""


def run(scenario: Scenario, *, wire: bool = False, progress: bool = True) -> Trace:
    """Run a scenario in virtual time and return its trace.

    `wire=True` also keeps every request and reply. Ctrl-C ends the run and returns what there is
    (`trace.ended == "interrupted"`). Raises ScenarioError, with everything that is wrong with the scenario at once.
    """
    from simlib.trace.trace import Trace

    check(scenario)
    state = ModuleState([service.main for service in scenario.services])
    job = _Job(scenario, wire)
    job.run_in_a_thread(progress)
    state.refuse_changes()
    world = job.world
    del job.world  # the traceback of a service's exception may hold the job
    return Trace(world.trace_data(_version(), warnings(scenario)))


def _version() -> str:
    try:
        return version("event-driven-lab")
    except PackageNotFoundError:
        return "source"


class _Job:
    """One run and the thread it runs in."""

    def __init__(self, scenario: Scenario, wire: bool) -> None:
        self.scenario = scenario
        self.wire = wire
        self.error: BaseException | None = None
        self.interrupted = False
        self.calls = 0
        self.now = 0
        self.finished = threading.Event()

    def run_in_a_thread(self, progress: bool) -> None:
        thread = threading.Thread(target=self._body, name="simlib", daemon=True)
        thread.start()
        try:
            self._look_after(thread, progress)
        except KeyboardInterrupt:
            self.interrupted = True
            self._end_gently(thread)
        if self.error is not None:
            raise self.error

    def _body(self) -> None:
        try:
            self.world = World(self.scenario, self.wire)
            self.world.run(self._watch)
        except BaseException as error:  # handed over to the caller's thread, which raises it
            self.error = error
        finally:
            self.finished.set()

    def _watch(self, world: World) -> None:
        self.calls = world.clock.calls
        self.now = world.clock.now
        if self.interrupted:
            world.stop()

    # -- in the caller's thread

    def _look_after(self, thread: threading.Thread, progress: bool) -> None:
        if self.finished.wait(PROGRESS_AFTER):
            return
        with _bar(self.scenario, progress) as bar:
            last_calls, silent = -1, 0.0
            while not self.finished.wait(LOOK_EVERY):
                bar.update(max(0.0, self.now / SECOND - bar.n))
                silent = 0.0 if self.calls != last_calls else silent + LOOK_EVERY
                last_calls = self.calls
                if silent > STEP_LIMIT:
                    self._stop_endless_step(thread)
            bar.update(max(0.0, self.now / SECOND - bar.n))

    def _end_gently(self, thread: threading.Thread) -> None:
        """Interrupted: let the step that runs now finish; if it does not, stop it. What there is is kept."""
        if self.finished.wait(PATIENCE):
            return
        _stop(thread, self.finished)
        if isinstance(self.error, StepStopped):
            self.error = None
            self.world.stop()

    def _stop_endless_step(self, thread: threading.Thread) -> None:
        where = _where(thread)
        _stop(thread, self.finished)
        self.finished.set()
        self.error = StepNeverReturned(f"a step has not returned for {STEP_LIMIT:g} s of real time: {where}. "
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
def _bar(scenario: Scenario, wanted: bool) -> Iterator[Any]:
    """A bar that is gone when the run is over, however it ended."""
    if not wanted or os.environ.get("TQDM_DISABLE"):  # tqdm's notebook bar does not look at its own switch
        yield _NoBar()
        return
    from tqdm.auto import tqdm

    bar = tqdm(total=scenario.duration, unit="s", unit_scale=True, desc="virtual time", leave=False,
               bar_format="{desc}: {n:.0f} of {total:.0f} s |{bar}| {elapsed}")
    try:
        yield bar
    finally:
        bar.n = bar.total  # a notebook keeps a bar that stops short, in red
        bar.close()
