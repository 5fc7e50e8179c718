"""What an author is told: everything the tests would find, each by a line of its own."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from simlib.course import proof
from simlib.course.answering import answer_troubles
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.lesson_source import find_lessons, read_lesson
from simlib.course.proofreading import header_troubles, link_troubles, read_through, targets, unknown_statements

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS = 30


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a lesson and the glossary, to be spoilt."""
    shutil.copytree(ROOT / "lessons", tmp_path / "lessons")
    return tmp_path


def spoilt(copy: Path, old: str, new: str):
    (path,) = find_lessons(copy / "lessons", "00")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return read_lesson(path)


@pytest.mark.parametrize(
    ("old", "new", "what", "says"),
    [
        ("minutes = 20", "minutes = 25", "header agrees", "routes.py says"),
        ('exercise = "00-words"', 'exercise = "00-wrds"', "header agrees", "no exercise 00-wrds for an objective"),
        ("# Two hundred real orders", "# Some 7321 real orders", "numbers", "7321"),
        ("[K84]", "[K8400]", "statements are", "K8400: not in data/statements.toml"),
        ("[K84]", "[K84a]", "statements are", "K84a: differs"),
        ("[K84]", "[K79]", "statements are", "K79: not modelled"),
        ("*commit*", "*commitment*", "terms", "commitment"),
        ("(glossary.ipynb)", "(glosary.ipynb)", "links", "glosary.ipynb"),
        ("(https://kafka", "(http://kafka", "links", "http://kafka"),
    ],
)
def test_what_reading_finds(copy, old, new, what, says):
    found = read_through(spoilt(copy, old, new), copy / "lessons")
    (told,) = [(name, troubles) for name, troubles in found.items() if troubles]
    assert told[0].startswith(what) and any(says in trouble for trouble in told[1])


def test_links_are_read_from_prose_only():
    assert targets("[a](b.ipynb) `[c](d)` [K86] ![e]( https://f.g )\n```\n[h](i)\n```") == ["b.ipynb", "https://f.g"]


def test_a_lesson_with_nothing_to_read_on_is_told(copy):
    lesson = spoilt(copy, "https://engineering.linkedin", "glossary.ipynb#")
    assert link_troubles(lesson, copy / "lessons") == ["2 links to read on; 3 are due"]


def test_a_lesson_without_statements_or_with_long_episodes_is_told(copy):
    lesson = spoilt(copy, "minutes = 20\n#\n# [[objectives]]", "minutes = 21\n#\n# [[objectives]]")
    assert header_troubles(lesson) == ["the episodes take longer than the lesson"]
    assert unknown_statements(replace(lesson, cells=())) == ["none cited"]


def judge(answer: int) -> Verdict:
    return Verdict(answer == 4, f"99-two: {'yes' if answer == 4 else f'no, not {answer}'}")


TWO = Exercise("99-two", "answer = ...", 'check("99-two", answer)', ("a", "b"), "answer = 4", "", judge,
               tuple(Wrong(str(n), f"answer = {n}", f"not {n}") for n in (1, 2, 3)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"solution": "answer = 5"}, "99-two: the reference answer is refused: 99-two: no, not 5"),
        ({"wrong": (*TWO.wrong, Wrong("four", "answer = 4", "no"))}, 'should be told "no", and is told: 99-two: yes'),
        ({"wrong": (*TWO.wrong, Wrong("six", "answer = 6", "too many"))}, 'should be told "too many"'),
        ({"wrong": TWO.wrong[:2]}, "99-two: 2 different replies to wrong answers; 3 are due"),
    ],
)
def test_exercises_that_do_not_hold_are_named(change, says):
    assert answer_troubles(TWO) == []
    (trouble,) = answer_troubles(replace(TWO, **change))
    assert says in trouble


def test_a_sound_lesson_is_told_so_and_its_notebooks_are_written(copy, capfd):
    begun = sum(os.times()[:4])
    assert proof.main(["00", "--root", str(copy)]) == 0
    out = capfd.readouterr().out
    assert "FAIL" not in out and out.count("ok   ") == 9 and "Lesson 00: nothing found." in out
    assert (copy / "notebooks" / "solutions" / "00_start_here.ipynb").is_file()
    assert sum(os.times()[:4]) - begun < CPU_SECONDS


def test_a_false_claim_and_a_cell_that_stops_are_told(copy, capfd, monkeypatch):
    monkeypatch.setattr(proof, "_exercises", lambda _lesson: [])
    spoilt(copy, "assert len(trace.records) == 200", "assert len(trace.records) == 201")
    assert proof.main(["00", "--root", str(copy)]) == 1
    out = capfd.readouterr().out
    assert "FAIL notebooks made anew" in out and "stops in cell 00-first-run-proof, at  assert len(trace" in out
    assert "AssertionError" in out and "Traceback" not in out and "Lesson 00: 1 of these is wrong." in out
    assert not (copy / "notebooks").exists()


def test_a_lesson_that_is_not_there_is_named(copy, capsys):
    assert proof.main(["77", "--root", str(copy)]) == 2
    assert "77: not in lessons/" in capsys.readouterr().err
