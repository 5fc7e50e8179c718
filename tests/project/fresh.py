"""A copy of the project as a stranger has it: from a ZIP, without git, in a folder with a space and an umlaut."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a ZIP of the project has and a start needs. Never .venv, .lab, my-course.
PARTS = ("lab.py", "labtools", "simlib", "data", "lessons", "notebooks", "pyproject.toml", "uv.lock", "README.md",
         "LICENSE")


def unpack(to: Path) -> Path:
    """The project in `to`/my course ü."""
    folder = to / "my course ü"
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, folder / part)
    return folder


def bare_environment(tmp_path: Path, **extra: str) -> dict[str, str]:
    """No uv, git, make or conda on the PATH, and an empty home."""
    needed = ("SYSTEMROOT", "TEMP", "TMP")
    kept = {name: value for name, value in os.environ.items() if "CERT" in name or name in needed}
    empty = tmp_path / "empty"
    empty.mkdir(exist_ok=True)
    return kept | {"PATH": str(empty), "HOME": str(tmp_path / "home"), "USERPROFILE": str(tmp_path / "home")} | extra


def base_python() -> str:
    """The Python under this virtual environment: what a stranger types."""
    return os.path.realpath(sys.executable) if os.name != "nt" else sys._base_executable


def run_in(folder: Path, environment: dict[str, str], *command: str) -> str:
    """What a command printed; an error with all of it if it failed."""
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    return done.stdout
