"""Every lesson there is: its notebooks are the generated ones, they run, and what they say can be looked up."""

import time
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nets import leftovers, nbval, uncounted

from simlib.course.build import around, build, differences, read
from simlib.course.exercises import lessons as lessons_with_exercises
from simlib.course.exercises import of_lesson
from simlib.course.lesson_source import Cell, LessonSource, find_lessons, read_lesson
from simlib.course.notebook import execute, notebook
from simlib.course.proofreading import read_through
from simlib.course.routes import LESSONS, ROUTES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SECONDS_ALLOWED = 60
NUMBERS = [path.name[:2] for path in find_lessons(ROOT / "lessons")]


@cache
def lesson(number: str) -> LessonSource:
    (path,) = find_lessons(ROOT / "lessons", number)
    return read_lesson(path)


def book(number: str, folder: str = "notebooks"):
    return nbformat.read(ROOT / folder / f"{lesson(number).stem}.ipynb", as_version=4)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_notebooks_are_the_generated_ones(number):
    for path, made in build(ROOT, number).items():
        assert differences(made, read(path, made)) == [], path.name


def test_glossary_and_teachers_guide_are_the_generated_ones():
    for path, made in around(ROOT).items():
        assert differences(made, read(path, made)) == [], path.name


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_the_solutions_give_the_stored_outputs(number, tmp_path):
    done = nbval([ROOT / "notebooks" / "solutions" / f"{lesson(number).stem}.ipynb"], tmp_path, strict=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_run_all_on_an_untouched_lesson_passes_in_a_minute(number, tmp_path):
    begun = time.perf_counter()
    done = nbval([ROOT / "notebooks" / f"{lesson(number).stem}.ipynb"], tmp_path, strict=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert time.perf_counter() - begun < SECONDS_ALLOWED


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_is_left_in_the_notebooks(number):
    assert uncounted(book(number, "notebooks/solutions")) == []
    assert leftovers(book(number)) == []
    for made in (book(number), book(number, "notebooks/solutions")):
        assert set(made.metadata) == {"kernelspec", "language_info"}
        assert not any("assert " in cell.source for cell in made.cells)
        assert all(cell.id.startswith(f"{number}-") for cell in made.cells)


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_is_found_wrong_by_reading(number):
    found = read_through(lesson(number), ROOT / "lessons")
    assert {what: troubles for what, troubles in found.items() if troubles} == {}


def test_the_list_of_lessons_is_the_list_of_files():
    assert NUMBERS == lessons_with_exercises()
    assert {stop[:2] for stops in ROUTES.values() for stop in stops} <= {item.number for item in LESSONS}


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_a_refused_reference_answer_stops_the_build(number):
    judged = [exercise for exercise in of_lesson(number).values() if exercise.judge]
    imports = next(cell for cell in lesson(number).cells if cell.name == "imports")
    wrong = judged[0].cell(judged[0].wrong[0].code)
    with pytest.raises(CellExecutionError, match="Refused"):
        execute(notebook(number, [imports, Cell("exercise", "code", wrong)]))
