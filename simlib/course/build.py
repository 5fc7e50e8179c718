"""Write notebooks and teacher's guide from the lesson sources: `python -m simlib.course.build [NN] [--check]`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from simlib.course.counts import complaints
from simlib.course.glossary import glossary
from simlib.course.lesson_source import LessonError, find_lessons, read_lesson
from simlib.course.notebook import learners, solved
from simlib.course.teachers_guide import teachers_guide

IMAGES = ("image/png", "image/jpeg")


def main(arguments: list[str] | None = None) -> int:
    """Build the notebooks, or with --check compare what would be built with what is there."""
    options = _options(arguments)
    try:
        return _work(options)
    except LessonError as trouble:
        print(trouble, file=sys.stderr)
        return 2


def build(root: Path, number: str | None = None) -> dict[Path, Any]:
    """The notebooks of one lesson, or of all with glossary and teacher's guide, by path."""
    made: dict[Path, Any] = {}
    for path in find_lessons(root / "lessons", number):
        lesson = read_lesson(path)
        if too_large := complaints(lesson):
            raise LessonError(f"{path.name}: " + "; ".join(too_large))
        made[root / "notebooks" / f"{lesson.stem}.ipynb"] = learners(lesson)
        made[root / "notebooks" / "solutions" / f"{lesson.stem}.ipynb"] = solved(lesson)
    return made if number else made | around(root)


def around(root: Path) -> dict[Path, Any]:
    """What belongs to all lessons, by path: the glossary's notebook and the teacher's guide, a text."""
    lessons = root / "lessons"
    guide = teachers_guide(lessons / "teaching.md", map(read_lesson, find_lessons(lessons)))
    glossary_book = glossary(lessons / "glossary.md")
    return {root / "notebooks" / "glossary.ipynb": glossary_book, root / "docs" / "teacher-guide.md": guide}


def differences(made: Any, there: Any) -> list[str]:
    """What differs between two notebooks in cells, ids, metadata and text outputs; image bytes do not count."""
    if isinstance(made, str):
        return [] if made == there else ["text"]
    if len(made.cells) != len(there.cells):
        return [f"{len(made.cells)} cells against {len(there.cells)}"]
    found = [] if made.metadata == there.metadata else ["metadata"]
    for new, old in zip(made.cells, there.cells, strict=True):
        found += [f"cell {new.id}: {part}" for part in _parts_that_differ(new, old)]
    return found


def _parts_that_differ(new: Any, old: Any) -> list[str]:
    compared = ("id", "cell_type", "source", "metadata", "execution_count")
    parts = [part for part in compared if new.get(part) != old.get(part)]
    if _texts(new) != _texts(old):
        parts.append("outputs")
    return parts


def _texts(cell: Any) -> list[Any]:
    return [_without_images(output) for output in cell.get("outputs", [])]


def _without_images(output: Any) -> dict[str, Any]:
    plain = dict(output)
    if "data" in plain:
        plain["data"] = {kind: text for kind, text in plain["data"].items() if kind not in IMAGES}
    return plain


def _work(options: argparse.Namespace) -> int:
    wrong = 0
    for path, book in build(options.root, options.lesson).items():
        name = path.relative_to(options.root).as_posix()
        if options.check:
            found = _compare(book, path)
            wrong += bool(found)
            print(f"{name}: {'; '.join(found) or 'as it should be'}")
        else:
            write(book, path)
            print(f"wrote {name}")
    if wrong:
        print("Run `python -m simlib.course.build` and look at what changed.", file=sys.stderr)
    return 1 if wrong else 0


def _compare(book: Any, path: Path) -> list[str]:
    return differences(book, read(path, book)) if path.exists() else ["is not there"]


def read(path: Path, like: Any) -> Any:
    """What is there: a text if `like` is one, else a notebook."""
    import nbformat

    return path.read_text(encoding="utf-8") if isinstance(like, str) else nbformat.read(path, as_version=4)


def write(book: Any, path: Path) -> None:
    """Write a notebook or a text, with the same bytes on every system."""
    import nbformat

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(book) if isinstance(book, str) else nbformat.write(book, file)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simlib.course.build", description=__doc__)
    parser.add_argument("lesson", nargs="?", help="a lesson's number, for example 00; all of them without it")
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the folder that has lessons/ (default: here)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
