"""Every slider of every lesson: both ends of it give a picture, and a move is quick."""

import time
from pathlib import Path
from typing import Any

import pytest

import simlib
from simlib.course.lesson_source import find_lessons, read_lesson
from simlib.views.controls import sliders
from simlib.views.knobs import value_of
from simlib.views.rendering import render

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS_A_MOVE = 0.1


def panels(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the lesson's `sliders(...)` calls make when its page is run from top to bottom."""
    made: list[Any] = []

    def noted(*arguments: Any, **named: Any) -> Any:
        made.append(sliders(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(simlib, "sliders", noted)
    page: dict[str, Any] = {"__name__": "__main__"}
    for cell in read_lesson(path).shown():
        if cell.kind == "code":
            exec(compile(cell.text, f"<{cell.name}>", "exec"), page)
    return made


@pytest.mark.parametrize("path", find_lessons(ROOT / "lessons"), ids=lambda path: path.stem)
def test_both_ends_of_every_slider_of_a_lesson(path, monkeypatch):
    for panel in panels(path, monkeypatch):
        assert panel.state.value == "" and panel.picture.value
        for name, knob in panel.knobs.items():
            for end in ends(knob):
                shown = render(panel._scenario, {name: end}, panel._show)
                assert not shown.error and shown.png and shown.html, (name, end)


@pytest.mark.parametrize("path", find_lessons(ROOT / "lessons"), ids=lambda path: path.stem)
def test_a_move_of_a_lessons_slider_is_quick(path, monkeypatch):
    for panel in panels(path, monkeypatch):
        for knob in panel.knobs.values():
            costs = [_cost_of_a_move(knob, end) for _ in range(3) for end in ends(knob)]
            assert min(costs) < CPU_SECONDS_A_MOVE, costs
            assert value_of(knob) == ends(knob)[1]


def ends(knob: Any) -> list[float]:
    """The lowest and the highest value; a logarithmic slider keeps the exponents."""
    base = getattr(knob, "base", None)
    return [float(f"{base**end:.10g}") if base else end for end in (knob.min, knob.max)]


def _cost_of_a_move(knob: Any, value: float) -> float:
    begun = time.process_time()
    knob.value = value
    return time.process_time() - begun
