"""Every test here has a learner's folder of its own, and refusals are sentences unless a test says otherwise."""

from pathlib import Path

import pytest

from simlib.course.session import session


@pytest.fixture(autouse=True)
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that keeps this test's guesses."""
    home = tmp_path / "my-course"
    monkeypatch.setenv("SIMLIB_COURSE_HOME", str(home))
    monkeypatch.delenv("SIMLIB_COURSE_STRICT", raising=False)
    monkeypatch.setattr(session, "lesson", "00")
    monkeypatch.setattr(session, "asked", {})
    monkeypatch.setattr(session, "stores", {})
    return home


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while notebooks are built: a refused answer is an error."""
    monkeypatch.setenv("SIMLIB_COURSE_STRICT", "1")
