"""Makes the virtual environment .venv exactly as uv.lock says, or from a folder of wheels."""

import hashlib
import json
import sys
from pathlib import Path

from labtools.bundle import PYTHON, requirements_file
from labtools.console import Problem, run_without_package_list, say
from labtools.installer import cache_for, find_uv
from labtools.layout import LOCK_FILE, PROJECT_FILE, ROOT, VENV, venv_python

_STAMP = VENV / "lab-stamp.json"
_PARTS = {"course": ["--extra", "kafka", "--inexact"], "tests": ["--all-extras", "--group", "dev"]}

_NOT_INSTALLED = """The course could not be installed; the lines above say where it stopped.
  - No internet, or a proxy in between? Set HTTPS_PROXY and try again; what was downloaded is kept.
  - No space? A full install needs about 1 GB.
  - In a classroom: ask for the folder of wheels and type  python lab.py --wheels FOLDER"""


def set_up(part: str = "course") -> None:
    """Install what `part` ("course" or "tests") needs; does nothing, and needs no network, where that is done."""
    if _is_done(part):
        return
    say("Setting up the course in .venv (once; a minute or two, some hundred megabytes) ...")
    uv = find_uv()
    command = [uv, "sync", "--frozen", "--project", ROOT, "--python", sys.executable, *_PARTS[part]]
    _install(uv, [command], part)


def is_set_up() -> bool:
    """Whether everything the lessons need has been installed."""
    return _is_done("course")


def set_up_from(wheels: Path) -> None:
    """Install the course from a folder that `lab.py bundle` wrote, without any network."""
    wanted = requirements_file(wheels)
    if not wanted.is_file():
        raise Problem(f"{wheels} has no wheels for Python {PYTHON}{_what_is_there(wheels)}")
    say(f"Setting up the course from {wheels} ...")
    uv = find_uv(wheels)
    source = ["--no-config", "--offline", "--no-index", "--find-links", wheels]
    _install(uv, [[uv, "venv", "--offline", "--clear", "--python", sys.executable, VENV],
                  [uv, "pip", "install", "--python", venv_python(), *source,
                   "--require-hashes", "--requirements", wanted]], "wheels")


def _what_is_there(wheels: Path) -> str:
    made = [file.stem.removeprefix("requirements-") for file in sorted(wheels.glob("requirements-*.txt"))]
    if made:
        return f", but for Python {', '.join(made)}: use that Python."
    return ": it is not a folder that `python lab.py bundle FOLDER` wrote."


def _install(uv: Path, commands: list, part: str) -> None:
    _STAMP.unlink(missing_ok=True)
    for command in commands:
        if not (_succeeds(command, cache_for(uv)) or _succeeds_with_system_certificates(command, cache_for(uv))):
            raise Problem(_NOT_INSTALLED)
    _STAMP.write_text(json.dumps({"state": _state(), "part": part}), encoding="utf-8")


def _succeeds(command: list, variables: dict[str, str]) -> bool:
    return run_without_package_list(command, cwd=ROOT, **variables) == 0


def _succeeds_with_system_certificates(command: list, variables: dict[str, str]) -> bool:
    """Where a company or a university looks into encrypted traffic, only the computer itself knows its certificate."""
    say("Trying once more, with this computer's own certificates ...")
    return _succeeds(command, variables | {"UV_SYSTEM_CERTS": "1"})


def _is_done(part: str) -> bool:
    if not (_STAMP.is_file() and venv_python().exists()):
        return False
    stamp = json.loads(_STAMP.read_text(encoding="utf-8"))
    return stamp["state"] == _state() and (part == "course" or stamp["part"] == part)


def _state() -> str:
    """Changes with the wanted packages, the Python, and the folder (a virtual environment cannot be moved)."""
    wanted = PROJECT_FILE.read_bytes() + LOCK_FILE.read_bytes()
    return hashlib.sha256(wanted + f"{ROOT} {sys.version_info[:2]}".encode()).hexdigest()
