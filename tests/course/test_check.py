"""`check`, `hint`, `solution`: what they say to an empty, a wrong, a broken and a good answer."""

import sys

import pytest

from simlib.course import check, hint, solution
from simlib.course.check import Refused, unwritten
from simlib.course.exercise import Exercise, Verdict

CHECK = sys.modules["simlib.course.check"]      # the name in the package is the function


def judge(answer, limit=None) -> Verdict:
    if limit is not None:
        return Verdict(limit == 9, f"00-demo: {'yes' if limit == 9 else 'no: ' + str(limit)}", table="rows")
    return Verdict(answer() == 4, "00-demo: judged")


DEMO = Exercise(
    id="00-demo",
    starter="def two():\n    ...",
    call='check("00-demo", two)',
    hints=("think", "return 4"),
    solution="def two():\n    return 4",
    remark="Four is two twos.",
    judge=judge,
)
SENTENCE = Exercise("00-mail", "", 'check("00-mail")', ("a", "b"), "Dear customer.", "Ours.")


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    known = {exercise.id: exercise for exercise in (DEMO, SENTENCE)}

    def find(id):
        if id not in known:
            raise LookupError(f'There is no exercise "{id}". This lesson has: {", ".join(known)}')
        return known[id]

    monkeypatch.setattr(CHECK, "find", find)


def test_an_untouched_start_says_what_is_missing(capsys):
    def two(): ...

    check("00-demo", two)
    assert capsys.readouterr().out == "00-demo: nothing here yet - write two, then run this cell again.\n"


def test_an_empty_blank_says_what_is_missing(capsys):
    async def two(app):
        """Only words so far."""

    check("00-demo", two, limit=...)
    says = "00-demo: nothing here yet - write two and fill in limit, then run this cell again.\n"
    assert capsys.readouterr().out == says


def test_no_answer_at_all_shows_the_call(capsys):
    check("00-demo")
    assert 'write your answer: check("00-demo", two)' in capsys.readouterr().out


def test_what_counts_as_unwritten():
    def empty(): ...
    async def empty_async(): ...
    async def written(app):
        await app.sleep(1)
    def constant():
        return 4

    assert unwritten(empty) and unwritten(empty_async) and unwritten(...)
    assert not unwritten(written) and not unwritten(constant) and not unwritten(0) and not unwritten(None)


def test_good_and_wrong(capsys):
    check("00-demo", lambda: 4)
    check("00-demo", lambda: 4, limit=8)
    assert capsys.readouterr().out == "00-demo: judged\n00-demo: no: 8\nrows\n"


def test_a_learners_mistake_is_shown_as_his(capsys):
    def two():
        return [1][3]

    check("00-demo", two)
    out = capsys.readouterr().out
    assert "your code stopped here" in out and "return [1][3]" in out and "IndexError" in out
    assert "/simlib/" not in out and "Traceback" not in out


def test_the_wrong_call_is_explained(capsys):
    check("00-demo", lambda: 4, 5, 6)
    assert "called in another way than the exercise asks for" in capsys.readouterr().out


@pytest.mark.usefixtures("strict")
def test_a_no_is_an_error_while_notebooks_are_built():
    with pytest.raises(Refused, match="no: 8"):
        check("00-demo", lambda: 4, limit=8)
    with pytest.raises(Refused, match="nothing here yet"):
        check("00-demo", ...)
    with pytest.raises(IndexError):
        check("00-demo", lambda: [1][3])
    check("00-demo", lambda: 4)


def test_hints_come_in_two_steps(capsys):
    hint("00-demo")
    hint("00-demo", 2)
    out = capsys.readouterr().out
    assert out == 'Hint 1 of 2: think\nOne more: hint("00-demo", 2)\nHint 2 of 2: return 4\n'


def test_the_solution_has_code_and_its_price(capsys):
    solution("00-demo")
    assert capsys.readouterr().out == "def two():\n    return 4\n\nFour is two twos.\n"


def test_an_unknown_exercise_names_those_there_are(capsys):
    for ask in (check, hint, solution):
        ask("00-dmo")
        assert 'no exercise "00-dmo". This lesson has: 00-demo, 00-mail' in capsys.readouterr().out


def test_an_answer_in_words_is_compared_by_the_learner(capsys):
    check("00-mail")
    assert 'compare with solution("00-mail")' in capsys.readouterr().out
