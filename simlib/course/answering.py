"""Give an exercise an answer as a learner would: by running its cell."""

import linecache
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import simlib
from simlib.course.check import judged
from simlib.course.exercise import Exercise, Verdict
from simlib.data import orders

WRONG_ANSWERS = 3


def answered(exercise: Exercise, code: str) -> Verdict:
    """What the judge says to an answer."""
    verdicts: list[Verdict] = []

    def ask(_id: str, *answers: Any, **blanks: Any) -> None:
        verdicts.append(judged(exercise, answers, blanks))

    with redirect_stdout(StringIO()):           # what an answer prints is nobody's verdict
        run_cell(exercise.cell(code), ask)
    return verdicts[0]


def run_cell(text: str, check: Any) -> None:
    """Run a cell with the names a lesson imports; its text is kept as a notebook keeps it."""
    page = {name: getattr(simlib, name) for name in simlib.__all__} | {"orders": orders, "check": check}
    linecache.cache["<cell>"] = (len(text), None, text.splitlines(keepends=True), "<cell>")
    exec(compile(text, "<cell>", "exec"), page | {"__name__": "__main__"})


def answer_troubles(exercise: Exercise) -> list[str]:
    """A refused reference answer, a wrong answer that is taken or refused for another reason, too few of them."""
    if exercise.judge is None:
        return []
    reference = answered(exercise, exercise.solution)
    found = [] if reference.good else [f"the reference answer is refused: {reference.text}"]
    said = {wrong.idea: answered(exercise, wrong.code) for wrong in exercise.wrong}
    for wrong in exercise.wrong:
        verdict = said[wrong.idea]
        if verdict.good or wrong.says not in verdict.text or not verdict.text.startswith(f"{exercise.id}: "):
            found.append(f'"{wrong.idea}" should be told "{wrong.says}", and is told: {verdict.text}')
    different = len({verdict.text for verdict in said.values()})
    if different < WRONG_ANSWERS:
        found.append(f"{different} different replies to wrong answers; {WRONG_ANSWERS} are due")
    return [f"{exercise.id}: {trouble}" for trouble in found]
