"""The learner's own file: guesses, and which results were already seen."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

FILE = "guesses.json"
FOLDER = "my-course"


@dataclass(frozen=True)
class Guess:
    """What was said, and whether the result had been seen by then."""

    said: Any
    after_seeing: bool


def course_home(start: Path | None = None) -> Path | None:
    """The folder that keeps the learner's guesses; None keeps them in memory only.

    `SIMLIB_COURSE_HOME` wins. Else it is `my-course`: the folder the notebook runs in, one around it, or beside those.
    The solution notebooks keep nothing: their outputs must not depend on who reads them.
    """
    named = os.environ.get("SIMLIB_COURSE_HOME")
    if named:
        return Path(named)
    here = (start or Path.cwd()).resolve()
    if here.name == "solutions" and here.parent.name == "notebooks":
        return None
    for folder in (here, *here.parents):
        if folder.name == FOLDER:
            return folder
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    return (here.parent if here.name == "notebooks" else here) / FOLDER


class Store:
    """Guesses by lesson and question, in one small JSON file; in memory where the disk says no."""

    def __init__(self, home: Path | None):
        self.file = home / FILE if home else None
        self._memory: dict[str, Any] = {}
        self._on_disk = home is not None
        self._said: set[str] = set()

    def keep(self, lesson: str, question: str, said: Any) -> Guess:
        """Remember a guess; a later one replaces it."""
        content = self._read()
        page = content.setdefault(lesson, {}).setdefault(question, {})
        guess = Guess(said, bool(page.get("seen")))
        page.update(said=said, after_seeing=guess.after_seeing)
        self._write(content)
        return guess

    def guess(self, lesson: str, question: str) -> Guess | None:
        """What was guessed, or None."""
        page = self._read().get(lesson, {}).get(question, {})
        return Guess(page["said"], page["after_seeing"]) if "said" in page else None

    def saw(self, lesson: str, question: str) -> None:
        """Remember that the result has been shown."""
        content = self._read()
        page = content.setdefault(lesson, {}).setdefault(question, {})
        if not page.get("seen"):
            page["seen"] = True
            self._write(content)

    def forget(self, lesson: str) -> int:
        """Drop one lesson's guesses and what was seen; how many guesses went."""
        content = self._read()
        pages = content.pop(lesson, {})
        self._write(content)
        return sum("said" in page for page in pages.values())

    def _read(self) -> dict[str, Any]:
        if self.file is None or not self._on_disk:
            return self._memory
        if not self.file.exists():
            return {}
        try:
            return _checked(json.loads(self.file.read_text(encoding="utf-8")))
        except (ValueError, OSError):
            self._set_aside(self.file)
            return {}

    def _set_aside(self, file: Path) -> None:
        names = (f"{file.stem}.damaged{number or ''}.json" for number in count())
        kept = next(path for name in names if not (path := file.with_name(name)).exists())
        with suppress(OSError):
            os.replace(file, kept)
        self._say_once(f"Your file of guesses could not be read. It is kept as {kept.name}; guesses start afresh.")

    def _write(self, content: dict[str, Any]) -> None:
        self._memory = content
        if self.file is None or not self._on_disk:
            return
        try:
            _replace(self.file, json.dumps(content, indent=1, ensure_ascii=False))
        except OSError as error:
            self._on_disk = False
            why = error.strerror or type(error).__name__
            place = f"Your guesses cannot be written to {self.file.parent.name} ({why})."
            self._say_once(f"{place} They last as long as this page runs.")

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            print(line)


def _checked(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError("not a file of guesses")
    for pages in content.values():
        if not isinstance(pages, dict) or not all(isinstance(page, dict) for page in pages.values()):
            raise ValueError("not a file of guesses")
    return content


def _replace(file: Path, text: str) -> None:
    """Write beside, then move: a kill in between leaves the old file whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, file)
    finally:
        with suppress(OSError):
            beside.unlink()
