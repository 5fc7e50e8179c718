"""`lab.py` as a process of its own, the way a learner starts it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_SECONDS_TO_START = 180


@dataclass
class Course:
    """A running `lab.py`: its process, its page, and what it prints."""

    process: subprocess.Popen
    folder: Path
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        for line in self.process.stdout:
            self.said.append(line)

    def url(self) -> str:
        """The address it prints once JupyterLab answers."""
        give_up = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < give_up and self.process.poll() is None:
            if found := re.search(r"http://127\.0\.0\.1:\S+", "".join(self.said)):
                return found.group()
            time.sleep(0.1)
        pytest.fail("lab.py did not start JupyterLab. It said:\n" + "".join(self.said))


def start_course(folder: Path) -> Course:
    """`python lab.py` with the learner's copies in `folder`, on a port of its own."""
    command = [sys.executable, "lab.py", "--no-browser", "--port", "8950", "--course", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                               stdin=subprocess.DEVNULL, start_new_session=True)
    running = Course(process, folder)
    threading.Thread(target=running.listen, daemon=True).start()
    return running


def press_ctrl_c(process: subprocess.Popen) -> None:
    """What a terminal does at Ctrl-C: an interrupt to every process of the foreground group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
