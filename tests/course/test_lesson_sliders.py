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
def test_both_ends_of_every_slider_and_every_choice_of_a_lesson(path, monkeypatch):
    for panel in panels(path, monkeypatch):
        assert panel.state.value == "" and panel.picture.value
        for name, knob in panel.knobs.items():
            for value in extremes(knob):
                shown = render(panel._scenario, {name: value}, panel._show)
                assert not shown.error and shown.png and shown.html, (name, value)


@pytest.mark.parametrize("path", find_lessons(ROOT / "lessons"), ids=lambda path: path.stem)
def test_a_move_of_a_lessons_slider_is_quick(path, monkeypatch):
    for panel in panels(path, monkeypatch):
        for knob in panel.knobs.values():
            costs = [[_cost_of_a_move(knob, value) for value in extremes(knob)] for _ in range(3)]
            assert max(map(min, zip(*costs, strict=True))) < CPU_SECONDS_A_MOVE, costs
            assert value_of(knob) == extremes(knob)[-1]


def test_a_lessons_sliders_turn_every_failure_parameter(monkeypatch):
    """What the lessons promise to turn: when it dies, for how long, how often it commits, who must have a copy."""
    turned = {name.rpartition(".")[2] for path in find_lessons(ROOT / "lessons")
              for panel in panels(path, monkeypatch) for name in panel.knobs}
    assert {"at", "duration", "restart_after", "auto_commit_interval_ms", "acks", "replication_factor",
            "min_insync_replicas", "session_timeout_ms"} <= turned


def extremes(knob: Any) -> list[Any]:
    """Every choice; of a range the lowest and the highest value. A logarithmic slider keeps the exponents."""
    if not hasattr(knob, "min"):
        return list(knob.options) if hasattr(knob, "options") else [True, False]
    base = getattr(knob, "base", None)
    return [float(f"{base**end:.10g}") if base else end for end in (knob.min, knob.max)]


def _cost_of_a_move(knob: Any, value: float) -> float:
    begun = time.process_time()
    knob.value = value
    return time.process_time() - begun
