"""Read `lessons/NN_name.py`: the only form of a lesson that anybody edits."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAGS = ("header", "claim", "solution", "exercise", "service")
FIELDS = {"minutes": int, "question": str, "needs": list, "episodes": list, "objectives": list, "cut": str, "vote": str}
INNER = {"episodes": ("question", "minutes"), "objectives": ("do", "exercise")}


class LessonError(ValueError):
    """A lesson source that cannot become a notebook; says where and what is missing."""


@dataclass(frozen=True)
class Cell:
    """One cell: its name within the lesson, `markdown` or `code`, its text, its tags."""

    name: str
    kind: str
    text: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class LessonSource:
    """A lesson: number and name from the file, header, cells in order."""

    number: str
    name: str
    header: dict[str, Any]
    cells: tuple[Cell, ...]

    @property
    def stem(self) -> str:
        """The name of its notebooks, without the ending."""
        return f"{self.number}_{self.name}"

    def shown(self) -> list[Cell]:
        """The cells of the learner's notebook."""
        return [cell for cell in self.cells if not {"claim", "solution"} & set(cell.tags)]


def find_lessons(folder: Path, number: str | None = None) -> list[Path]:
    """The lesson sources in a folder, in order; LessonError where the wanted one is not there."""
    found = sorted(folder.glob("[0-9][0-9]_*.py"))
    wanted = [path for path in found if number is None or path.name.startswith(number)]
    if not wanted:
        raise LessonError(f"{number or 'lessons'}: not in {folder.name}/, which has {[p.stem for p in found]}")
    return wanted


def read_lesson(path: Path) -> LessonSource:
    """Read and check one lesson source."""
    name = re.fullmatch(r"(\d\d)_([a-z0-9_]+)", path.stem)
    if not name:
        raise LessonError(f"{path.name}: a lesson is called NN_name.py, small letters")
    cells = [_cell(path, cell) for cell in _raw_cells(path)]
    if not cells or cells[0].tags != ("header",):
        raise LessonError(f'{path.name}: the first cell is the header: # %% header [raw] tags=["header"]')
    _refuse_twins(path, cells)
    return LessonSource(name[1], name[2], read_header(path.name, cells[0].text), tuple(cells[1:]))


def read_header(where: str, text: str) -> dict[str, Any]:
    """The header's TOML, with every field a teacher's guide needs."""
    try:
        header = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LessonError(f"{where}: the header is not TOML: {error}") from error
    troubles = [f"{name} ({kind.__name__})" for name, kind in FIELDS.items() if not isinstance(header.get(name), kind)]
    for field, parts in INNER.items():
        for number, item in enumerate(header.get(field) or []):
            troubles += [f"{field}[{number}].{part}" for part in parts if not (isinstance(item, dict) and part in item)]
    if troubles:
        raise LessonError(f"{where}: the header lacks {', '.join(troubles)}")
    return header


def _raw_cells(path: Path) -> list[Any]:
    import jupytext

    cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
    return [cell for cell in cells if cell.source.strip() or cell.metadata]


def _cell(path: Path, raw: Any) -> Cell:
    name, tags = raw.metadata.get("title", ""), tuple(raw.metadata.get("tags", ()))
    start = raw.source.strip().splitlines()[:1]
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,50}", name):
        raise LessonError(f"{path.name}: the cell that begins {start} needs a name: # %% small-letters [markdown]")
    unknown = sorted(set(tags) - set(TAGS))
    if unknown:
        raise LessonError(f"{path.name}: cell {name}: unknown tags {unknown}; there are {list(TAGS)}")
    return Cell(name, raw.cell_type, raw.source.strip(), tags)


def _refuse_twins(path: Path, cells: list[Cell]) -> None:
    names = [cell.name for cell in cells]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise LessonError(f"{path.name}: two cells are called {', '.join(twins)}")
