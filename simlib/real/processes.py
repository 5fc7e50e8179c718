"""The workers of a run as processes of the operating system: started, killed, stopped, frozen, started again."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from codecs import getincrementaldecoder
from contextlib import suppress
from pathlib import Path
from typing import Any

from simlib.real.plan import Plan
from simlib.real.worker.marks import marks_in

_Decoder = getincrementaldecoder("utf-8")
"""A worker may be in the middle of a letter."""


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
        self._decoder = _Decoder("replace")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """A new process, which begins when it is told to."""
        self._hang_up()
        self.life += 1
        self.works = False
        self._read, self._shown = 0, 0
        self._decoder.reset()
        self.restart_at = None
        self.plan.marks_of(self.life).touch()
        with self.plan.output_of(self.life).open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simlib.real.worker", str(self.plan.file), str(self.life)], text=True,
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=_environment(), **_of_its_own())

    def say(self, words: str) -> None:
        """On its standard input; a process that has just died hears nothing."""
        assert self.process is not None and self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(words + "\n")
            self.process.stdin.flush()

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
        self._hang_up()

    def _hang_up(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError):  # words that nobody read
                self.process.stdin.close()

    # -- what it says

    def new_marks(self) -> list[list[Any]]:
        """The lines it has written since the last look."""
        data = _behind(self._read, self.plan.marks_of(self.life))
        self._read += data.rfind(b"\n") + 1
        return marks_in(data)

    def new_output(self) -> str:
        """What it has printed since the last look."""
        data = _behind(self._shown, self.plan.output_of(self.life))
        self._shown += len(data)
        return self._decoder.decode(data)


def _behind(place: int, file: Path) -> bytes:
    with file.open("rb") as data:
        data.seek(place)
        return data.read()


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
