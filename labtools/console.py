"""Talking to the person at the terminal, and running commands for them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# A learner's own Python settings must not reach into the course's environment.
_FOREIGN = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
            "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_FROZEN", "UV_LOCKED")

# One thread for linear algebra: nothing here needs it, and NumPy's import would start one that keeps every other core
# busy for a tenth of a second. And what a run gives back, up to 256 MB of it, is kept for the next (glibc only):
# fetching it anew from the system cost a slider's run a quarter of its time.
_UNLESS_SAID_OTHERWISE = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
                          "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


class Problem(Exception):
    """Something the person can act on: said in plain words, without a traceback."""


def say(text: str) -> None:
    print(text, flush=True)


def child_environment(**extra: str) -> dict[str, str]:
    """The environment for everything lab.py starts.

    UTF-8 mode, because Python 3.11 and 3.12 on Windows would misread a project path with an umlaut.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return (_UNLESS_SAID_OTHERWISE | kept
            | {"PYTHONUTF8": "1", "UV_COMPILE_BYTECODE": "1", "UV_PYTHON_DOWNLOADS": "never"} | extra)


def run(command: Sequence[str | Path], cwd: Path | None = None, **extra: str) -> int:
    """Run a command with its output on this terminal; gives its exit code."""
    return subprocess.run([str(part) for part in command], cwd=cwd, env=child_environment(**extra)).returncode


def run_without_package_list(command: Sequence[str | Path], cwd: Path, **extra: str) -> int:
    """Run uv, leaving out its hundred lines of what it installed in which version."""
    process = subprocess.Popen([str(part) for part in command], cwd=cwd, env=child_environment(**extra),
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    with process:
        for line in process.stderr:
            if not line.startswith((" + ", " - ", " ~ ")):
                sys.stderr.write(line)
    return process.returncode


def quiet(command: Sequence[str | Path], cwd: Path | None = None) -> tuple[int, str]:
    """Run a command without showing its output; gives its exit code and what it printed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=child_environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    return done.returncode, done.stdout


def never_fail_to_print() -> None:
    """A terminal that cannot show a letter shows `?` instead of stopping the course."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
