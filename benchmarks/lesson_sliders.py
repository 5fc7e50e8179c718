"""Every slider of every lesson, to be moved: the page is run from top to bottom, and its sliders are kept."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

LESSONS = Path(__file__).resolve().parents[1] / "lessons"
MOVES = 9


def moves() -> Iterator[tuple[Callable[[Any], None], list[Any]]]:
    """For each slider with a range: a function that moves it and draws, and the values to try."""
    from simlib.course.lesson_source import find_lessons
    from simlib.views.rendering import render

    def mover(panel: Any, path: str) -> Callable[[Any], None]:
        def move(value: Any) -> None:
            shown = render(panel.scenario, {path: value}, panel.show)
            if shown.error or not shown.png:
                raise RuntimeError(f"{path} = {value!r}: no picture: {shown.error}")

        return move

    for lesson in find_lessons(LESSONS):
        for panel in _panels(lesson):
            yield from ((mover(panel, path), values) for path in panel.paths if (values := _values(panel, path)))


class _Panel:
    """What a lesson asked `sliders` for."""

    def __init__(self, scenario: Any, *paths: str, show: Callable[[Any], Any] = lambda trace: trace.plot.lag()) -> None:
        self.scenario, self.paths, self.show = scenario, paths, show


def _panels(lesson: Path) -> list[_Panel]:
    import simlib
    from simlib.course.lesson_source import read_lesson

    made: list[_Panel] = []

    def sliders(*arguments: Any, **named: Any) -> None:
        made.append(_Panel(*arguments, **named))

    page: dict[str, Any] = {"__name__": "__main__"}
    with (mock.patch.object(simlib, "sliders", sliders), tempfile.TemporaryDirectory() as folder,
          mock.patch.dict(os.environ, {"SIMLIB_COURSE_HOME": folder}),  # guesses made here are not the learner's
          contextlib.redirect_stdout(io.StringIO())):
        for cell in read_lesson(lesson).shown():
            if cell.kind == "code":
                exec(compile(cell.text, f"<{lesson.stem}, {cell.name}>", "exec"), page)
    return made


def _values(panel: _Panel, path: str) -> list[Any]:
    """Values along the slider, whole numbers where the field wants them; not those that the scenario refuses."""
    from simlib import replace
    from simlib.scenario.describe import describe
    from simlib.scenario.validation import problems

    about = describe(panel.scenario, path)
    if about.low is None or about.high is None:
        return []
    low, high = about.low, about.high
    parts = [i / (MOVES - 1) for i in range(MOVES)]
    steps = [low * (high / low) ** part if about.log and low > 0 else low + (high - low) * part for part in parts]
    values = [round(step) if about.kind == "whole" else step for step in steps]
    return [value for value in dict.fromkeys(values) if not problems(replace(panel.scenario, path, value))]
