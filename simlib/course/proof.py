"""For whoever writes a lesson: make its notebooks anew and look for everything the tests would find.

`python -m simlib.course.proof 05`, or `python lab.py lesson 05`.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import indent
from typing import Any

from simlib.course.answering import answer_troubles
from simlib.course.build import around, build, write
from simlib.course.exercises import of_lesson
from simlib.course.lesson_source import LessonError, LessonSource, find_lessons, read_lesson
from simlib.course.notebook import execute, learners, where_it_stops
from simlib.course.proofreading import read_through


def main(arguments: list[str] | None = None) -> int:
    """Go through everything that is looked at; 1 if anything is wrong, 2 if the lesson cannot be read."""
    options = _options(arguments)
    begun = time.perf_counter()
    try:
        lesson = read_lesson(find_lessons(options.root / "lessons", options.lesson)[0])
    except LessonError as trouble:
        print(trouble, file=sys.stderr)
        return 2
    wrong = sum(_told(name, troubles) for name, troubles in _looked(lesson, options.root))
    print(f"\nLesson {lesson.number}: {_verdict(wrong)} {time.perf_counter() - begun:.0f} seconds.")
    return 1 if wrong else 0


def _looked(lesson: LessonSource, root: Path) -> Iterator[tuple[str, list[str]]]:
    """What was looked at, and what was found; kernels run beside what this process does."""
    with ThreadPoolExecutor(2) as kernels:
        made, untouched = kernels.submit(_notebooks, lesson, root), kernels.submit(_untouched, lesson)
        yield from _read(lesson, root / "lessons").items()
        yield "exercises: the reference passes, wrong answers are refused", _exercises(lesson)
        yield "notebooks made anew; the solution and its claims hold", made.result()
        yield "the untouched lesson runs", untouched.result()


def _told(what: str, troubles: list[str]) -> bool:
    print(f"{'FAIL' if troubles else 'ok  '} {what}", flush=True)
    for trouble in troubles:
        print(indent(trouble, " " * 7))
    return bool(troubles)


def _read(lesson: LessonSource, lessons: Path) -> dict[str, list[str]]:
    try:
        return read_through(lesson, lessons)
    except (LessonError, LookupError) as trouble:
        return {"the lesson can be read": [str(trouble.args[0])]}


def _exercises(lesson: LessonSource) -> list[str]:
    return [trouble for exercise in of_lesson(lesson.number).values() for trouble in answer_troubles(exercise)]


def _notebooks(lesson: LessonSource, root: Path) -> list[str]:
    try:
        made = build(root, lesson.number) | around(root)
    except LessonError as trouble:
        return [str(trouble)]
    for path, book in made.items():
        write(book, path)
    return []


def _untouched(lesson: LessonSource) -> list[str]:
    from nbclient.exceptions import CellExecutionError

    try:
        book = learners(lesson)
    except LessonError as trouble:
        return [str(trouble)]
    try:
        execute(book, SIMLIB_COURSE_STRICT="")
    except CellExecutionError:
        return [f"it {where_it_stops(book)}"]
    return []


def _verdict(wrong: int) -> str:
    return f"{wrong} of these {'is' if wrong == 1 else 'are'} wrong." if wrong else "nothing found."


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m simlib.course.proof", description=__doc__)
    parser.add_argument("lesson", nargs="?", default="00", help="the lesson's number, for example 05")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the folder that has lessons/ (default: here)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
