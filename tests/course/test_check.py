"""`check`, `hint`, `solution`: what they say to an empty, a wrong, a broken and a good answer."""

import sys
from dataclasses import replace

import pandas
import pytest

from simlib import Crash
from simlib.course import check, hint, solution
from simlib.course.check import Refused
from simlib.course.exercise import Exercise, Verdict
from simlib.course.own_error import COURSE
from simlib.course.unwritten import unwritten, what_is_left

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
    says = "00-demo: nothing here yet - write two and fill in limit, then run this cell again."
    assert unfolded(capsys.readouterr().out) == says


def unfolded(text):
    return " ".join(text.split())


def test_answers_fold_between_words_where_a_narrow_page_would_break_them(capsys):
    check("00-" + "no such exercise " * 9)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2 and max(map(len, lines)) <= 76


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


def test_a_table_without_rows_is_not_shown(monkeypatch, capsys):
    rows = pandas.DataFrame({"time": []}), pandas.DataFrame({"time": [3.0]})
    for table in rows:
        monkeypatch.setattr(CHECK, "judged", lambda *_, table=table: Verdict(False, "00-demo: no.", table=table))
        check("00-demo", lambda: 4)
    empty, full = capsys.readouterr().out.split("00-demo: no.\n")[1:]
    assert empty == "" and "3.0" in full


def test_a_learners_mistake_is_shown_as_his(capsys):
    def two():
        return [1][3]

    check("00-demo", two)
    out = capsys.readouterr().out
    assert "your code stopped here" in out and "return [1][3]" in out and "IndexError" in out
    assert "/simlib/" not in out and "Traceback" not in out


def test_the_wrong_call_is_explained(capsys):
    check("00-demo", lambda: 4, 5, 6)
    out = " ".join(capsys.readouterr().out.split())
    assert "this is not how the exercise asks" in out and 'Write check("00-demo", two)' in out


def test_a_function_that_was_called_by_mistake_is_told(capsys, recwarn):
    async def two(app): ...

    check("00-demo", two(None))
    assert "give the function itself, two, not what a call of it gives" in capsys.readouterr().out
    assert not recwarn.list


async def half(app):
    consumer = app.consumer("orders", group_id=...)
    table = app.table[..., 0]
    return consumer, table


def test_a_half_typed_answer_says_which_line_is_missing(capsys):
    check("00-demo", half)
    out = " ".join(capsys.readouterr().out.split())
    assert out == "00-demo: not finished yet - line 2 of half still has ...: fill it in, then run this cell again."
    check("00-demo", limit=[1, ...])
    assert "limit still has ...: fill it in" in capsys.readouterr().out


def test_dots_are_found_where_nobody_keeps_the_text():
    page = {}
    exec("def typed(limit=...):\n    return [limit, ...]", page)
    assert what_is_left((page["typed"],), {}) == ["line one of typed still has ..."]
    assert what_is_left((lambda: 4,), {"limit": 4, "more": {"a": 1}}) == []


@pytest.mark.parametrize("raised", [KeyError("x"), TypeError("bad argument"), ValueError("a slip"), OSError()])
def test_a_mistake_of_ours_is_owned_up_to_without_a_traceback(monkeypatch, capsys, raised):
    def slip(_answers, _blanks):
        raise raised

    shown = []
    monkeypatch.setattr(CHECK, "judged", lambda _exercise, answers, blanks: slip(answers, blanks))
    monkeypatch.setattr(CHECK, "_show", shown.append)
    check("00-demo", lambda: 4)
    out = unfolded(capsys.readouterr().out)
    assert "our mistake, not yours. Please report it." in out and "Traceback" not in out
    html = shown[0]._repr_html_()
    assert html.startswith("<details><summary>") and "Traceback" in html and type(raised).__name__ in html
    assert "Traceback" not in repr(shown[0])


def test_a_judge_that_slips_is_our_mistake_and_a_refused_scenario_is_not(monkeypatch, capsys):
    ours = FolderOfOurs(monkeypatch)
    ours.judge("def judge(answer):\n    return {}['verdict']")
    check("00-demo", 4)
    assert "our mistake" in capsys.readouterr().out

    ours.judge("import pandas\ndef judge(answer):\n    pandas.Series([{}]).map(lambda row: row['order_id'])")
    check("00-demo", 4)
    assert "our mistake" in capsys.readouterr().out

    refusal = "from simlib.scenario import ScenarioError"
    ours.judge(f"{refusal}\ndef judge(answer):\n    raise ScenarioError(['no such process'])")
    check("00-demo", 4)
    assert capsys.readouterr().out.startswith("00-demo: this scenario cannot run: 1 problem\n  - no such process")


class FolderOfOurs:
    """Gives the demo exercise a judge that counts as a line of the course."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def judge(self, text: str) -> None:
        page = {}
        exec(compile(text, str(COURSE / "exercises" / "00.py"), "exec"), page)
        self.monkeypatch.setattr(CHECK, "find", lambda _id: replace(DEMO, judge=page["judge"]))


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


def test_a_fault_with_a_gap_is_not_finished():
    assert what_is_left((Crash("billing-0", at=...),), {}) == ["your answer still has ..."]
