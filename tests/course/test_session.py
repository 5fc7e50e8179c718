"""The opening cell and the closing one: what is missing is said, and lessons that are not written are not promised."""

from importlib import metadata

import pytest

from simlib.course import routes, start
from simlib.course.exercises import lessons, of_lesson
from simlib.course.routes import LESSONS
from simlib.course.session import missing, session


def require(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _name: list(lines))


def test_a_complete_kernel_opens_the_lesson(monkeypatch, capsys):
    require(monkeypatch, "numpy>=1", 'pika>=1; extra == "rabbit"')
    session.asked["old"] = object()
    start("05")
    assert capsys.readouterr().out == "Lesson 05: everything it needs is here.\n"
    assert (session.lesson, session.asked) == ("05", {})


def test_what_is_missing_or_too_old_is_said_with_what_to_do(monkeypatch, capsys):
    require(monkeypatch, "numpy>=99", "no-such-package-here>=1")
    start("00")
    out = capsys.readouterr().out
    assert "the course needs numpy >=99." in out
    assert "no-such-package-here is not installed." in out
    assert "run `python lab.py` once more" in out


def test_while_notebooks_are_built_something_missing_is_an_error(monkeypatch, strict):
    require(monkeypatch, "no-such-package-here>=1")
    with pytest.raises(RuntimeError, match="not installed"):
        start("00")


def test_from_a_source_tree_without_metadata_the_packages_themselves_count(monkeypatch):
    def unknown(_name: str):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", unknown)
    assert missing() == []


def test_routes_mark_what_is_not_written_yet(capsys):
    routes()
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("40 minutes       00 05A")
    unwritten = {lesson.number for lesson in LESSONS} - set(lessons())
    assert all((f" {number}*" in out) == (number in unwritten) for number in [lesson.number for lesson in LESSONS])
    assert ("* not written yet" in out) == bool(unwritten)


def test_a_lesson_without_exercises_is_named():
    with pytest.raises(LookupError, match='no lesson "77"'):
        of_lesson("77")
