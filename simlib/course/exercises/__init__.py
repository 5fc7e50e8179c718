"""The exercises, one module a lesson, named by its number."""

import importlib
import importlib.util
import pkgutil

from simlib.course.exercise import Exercise


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises here: the lessons that exist."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.isdigit())


def of_lesson(lesson: str) -> dict[str, Exercise]:
    """A lesson's exercises by id."""
    if lesson not in lessons():
        raise LookupError(f'There is no lesson "{lesson}". Lessons with exercises: {", ".join(lessons())}')
    module = importlib.import_module(f"{__name__}.{lesson}")
    return {exercise.id: exercise for exercise in module.EXERCISES}


def find(id: str) -> Exercise:
    """The exercise of this id; an unknown one is answered with the lesson's exercises."""
    exercises = of_lesson(id.partition("-")[0])
    if id not in exercises:
        raise LookupError(f'There is no exercise "{id}". This lesson has: {", ".join(exercises)}')
    return exercises[id]
