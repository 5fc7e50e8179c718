"""An environment for the peers, apart from the project's own: happysim needs Python 3.13, and we do not need it."""

from __future__ import annotations

import os
from pathlib import Path

from labtools.console import quiet
from labtools.installer import find_uv
from labtools.layout import ROOT, TOOLS, program

HAPPYSIM = "happysim==0.2.5"
NEEDED = [HAPPYSIM, "simpy>=4.1.1,<5", "numpy>=2.2,<3", "cloudpickle>=3.1,<4", "tqdm>=4.67,<5"]
PLACE = TOOLS / "benchmarks"
GROUP = "bench"
"""The dependency group of pyproject.toml with numba, as uv.lock has it."""


class NoPeer(Exception):
    """The peer cannot be had here; says why."""


def peer_python() -> Path:
    """The Python that has happysim and what simlib's engine needs; made if it is not there. Raises NoPeer."""
    python = program(PLACE, "python")
    if not _works(python):
        _make(python)
    if not _works(python):
        raise NoPeer(f"{HAPPYSIM} could not be installed")
    return python


def has_numba(python: Path) -> bool:
    """Can a loop be compiled there? numba is fetched if it is not there; some machines have none."""
    if not _imports(python, "numba"):
        locked = PLACE / "locked.txt"
        uv = find_uv()
        quiet([uv, "export", "--frozen", "--only-group", GROUP, "--no-hashes", "--output-file", locked], cwd=ROOT)
        quiet([uv, "pip", "install", "--no-config", "--python", python, "--requirements", locked], cwd=ROOT)
    return _imports(python, "numba")


def _works(python: Path) -> bool:
    return python.exists() and _imports(python, "happysimulator, simpy, numpy, cloudpickle, tqdm")


def _imports(python: Path, names: str) -> bool:
    return quiet([python, "-c", f"import {names}"])[0] == 0


def _make(python: Path) -> None:
    uv = find_uv()
    for wanted in ("3.13", "3.14", *_from_pyenv()):
        if quiet([uv, "venv", "--clear", "--no-project", "--python", wanted, PLACE], cwd=ROOT)[0] == 0:
            quiet([uv, "pip", "install", "--no-config", "--python", python, *NEEDED], cwd=ROOT)
            return
    raise NoPeer("happysim needs Python 3.13, and there is none here")


def _from_pyenv() -> list[str]:
    """Pythons that pyenv keeps; they are not on the PATH."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [str(python) for python in sorted(home.glob("versions/3.1[34]*/bin/python"))]
