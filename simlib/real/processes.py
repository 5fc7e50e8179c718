"""The workers of a run as processes of the operating system: started, killed, stopped, frozen, started again."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from simlib.real.plan import Plan
from simlib.trace.storage import from_json


class Worker:
    """One process of a scenario, through all its lives."""

    def __init__(self, plan: Plan) -> None:
        plan.file.write_bytes(pickle.dumps(plan))
        self.plan = plan
        self.life = -1
        self.restart_at: float | None = None
        """When it is to be started again (s)."""
        self.works = False
        """Was it told to begin?"""
        self.process: subprocess.Popen[str] | None = None
        self._read, self._shown = 0, 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """A new process, which begins when it is told to."""
        self.life += 1
        self.works = False
        self._read = self._shown = 0
        self.restart_at = None
        self.plan.marks_of(self.life).touch()
        with self.plan.output_of(self.life).open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simlib.real.worker", str(self.plan.file), str(self.life)], text=True,
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=_environment(), **_of_its_own())

    def say(self, words: str) -> None:
        """On its standard input; a process that has just died hears nothing."""
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write(words + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, OSError):
            pass

    def kill(self) -> None:
        """SIGKILL (on Windows TerminateProcess), also of a process that stands still."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def pause(self) -> None:
        if self.alive and self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self.alive and self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Nothing of it is left."""
        self.kill()
        if self.process is not None and self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except (BrokenPipeError, OSError):
                pass

    # -- what it says

    def new_marks(self) -> list[list[Any]]:
        """The lines it has written since the last look."""
        with self.plan.marks_of(self.life).open(encoding="utf-8") as file:
            file.seek(self._read)
            text = file.read()
        complete = text[:text.rfind("\n") + 1]
        self._read += len(complete.encode("utf-8"))
        return [from_json(line) for line in complete.splitlines()]

    def new_output(self) -> str:
        """What it has printed since the last look."""
        data = self.plan.output_of(self.life).read_bytes()[self._shown:]
        self._shown += len(data)
        return data.decode("utf-8", errors="replace")


def wait_for(condition: Any, within: float, each: float = 0.01) -> bool:
    """Until it holds, or the time is over."""
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(each)
    return True


def _environment() -> dict[str, str]:
    """Workers import this very simlib, and write UTF-8."""
    root = str(Path(__file__).parents[2])
    others = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, others])), "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0"}


def _of_its_own() -> dict[str, Any]:
    """Ctrl-C is meant for the run, which then ends its workers itself."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
    return {"start_new_session": True}
