"""For whoever writes a lesson: make its notebooks anew and look for everything the tests would find.

`python -m simlib.course.proof 05`, or `python lab.py lesson 05`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from simlib.course.answering import answer_troubles
from simlib.course.build import around, build, write
from simlib.course.exercises import of_lesson
from simlib.course.lesson_source import LessonError, LessonSource, find_lessons, read_lesson
from simlib.course.notebook import execute, learners
from simlib.course.proofreading import read_through

Step = tuple[str, Callable[[], list[str]]]


def main(arguments: list[str] | None = None) -> int:
    """Go through everything that is looked at; 1 if anything is wrong, 2 if the lesson cannot be read."""
    options = _options(arguments)
    begun = time.perf_counter()
    try:
        lesson = read_lesson(find_lessons(options.root / "lessons", options.lesson)[0])
    except LessonError as trouble:
        print(trouble, file=sys.stderr)
        return 2
    wrong = sum(_carried_out(step) for step in _steps(lesson, options.root))
    print(f"\nLesson {lesson.number}: {_verdict(wrong)} {time.perf_counter() - begun:.0f} seconds.")
    return 1 if wrong else 0


def _steps(lesson: LessonSource, root: Path) -> Iterator[Step]:
    try:
        found = read_through(lesson, root / "lessons")
    except (LessonError, LookupError) as trouble:
        found = {"the lesson can be read": [str(trouble.args[0])]}
    for name, troubles in found.items():
        yield name, troubles.copy
    yield "exercises: reference passes, wrong answers are refused", lambda: _exercises(lesson)
    yield "notebooks made anew; solution and claims hold", lambda: _notebooks(lesson, root)
    yield "the untouched lesson runs", lambda: _untouched(lesson)


def _carried_out(step: Step) -> bool:
    name, look = step
    begun = time.perf_counter()
    troubles = look()
    took = time.perf_counter() - begun
    print(f"{'FAIL' if troubles else 'ok  '} {name}{f' ({took:.0f} s)' if took >= 1 else ''}", flush=True)
    for trouble in troubles:
        print(f"       {trouble}")
    return bool(troubles)


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
        execute(learners(lesson), SIMLIB_COURSE_STRICT="")
    except (LessonError, CellExecutionError) as trouble:
        return [str(trouble)]
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
