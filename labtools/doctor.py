"""`lab.py doctor`: will the course run on this computer? Said in words before a class finds out; changes nothing."""

import os
import platform
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labtools import jupyter
from labtools.console import Problem, quiet, say
from labtools.environment import is_set_up
from labtools.layout import ROOT, TOOLS, VENV, venv_python

GIGABYTE = 10**9
_TO_INSTALL, _TO_WORK = 1.5, 0.2        # gigabytes
_MISSING = "from simlib.course.session import missing\nfor line in missing(): print(line)"
_MARKS = {"ok": "ok  ", "note": "note", "wrong": "FAIL"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: "ok", "note" (it works, but know this) or "wrong", and what to do."""

    level: str
    text: str
    todo: str = ""


def doctor(course: Path, port: int) -> int:
    """Look at everything and say it; 1 if something would stop the course."""
    found = list(look(course, port))
    for finding in found:
        say(f"{_MARKS[finding.level]} {finding.text}")
        if finding.todo:
            say(f"     {finding.todo}")
    wrong = sum(finding.level == "wrong" for finding in found)
    say(f"\n{'The course will run here.' if not wrong else f'{wrong} to be mended; then run this once more.'}")
    return int(wrong > 0)


def look(course: Path, port: int) -> Iterator[Finding]:
    """Versions, disk, write access, port, browser."""
    installed = is_set_up()
    yield Finding("ok", f"Python {platform.python_version()} ({sys.executable}) on {platform.platform(terse=True)}")
    yield from _packages(installed)
    yield _disk(_TO_WORK if installed else _TO_INSTALL)
    yield from (_writable(folder) for folder in (ROOT, VENV, TOOLS, course))
    yield _port(port)
    yield _browser()


def _packages(installed: bool) -> Iterator[Finding]:
    if not installed:
        yield Finding("note", "The course is not set up in this folder yet.",
                      "python lab.py does it: once, about 180 MB.")
        return
    code, output = quiet([venv_python(), "-c", _MISSING], cwd=ROOT)
    again = f"Delete the folder {VENV.name} and type  python lab.py"
    if code != 0:
        yield Finding("wrong", f"What is installed in {VENV.name} does not start: {output.strip()[-200:]}", again)
    elif output.strip():
        yield from (Finding("wrong", line, again) for line in output.strip().splitlines())
    else:
        yield Finding("ok", f"Everything the lessons need is installed in {VENV.name}, in versions that fit.")


def _disk(needed: float) -> Finding:
    free = shutil.disk_usage(ROOT).free / GIGABYTE
    if free < needed:
        return Finding("wrong", f"{free:.1f} GB of disk are free; the course needs {needed:g} GB here.",
                       "Make room, or move this folder to a larger disk.")
    return Finding("ok", f"{free:.0f} GB of disk are free; {needed:g} GB are enough.")


def _writable(folder: Path) -> Finding:
    """Tries it, in the nearest folder that exists: permissions alone do not tell of full or read-only disks."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    name = folder.name or str(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"course")
    except OSError as error:
        return Finding("wrong", f"{name} cannot be written ({error.strerror}).",
                       f"Move the course to a folder of your own; {there} is not yours to write.")
    return Finding("ok", f"{name} can be written.")


def _port(wanted: int) -> Finding:
    try:
        free = jupyter.free_port(wanted)
    except Problem as problem:
        return Finding("wrong", str(problem))
    if free != wanted:
        return Finding("note", f"Port {wanted} is in use by another program; the course will open at {free}.")
    return Finding("ok", f"Port {wanted} is free.")


def _browser() -> Finding:
    try:
        name = getattr(webbrowser.get(), "name", "") or "the system's own"
    except webbrowser.Error:
        return Finding("note", "No browser was found on this computer.",
                       "python lab.py --no-browser prints the address; any browser that reaches it will do.")
    if os.path.basename(name) in ("www-browser", "lynx", "links", "w3m", "elinks"):
        return Finding("note", f"The only browser here is {os.path.basename(name)}; JupyterLab needs a graphical one.",
                       "Install Firefox, Chrome, Edge or Safari.")
    return Finding("ok", f"A browser is here: {os.path.basename(name)}.")
