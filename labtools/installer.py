"""Finds uv, the program that installs everything else, or fetches it into the project's own folder."""

import os
import re
import shutil
import sys
import venv
from pathlib import Path

from labtools.console import Problem, quiet, say
from labtools.layout import TOOLS, program, project_settings

_HOME = TOOLS / "uv"

_NO_UV = """uv, the program that installs the rest, could not be fetched.
  - No internet, or a proxy in between? Set HTTPS_PROXY, or ask your teacher for a folder of wheels and type:
      python lab.py --wheels FOLDER
  - "ensurepip is not available" (Debian, Ubuntu)?  sudo apt install python3-venv
  - Or install uv yourself, in any way you like; lab.py uses one that is on the PATH.
What the tools said:
"""


def requirement() -> str:
    """The versions of uv that fit, as written in pyproject.toml."""
    return project_settings()["dependency-groups"]["installer"][0]


def find_uv(wheels: Path | None = None) -> Path:
    """A uv that is new enough: on the PATH, fetched earlier, or fetched now (from `wheels` if given)."""
    on_path = shutil.which("uv")
    if on_path and is_recent(Path(on_path)):
        return Path(on_path)
    if not (fetched := _fetched()):
        say("Fetching uv, which installs the rest ...")
        fetched = _fetch(wheels)
    return fetched


def cache_for(uv: Path) -> dict[str, str]:
    """A uv of our own keeps its downloads in the project too, so that deleting the folder removes everything."""
    if "UV_CACHE_DIR" in os.environ or not uv.is_relative_to(TOOLS):
        return {}
    return {"UV_CACHE_DIR": str(TOOLS / "cache")}


def is_recent(uv: Path) -> bool:
    """Whether this uv runs and is not older than pyproject.toml asks."""
    code, output = quiet([uv, "--version"])
    found = re.match(r"uv (\d+)\.(\d+)", output)
    oldest = re.search(r">=(\d+)\.(\d+)", requirement())
    return code == 0 and bool(found) and tuple(map(int, found.groups())) >= tuple(map(int, oldest.groups()))


def _fetched() -> Path | None:
    places = [program(_HOME, "uv"), _HOME / "bin" / "uv.exe"]
    return next((place for place in places if place.exists() and is_recent(place)), None)


def _fetch(wheels: Path | None) -> Path:
    source = ["--no-index", "--find-links", wheels] if wheels else []
    said = _fetch_with_venv(source) or _fetch_with_own_pip(source)
    if uv := _fetched():
        return uv
    raise Problem(_NO_UV + said)


def _fetch_with_venv(source: list) -> str:
    """Empty if it worked, else what went wrong."""
    shutil.rmtree(_HOME, ignore_errors=True)
    try:
        venv.create(_HOME, with_pip=True)
    except Exception as error:  # a Debian Python without ensurepip fails here, in several ways
        return f"{error}\n"
    return _install([program(_HOME, "python")], source)


def _fetch_with_own_pip(source: list) -> str:
    shutil.rmtree(_HOME, ignore_errors=True)
    return _install([sys.executable], ["--target", _HOME, *source])


def _install(python: list, options: list) -> str:
    code, output = quiet([*python, "-m", "pip", "install", "--quiet", "--no-cache-dir", *options, requirement()])
    return "" if code == 0 else output
