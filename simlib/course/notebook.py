"""Turn a lesson source into notebooks: the learner's, and the executed one with answers."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import simlib
from simlib.course.exercise import Exercise
from simlib.course.exercises import of_lesson
from simlib.course.lesson_source import Cell, LessonError, LessonSource
from simlib.views.saved import WIDGET_VIEW

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SECONDS_A_CELL = 120


def learners(lesson: LessonSource) -> Any:
    """The learner's notebook: no outputs, exercises unsolved, claims and solutions left out."""
    for cell in lesson.shown():
        if "exercise" in cell.tags:
            _exercise_of(lesson, cell)
    return notebook(lesson.number, lesson.shown())


def solved(lesson: LessonSource) -> Any:
    """The notebook with answers and outputs: executed with its claims, which are then taken out."""
    cells = [_answered(lesson, cell) for cell in lesson.cells]
    book = notebook(lesson.number, cells)
    _execute_lesson(lesson, book)
    claims = {f"{lesson.number}-{cell.name}" for cell in cells if "claim" in cell.tags}
    book.cells = [cell for cell in book.cells if cell.id not in claims]
    return _tidy(book)


def notebook(prefix: str, cells: list[Cell]) -> Any:
    """A notebook without outputs; cell ids come from the names, so a regenerated one is the same."""
    from nbformat import v4

    made = [_new_cell(prefix, cell) for cell in cells]
    return v4.new_notebook(cells=made, metadata={"kernelspec": dict(KERNEL), "language_info": {"name": "python"}})


def execute(book: Any, **settings: str) -> None:
    """Run a notebook in place, as a learner without guesses, in an empty folder; a refused answer is an error.

    `settings` are environment variables that shall be otherwise.
    """
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(
            book,
            timeout=SECONDS_A_CELL,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,          # how prints are cut into messages depends on the machine's load
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": empty}},
        )
        client.execute(env=run_environment(Path(empty)) | settings)


def _execute_lesson(lesson: LessonSource, book: Any) -> None:
    from nbclient.exceptions import CellExecutionError

    try:
        execute(book)
    except CellExecutionError as stopped:
        raise LessonError(f"{lesson.stem} {where_it_stops(book)}") from stopped


def where_it_stops(book: Any) -> str:
    """The first error of a run notebook in two lines: the cell, the line of it, what was raised."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))
                line = re.search(r"^-+> *\d+ *(.*)$", trace, flags=re.MULTILINE)
                what = f"{output.ename}: {output.evalue}".strip().removesuffix(":")
                return f"stops in cell {cell.id}, at  {line[1] if line else '?'}\n{what}"
    return "does not stop"


def run_environment(empty: Path) -> dict[str, str]:
    """The environment in which notebooks are built and tested: this simlib, no guesses, refusals are errors."""
    here = str(Path(simlib.__path__[0]).resolve().parent)
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "SIMLIB_COURSE_HOME": str(empty / "guesses"),
        "SIMLIB_COURSE_STRICT": "1",
        "IPYTHONDIR": str(empty / "ipython"),
        "TQDM_DISABLE": "1",            # a slow machine would leave a bar in the outputs
    }


def _new_cell(prefix: str, cell: Cell) -> Any:
    from nbformat import v4

    identity = f"{prefix}-{cell.name}"
    if cell.kind == "markdown":
        return v4.new_markdown_cell(cell.text, id=identity)
    return v4.new_code_cell(cell.text, id=identity)


def _answered(lesson: LessonSource, cell: Cell) -> Cell:
    if "exercise" not in cell.tags:
        return cell
    exercise = _exercise_of(lesson, cell)
    return Cell(cell.name, cell.kind, exercise.cell(exercise.solution), cell.tags)


def _exercise_of(lesson: LessonSource, cell: Cell) -> Exercise:
    for exercise in of_lesson(lesson.number).values():
        if cell.text == exercise.cell(exercise.starter):
            return exercise
    raise LessonError(
        f"{lesson.stem}: cell {cell.name} is tagged exercise, but its text is no starter and call "
        f"of simlib/course/exercises/{lesson.number}.py"
    )


def _tidy(book: Any) -> Any:
    """Without what differs from machine to machine, and with the counts a reader expects."""
    book.metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    runs = [cell for cell in book.cells if cell.cell_type == "code"]
    for count, cell in enumerate(runs, start=1):
        cell.execution_count, cell.metadata = count, {}
        cell.outputs = [_tidy_output(output, count) for output in cell.outputs if not _is_widget_alone(output)]
    return book


def _is_widget_alone(output: Any) -> bool:
    return set(output.get("data", {})) == {WIDGET_VIEW}


def _tidy_output(output: Any, count: int) -> Any:
    if output.output_type == "execute_result":
        output.execution_count = count
    data = output.get("data", {})
    if len(data) > 1:                   # a saved widget shows nothing by itself; what is beside it does
        data.pop(WIDGET_VIEW, None)
    return output
