"""The glossary: one table in `lessons/glossary.md`, shown as a notebook."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlib.course.lesson_source import Cell, LessonError, LessonSource

COLUMNS = ("term", "meaning", "everyday picture", "often confused with", "lesson")


@dataclass(frozen=True)
class Term:
    """One row of the glossary."""

    term: str
    meaning: str
    picture: str
    confused_with: str
    lesson: str


def glossary(path: Path) -> Any:
    """The glossary's notebook; LessonError where the table is not one."""
    from simlib.course.notebook import notebook

    read_terms(path)
    return notebook("glossary", [Cell("terms", "markdown", path.read_text(encoding="utf-8").strip())])


def read_terms(path: Path) -> dict[str, Term]:
    """The terms by their names, in the order of the table."""
    rows = [_columns(line) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise LessonError(f"{path.name}: the table's columns are {' | '.join(COLUMNS)}")
    wrong = [row[0] for row in rows[2:] if len(row) != len(COLUMNS) or not all(row)]
    if wrong:
        raise LessonError(f"{path.name}: {', '.join(wrong)}: each row has {len(COLUMNS)} filled columns")
    return {row[0]: Term(*row) for row in rows[2:]}


def missing_terms(lesson: LessonSource, known: dict[str, Term]) -> list[str]:
    """The terms a lesson sets in italics that the glossary does not have (a plural finds its singular)."""
    names, found = {name.lower() for name in known}, []
    for cell in lesson.shown():
        if cell.kind == "markdown":
            found += [term for term in italics(cell.text) if not {term.lower(), term.lower()[:-1]} & names]
    return found


def italics(text: str) -> list[str]:
    """What is set between single stars, outside code, folded answers and quotations."""
    text = re.sub(r"```.*?```|<details>.*?</details>|`[^`]*`|\*\*.*?\*\*", " ", text, flags=re.DOTALL)
    return [found for found in re.findall(r"(?<![*\w])\*([^*\n]+?)\*(?![*\w])", text) if found[0] != '"']


def _columns(line: str) -> list[str]:
    return [column.strip() for column in line.strip().strip("|").split("|")]
