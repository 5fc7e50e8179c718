"""One life of one process of a run: `python -m simlib.real.worker <plan> <life>`.

Whoever watches over the run speaks to it through its standard input: "go <time 0, on two clocks>" lets it begin, "stop"
is SIGTERM on every operating system, and the end of it means that nobody watches any more.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cloudpickle

from simlib.real.plan import Plan
from simlib.real.worker.app import RealApp
from simlib.real.worker.declared import DECLARED
from simlib.real.worker.marks import Marks
from simlib.world.blame import in_full, told


class Control:
    """What is said on standard input."""

    def __init__(self) -> None:
        self.began = self.time_of_day = 0
        self.go = threading.Event()
        self.stopping = False
        self._stop: Callable[[], Any] | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "go":
                self.began, self.time_of_day = map(int, rest)
                self.go.set()
            elif word == "stop":
                with self._lock:
                    self.stopping = True
                    stop = self._stop
                if stop is not None:
                    stop()
        os._exit(3)  # nobody watches over this run any more

    def on_stop(self, stop: Callable[[], Any]) -> None:
        """What is to be done at "stop"; at once, if that has been said while this process was still beginning."""
        with self._lock:
            self._stop, late = stop, self.stopping
        if late:
            stop()


def main(plan_file: str, life: int) -> None:
    """Ends the process: 0 when all is over, 1 after an exception, without any cleaning up by libraries."""
    plan: Plan = pickle.loads(Path(plan_file).read_bytes())
    sys.path[:] = plan.paths
    control, marks = Control(), Marks(plan.marks_of(life))
    program = DECLARED[plan.role] if plan.role in DECLARED else cloudpickle.loads(plan.program)
    if plan.role != "group":  # a member of a declared group joins before time 0
        import_module("kafka")  # that takes a while: not in the scenario's time
        marks.write("ready")
        control.go.wait()
    marks.write("started")
    code = _carry_out(program, plan, life, marks, control)
    sys.stdout.flush()
    os._exit(code)


def _carry_out(program: Any, plan: Plan, life: int, marks: Marks, control: Control) -> int:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda _, context: _background(marks, context))
    app = RealApp(plan, life, marks, control, loop)
    whole = loop.create_task(program(app))
    if plan.role != "group":  # a declared member finishes the poll in hand first
        control.on_stop(lambda: loop.call_soon_threadsafe(whole.cancel))
    try:
        loop.run_until_complete(whole)
    except asyncio.CancelledError:
        if not control.stopping:
            marks.write("exception", "main cancelled itself", "")
            return 1
    except BaseException as error:  # whatever the service raises ends it: a crash
        if isinstance(error, SystemExit) and error.code in (None, 0):
            marks.write("finished")
            return 0
        marks.write("exception", told(error), in_full(error))
        return 1
    _cancel_the_rest(loop)
    marks.write("finished")
    return 0


def _cancel_the_rest(loop: asyncio.AbstractEventLoop) -> None:
    """What main has left behind cleans up."""
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))


def _background(marks: Marks, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is None:
        marks.write("error", context.get("message", ""), "")
    else:
        marks.write("error", told(error), in_full(error))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
