"""Every slider of every lesson: both ends of it give a picture, and a move is little work."""

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

import simlib
from simlib.course.lesson_source import find_lessons, read_lesson
from simlib.views.controls import sliders
from simlib.views.knobs import value_of
from simlib.views.rendering import render

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MOST_EVENTS = 12_000
"""SimPy events behind one move. `lab.py bench` measures the time (at most 100 ms of CPU for each of these sliders)."""


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
def test_a_move_of_a_lessons_slider_is_little_work(path, monkeypatch):
    with counted(monkeypatch) as work:
        for panel in panels(path, monkeypatch):
            for name, knob in panel.knobs.items():
                for value in extremes(knob):
                    work.clear()
                    knob.value = value
                    assert value_of(knob) == value
                    assert work["figures"] == 0, "a new figure costs more than the run: reuse one"
                    assert work["pictures"] <= 1 and work["events"] <= MOST_EVENTS, (name, value, work)


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


@contextmanager
def counted(monkeypatch):
    """What is done meanwhile: SimPy events of all runs, figures made, pictures drawn."""
    work: Counter[str] = Counter()

    def run(*arguments: Any, **named: Any) -> Any:
        trace = simlib_run(*arguments, **named)
        work["events"] += trace.data.meta["counters"]["simpy_events"]
        return trace

    def noted(name: str, method: Any) -> Any:
        def doing(*arguments: Any, **named: Any) -> Any:
            work[name] += 1
            return method(*arguments, **named)
        return doing

    simlib_run = simlib.run
    with monkeypatch.context() as patch:
        patch.setattr(simlib, "run", run)
        patch.setattr(Figure, "__init__", noted("figures", Figure.__init__))
        patch.setattr(Figure, "savefig", noted("pictures", Figure.savefig))
        yield work
