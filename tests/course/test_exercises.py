"""Each exercise: its start is no answer, its reference is one, a wrong answer is refused for its own reason."""

from typing import Any

import pytest

import simlib
from simlib.course import check
from simlib.course.check import judged
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises import lessons, of_lesson
from simlib.data import orders

EXERCISES = [exercise for number in lessons() for exercise in of_lesson(number).values()]
JUDGED = [exercise for exercise in EXERCISES if exercise.judge]
WRONG = [pytest.param(exercise, wrong, id=wrong.idea) for exercise in JUDGED for wrong in exercise.wrong]


def answered(exercise: Exercise, code: str) -> Verdict:
    """What the judge says to an answer, given as the learner would give it: by running the cell."""
    verdicts: list[Verdict] = []

    def ask(_id: str, *answers: Any, **blanks: Any) -> None:
        verdicts.append(judged(exercise, answers, blanks))

    page = {name: getattr(simlib, name) for name in simlib.__all__} | {"orders": orders, "check": ask}
    exec(compile(exercise.cell(code), "<cell>", "exec"), page | {"__name__": "__main__"})
    return verdicts[0]


@pytest.mark.parametrize("exercise", JUDGED, ids=lambda exercise: exercise.id)
def test_the_reference_answer_passes(exercise):
    verdict = answered(exercise, exercise.solution)
    assert verdict.good, verdict.text


@pytest.mark.parametrize(("exercise", "wrong"), WRONG)
def test_a_wrong_answer_is_refused_for_its_own_reason(exercise: Exercise, wrong: Wrong):
    verdict = answered(exercise, wrong.code)
    assert not verdict.good
    assert wrong.says in verdict.text
    assert verdict.text.startswith(f"{exercise.id}: ")


@pytest.mark.parametrize("exercise", JUDGED, ids=lambda exercise: exercise.id)
def test_wrong_answers_are_many_and_get_different_replies(exercise):
    said = {answered(exercise, wrong.code).text for wrong in exercise.wrong}
    assert len(said) >= 3
    assert len({wrong.says for wrong in exercise.wrong}) >= 3


@pytest.mark.parametrize("exercise", JUDGED, ids=lambda exercise: exercise.id)
def test_the_untouched_start_says_what_is_missing(exercise, capsys):
    page = {"check": check, "__name__": "__main__"}
    exec(compile(exercise.cell(exercise.starter), "<cell>", "exec"), page)
    out = capsys.readouterr().out
    assert out.startswith((f"{exercise.id}: nothing here yet - ", f"{exercise.id}: not finished yet - ")), out


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_hints_and_solution_are_there(exercise):
    assert len(exercise.hints) == 2 and all(exercise.hints)
    assert exercise.solution.strip() and exercise.remark
