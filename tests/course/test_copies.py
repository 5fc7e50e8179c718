"""The learner's copies: brought up to date, never overwritten."""

from pathlib import Path

import pytest

from simlib.course.copies import REGISTER, main, refresh

NAME = "00_start_here.ipynb"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / NAME).write_text("one", encoding="utf-8")
    return notebooks, tmp_path / "my course ü"


def ship(notebooks: Path, text: str) -> None:
    (notebooks / NAME).write_text(text, encoding="utf-8")


def in_folder(mine: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in mine.iterdir() if path.name != REGISTER}


def test_a_missing_lesson_is_copied(folders):
    notebooks, mine = folders
    assert refresh(notebooks, mine) == []
    assert in_folder(mine) == {NAME: "one"}


def test_an_untouched_copy_is_replaced(folders):
    notebooks, mine = folders
    refresh(notebooks, mine)
    ship(notebooks, "two")
    assert refresh(notebooks, mine) == []
    assert in_folder(mine) == {NAME: "two"}


def test_a_changed_copy_stays_and_the_new_version_is_put_beside_it_once(folders):
    notebooks, mine = folders
    refresh(notebooks, mine)
    (mine / NAME).write_text("my work", encoding="utf-8")
    assert refresh(notebooks, mine) == []
    ship(notebooks, "two")
    (line,) = refresh(notebooks, mine)
    assert NAME in line and "00_start_here.new.ipynb" in line
    assert in_folder(mine) == {NAME: "my work", "00_start_here.new.ipynb": "two"}
    assert refresh(notebooks, mine) == []


def test_a_later_version_replaces_an_untouched_new_one_and_spares_a_changed_one(folders):
    notebooks, mine = folders
    refresh(notebooks, mine)
    (mine / NAME).write_text("my work", encoding="utf-8")
    for text in ("two", "three"):
        ship(notebooks, text)
        refresh(notebooks, mine)
    assert in_folder(mine) == {NAME: "my work", "00_start_here.new.ipynb": "three"}
    (mine / "00_start_here.new.ipynb").write_text("my work there", encoding="utf-8")
    ship(notebooks, "four")
    refresh(notebooks, mine)
    assert in_folder(mine) == {
        NAME: "my work", "00_start_here.new.ipynb": "my work there", "00_start_here.new2.ipynb": "four",
    }  # fmt: skip


def test_a_damaged_register_costs_no_work(folders):
    notebooks, mine = folders
    refresh(notebooks, mine)
    (mine / NAME).write_text("my work", encoding="utf-8")
    (mine / REGISTER).write_text("{ half", encoding="utf-8")
    ship(notebooks, "two")
    refresh(notebooks, mine)
    assert in_folder(mine)[NAME] == "my work"


def test_a_folder_that_cannot_be_written_is_one_line(folders):
    notebooks, mine = folders
    mine.write_text("a file in the way", encoding="utf-8")
    (line,) = refresh(notebooks, mine)
    assert "cannot be written" in line


def test_no_notebooks_is_one_line(tmp_path):
    (line,) = refresh(tmp_path / "nowhere", tmp_path / "mine")
    assert "no notebooks there" in line
    assert not (tmp_path / "mine").exists()


def test_pulling_again_as_on_a_hub_changes_no_copy_and_no_guess(tmp_path, monkeypatch, capsys):
    """nbgitpuller changes `notebooks/`; then this is what a terminal or a start-up script runs."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    ship(tmp_path / "notebooks", "one")
    main()
    mine = tmp_path / "my-course"
    (mine / NAME).write_text("my work", encoding="utf-8")
    (mine / "guesses.json").write_text("{}", encoding="utf-8")
    ship(tmp_path / "notebooks", "two")
    assert main() == 0
    assert "you changed yours, so it stays" in capsys.readouterr().out
    assert in_folder(mine) == {NAME: "my work", "00_start_here.new.ipynb": "two", "guesses.json": "{}"}
