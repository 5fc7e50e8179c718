"""The teacher's guide: `lessons/teaching.md`, then a page for each lesson from its header and its exercises."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simlib.course.exercise import Exercise
from simlib.course.exercises import of_lesson
from simlib.course.lesson_source import LessonError, LessonSource
from simlib.course.routes import LESSONS


def teachers_guide(teaching: Path, lessons: Iterable[LessonSource]) -> str:
    """The whole guide as Markdown; stops of a route that are not written yet are marked as planned."""
    lessons = list(lessons)
    written = {lesson.number for lesson in lessons}
    text = re.sub(r"\{(\d\d)([A-Z]?)\}", lambda stop: _stop(stop[1], stop[2], written), teaching.read_text("utf-8"))
    pages = [page(lesson) for lesson in lessons]
    planned = [f"{item.number} {item.question}" for item in LESSONS if item.number not in written]
    rest = [f"## Planned\n\nNot written yet: {'; '.join(planned)}"] if planned else []
    return "\n\n".join([text.strip(), "# The lessons", *pages, *rest]) + "\n"


def page(lesson: LessonSource) -> str:
    """One lesson: what it is for, its minutes, the vote, the usual wrong answers, what to cut."""
    header = lesson.header
    return "\n\n".join([
        f"## {lesson.number} {header['question']}",
        f"{header['minutes']} minutes. They need: {', '.join(header['needs']) or 'nothing'}.",
        "Afterwards they can\n" + "\n".join(f"- {goal['do']} (`{goal['exercise']}`)" for goal in header["objectives"]),
        _table(("minutes", "question"), [(part["minutes"], part["question"]) for part in header["episodes"]]),
        f"**The vote.** {header['vote']}",
        *_exercises(lesson),
        f"**What to cut.** {header['cut']}",
    ])


def _exercises(lesson: LessonSource) -> list[str]:
    judged = [exercise for exercise in of_lesson(lesson.number).values() if exercise.wrong]
    return ["**Usual wrong answers**, and a piece of what the page says to them:", *map(_wrong_answers, judged)]


def _wrong_answers(exercise: Exercise) -> str:
    rows = [(wrong.idea, f"... {wrong.says} ...") for wrong in exercise.wrong]
    return _table((f"`{exercise.id}`", "is told"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)


def _stop(number: str, half: str, written: set[str]) -> str:
    if number not in {lesson.number for lesson in LESSONS}:
        raise LessonError(f"teaching.md: there is no lesson {number}, and none is planned")
    return f"**{number}{half}**{'' if number in written else ' (planned)'}"
