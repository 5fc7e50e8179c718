"""Guesses: what counts as one, what is kept, what `reveal` says."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from simlib.course import forget, predict, reveal
from simlib.course.form import Form
from simlib.course.predict import Question, earlier, in_words, keep
from simlib.course.session import Session, session
from simlib.course.store import course_home
from simlib.views.saved import WIDGET_VIEW

TWICE = "How many orders are charged twice?"


def ask(answer=None) -> None:
    predict("twice", TWICE, kind="number", answer=answer)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def test_a_wrong_guess_stands_beside_the_run(capsys):
    ask(answer=200)
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You said 200. The run says 1."


def test_a_right_guess_is_said_to_be_right(capsys):
    ask(answer="1")
    said(capsys)
    reveal("twice", np.int64(1))
    assert said(capsys) == "You said 1, and so does the run."


def test_no_guess_costs_one_line(capsys):
    ask()
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You did not guess. The run says 1."


def test_a_guess_after_the_run_is_told_apart(capsys):
    ask()
    reveal("twice", 1)
    ask(answer=1)
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You had seen it when you said 1."


def test_a_guess_from_before_stays_a_guess_when_the_page_is_run_again(capsys):
    ask(answer=3)
    reveal("twice", 1)
    ask()
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You said 3. The run says 1."


def test_a_guess_survives_the_kernel(monkeypatch, capsys):
    ask(answer=3)
    monkeypatch.setattr(session, "stores", {})
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You said 3. The run says 1."


def test_forget_starts_one_lesson_afresh(capsys):
    ask(answer=3)
    session.store().keep("05", "other", 7)
    said(capsys)
    forget("00")
    assert said(capsys) == "Lesson 00: 1 guess is forgotten."
    reveal("twice", 1)
    assert said(capsys) == "You did not guess. The run says 1."
    assert session.store().guess("05", "other") is not None


def test_a_question_that_was_not_asked_is_named(capsys, monkeypatch):
    ask()
    said(capsys)
    reveal("twise", 1)
    assert 'No question "twise" was asked on this page (asked: "twice")' in said(capsys)
    monkeypatch.setenv("SIMLIB_COURSE_STRICT", "1")
    with pytest.raises(LookupError, match="twise"):
        reveal("twise", 1)


@pytest.mark.parametrize("given", ["three", "nan", "inf", "1,5", True, ""])
def test_what_is_no_number_is_refused_in_words(given):
    with pytest.raises(ValueError, match="not a number"):
        Question("twice", TWICE).read(given)


def test_a_choice_is_one_of_the_choices():
    question = Question("back", "And then?", "choice", ("sooner", "later"))
    assert question.read("later") == "later"
    with pytest.raises(ValueError, match="sooner | later"):
        question.read("never")


@pytest.mark.parametrize(
    ("kind", "choices", "says"),
    [("numbr", (), "kind is one of"), ("choice", ("only",), "two at least"), ("number", ("a", "b"), "kind='choice'")],
)
def test_a_question_that_cannot_be_asked_is_refused(kind, choices, says):
    with pytest.raises(ValueError, match=says):
        predict("q", "?", kind=kind, choices=choices)


def test_numbers_are_said_without_noise():
    assert [in_words(n) for n in (1, 1.0, 0.1 + 0.2, np.float64(45.5), 1200, "text")] == [
        "1", "1", "0.3", "45.5", "1,200", "text",
    ]  # fmt: skip


def form(asked: Question) -> Form:
    return Form(asked, earlier(asked), lambda guess: keep(asked, guess))


def test_nothing_is_chosen_beforehand():
    assert form(Question("a", "?", "choice", ("x", "y"))).answer.value is None
    assert form(Question("b", "?")).answer.value == ""


def test_a_guess_counts_when_it_is_sent_not_when_it_is_typed():
    asked = Question("twice", TWICE)
    page = form(asked)
    page.answer.value = "7"
    assert earlier(asked) is None
    page.button.click()
    assert earlier(asked).said == 7
    assert "Kept: you say <b>7</b>" in page.line.value


def test_the_enter_key_sends():
    asked = Question("twice", TWICE)
    page = form(asked)
    page.answer.value = "7"
    page.answer._handle_custom_msg({"event": "submit"}, [])
    assert earlier(asked).said == 7


def test_the_enter_key_may_overtake_what_was_typed():
    asked = Question("twice", TWICE)
    page = form(asked)
    page.answer._handle_custom_msg({"event": "submit"}, [])
    assert page.line.value == ""
    page.answer.value = "30"
    assert earlier(asked).said == 30


def test_the_form_says_what_an_answer_is_and_keeps_nothing():
    asked = Question("twice", TWICE)
    page = form(asked)
    page.button.click()
    assert "answer first" in page.line.value
    page.answer.value = "<b>many</b>"
    page.button.click()
    assert "&lt;b&gt;many&lt;/b&gt;" in page.line.value and "not a number" in page.line.value
    assert earlier(asked) is None


def test_the_form_shows_an_earlier_guess_and_escapes_the_question():
    asked = Question("twice", "Is `a < b` <script>?")
    keep(asked, 4)
    page = form(asked)
    assert "You said <b>4</b>" in page.line.value
    assert "<code>a &lt; b</code> &lt;script&gt;" in page.children[0].value


def test_the_form_has_the_same_text_in_every_run():
    asked = Question("twice", TWICE)
    assert repr(form(asked)) == repr(form(asked)) == f"[a question, when run: {TWICE}]"


def test_a_notebook_keeps_the_question_in_an_output_of_its_own(monkeypatch):
    outputs = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, metadata=None: outputs.append(data))
    form(Question("a", "Is `a < b`?", "choice", ("<yes>", "no")))._ipython_display_()
    widget, still = outputs
    assert widget.keys() == {WIDGET_VIEW}, "whatever stands beside it is never shown"
    assert "<code>a &lt; b</code>" in still["text/html"] and "<li>&lt;yes&gt;</li>" in still["text/html"]
    assert still["text/plain"] == "[a question, when run: Is `a < b`?]"


def test_a_file_damaged_again_does_not_replace_the_one_kept_aside(learner: Path, capsys):
    learner.mkdir()
    for damage in ("{ one", "{ two"):
        (learner / "guesses.json").write_text(damage, encoding="utf-8")
        predict("q", "How many?", answer=1)
    kept = [(learner / f"guesses.damaged{number}.json").read_text(encoding="utf-8") for number in ("", "1")]
    assert kept == ["{ one", "{ two"]


def test_a_damaged_file_is_kept_aside_and_said_once(learner: Path, capsys):
    learner.mkdir()
    (learner / "guesses.json").write_text("{ half", encoding="utf-8")
    ask(answer=3)
    reveal("twice", 1)
    out = said(capsys)
    assert out.count("guesses.damaged.json") == 1
    assert "You said 3. The run says 1." in out
    assert (learner / "guesses.damaged.json").read_text(encoding="utf-8") == "{ half"
    assert json.loads((learner / "guesses.json").read_text(encoding="utf-8"))["00"]["twice"]["said"] == 3


def test_a_disk_that_says_no_keeps_guesses_in_memory_and_says_it_once(learner: Path, capsys):
    learner.write_text("a file where the folder should be", encoding="utf-8")
    ask(answer=3)
    reveal("twice", 1)
    out = said(capsys)
    assert out.count("cannot be written") == 1
    assert "You said 3. The run says 1." in out
    forget("00")
    ask()
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You did not guess. The run says 1."


@pytest.mark.parametrize("why", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_read_only_or_full_disk_keeps_guesses_in_memory(monkeypatch, capsys, why):
    def refuse(*_args, **_kwargs):
        raise OSError(why, os.strerror(why))

    monkeypatch.setattr(Path, "write_text", refuse)
    ask(answer=3)
    reveal("twice", 1)
    out = said(capsys)
    assert os.strerror(why) in out and "You said 3. The run says 1." in out


def test_the_learners_folder_is_found_from_where_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("SIMLIB_COURSE_HOME")
    mine = tmp_path / "course ü" / "my-course"
    (mine / "sub").mkdir(parents=True)
    (tmp_path / "course ü" / "notebooks" / "solutions").mkdir(parents=True)
    assert course_home(mine) == course_home(mine / "sub") == mine
    assert course_home(tmp_path / "course ü" / "notebooks") == mine
    assert course_home(tmp_path / "course ü" / "notebooks" / "solutions") is None
    assert course_home(tmp_path) == tmp_path / "my-course"


def test_a_lesson_opened_where_it_was_pulled_keeps_its_guesses_beside_the_notebooks(tmp_path, monkeypatch, capsys):
    pulled = tmp_path / "home" / "learner" / "event-driven-lab" / "notebooks"       # as nbgitpuller leaves it
    pulled.mkdir(parents=True)
    monkeypatch.delenv("SIMLIB_COURSE_HOME")
    monkeypatch.chdir(pulled)
    ask(answer=3)
    assert list(pulled.iterdir()) == []
    monkeypatch.setattr(session, "stores", {})              # the kernel was restarted, and the copies opened
    monkeypatch.chdir(pulled.parent / "my-course")
    said(capsys)
    reveal("twice", 1)
    assert said(capsys) == "You said 3. The run says 1."


def test_forget_of_another_lesson_leaves_this_one(capsys):
    ask(answer=3)
    session.store().keep("05", "twice", 200)
    said(capsys)
    forget("05")
    assert said(capsys) == "Lesson 05: 1 guess is forgotten."
    reveal("twice", 1)
    assert said(capsys) == "You said 3. The run says 1."


def test_solutions_keep_nothing(monkeypatch, tmp_path, capsys):
    folder = tmp_path / "notebooks" / "solutions"
    folder.mkdir(parents=True)
    monkeypatch.delenv("SIMLIB_COURSE_HOME")
    monkeypatch.chdir(folder)
    ask(answer=3)
    assert not list(tmp_path.rglob("guesses.json"))
    assert Session().store().guess("00", "twice") is None
