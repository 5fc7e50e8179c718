"""Which lesson this notebook is, what it asked so far, where its guesses are kept."""

import os
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from simlib.course.store import Store, course_home

DISTRIBUTION = "event-driven-lab"
NEEDED_TO_READ = ("simpy", "numpy", "pandas", "matplotlib", "ipywidgets")


@dataclass
class Session:
    """One notebook's kernel."""

    lesson: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    stores: dict[Any, Store] = field(default_factory=dict)

    def store(self) -> Store:
        """The store of the folder this notebook runs in."""
        home = course_home()
        return self.stores.setdefault(home, Store(home))


session = Session()


def strict() -> bool:
    """True while tests and the notebook builder run: then a refused answer is an error, not a sentence."""
    return os.environ.get("SIMLIB_COURSE_STRICT", "") not in ("", "0")


def start(lesson: str) -> None:
    """Open a lesson: check what is installed, say in words what is missing."""
    session.lesson = lesson
    session.asked.clear()
    troubles = missing()
    if troubles and strict():
        raise RuntimeError("; ".join(troubles))
    for trouble in troubles:
        print(trouble)
    if troubles:
        print("Close JupyterLab, run `python lab.py` once more, and open this page again.")
    else:
        print(f"Lesson {lesson}: everything it needs is here.")


def missing() -> list[str]:
    """What this kernel lacks for the course, one sentence each."""
    troubles: list[str] = []
    for line in _requirements():
        troubles += _trouble(line)
    return troubles


def _requirements() -> list[str]:
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:      # run from the source tree: nothing states the bounds
        return list(NEEDED_TO_READ)


def _trouble(line: str) -> list[str]:
    from packaging.requirements import Requirement

    wanted = Requirement(line)
    if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
        return []
    try:
        here = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return [f"{wanted.name} is not installed."]
    if wanted.specifier.contains(here, prereleases=True):
        return []
    return [f"{wanted.name} {here} is installed; the course needs {wanted.name} {wanted.specifier}."]
