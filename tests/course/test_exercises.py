"""Each exercise: its start is no answer, its reference is one, a wrong answer is refused for its own reason."""

import pytest

from simlib.course import check
from simlib.course.answering import answered, run_cell
from simlib.course.exercise import Exercise, Wrong
from simlib.course.exercises import lessons, of_lesson

pytestmark = pytest.mark.slow

EXERCISES = [exercise for number in lessons() for exercise in of_lesson(number).values()]
JUDGED = [exercise for exercise in EXERCISES if exercise.judge]
WRONG = [pytest.param(exercise, wrong, id=wrong.idea) for exercise in JUDGED for wrong in exercise.wrong]


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
    run_cell(exercise.cell(exercise.starter), check)
    out = capsys.readouterr().out
    assert out.startswith((f"{exercise.id}: nothing here yet - ", f"{exercise.id}: not finished yet - ")), out


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_hints_and_solution_are_there(exercise):
    assert len(exercise.hints) == 2 and all(exercise.hints)
    assert exercise.solution.strip() and exercise.remark
