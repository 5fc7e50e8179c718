"""A JupyterHub's nbgitpuller pulls the course anew: what a learner wrote survives, and the new version comes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgitpuller.pull import GitPuller

from simlib.course.store import Store, course_home

ROOT = Path(__file__).resolve().parents[2]
NAME = "00_start_here.ipynb"


class Teacher:
    """The course's repository as a teacher hosts it: our notebooks and our .gitignore."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        shutil.copy(ROOT / ".gitignore", folder)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.publish("the first version")

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=teacher", "-c", "user.email=teacher@school.example")
        subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True)

    def publish(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def rewrite(self, name: str, sentence: str) -> None:
        """Change the first cell of a lesson; a lesson that is not there yet becomes a copy of the first one."""
        path = self.folder / "notebooks" / name
        if not path.exists():
            shutil.copy(self.folder / "notebooks" / NAME, path)
        write_into(path, sentence)


def write_into(path: Path, sentence: str, cell: int = 0) -> None:
    """Type a sentence into a cell and save, as JupyterLab would."""
    book = json.loads(path.read_text(encoding="utf-8"))
    book["cells"][cell]["source"].append(f"\n{sentence}")
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class Learner:
    """A home on a hub. A click on the link pulls; then the start-up script brings the copies up to date."""

    def __init__(self, home: Path, teacher: Teacher):
        self.course, self.teacher = home / "course", teacher
        self.mine = self.course / "my-course"

    def click(self) -> str:
        """Gives what the start-up script said."""
        for _ in GitPuller(str(self.teacher.folder), str(self.course), branch="main").pull():
            pass
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-m", "simlib.course.copies"], cwd=self.course, env=environment,
                              capture_output=True, encoding="utf-8", check=True)
        return done.stdout


@pytest.fixture
def on_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Learner:
    monkeypatch.delenv("SIMLIB_COURSE_HOME")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)     # nobody's own settings reach the test
    (tmp_path / "home").mkdir()
    return Learner(tmp_path / "home", Teacher(tmp_path / "teacher"))


def test_a_changed_copy_and_the_guesses_survive_a_pull_and_the_new_version_lies_beside(on_hub):
    assert on_hub.click() == ""
    write_into(on_hub.mine / NAME, "my own answer")
    assert course_home(on_hub.mine) == on_hub.mine
    Store(on_hub.mine).keep("00", "wait", 30)
    on_hub.teacher.rewrite(NAME, "a better first sentence")
    on_hub.teacher.rewrite("06_new_lesson.ipynb", "a lesson more")
    on_hub.teacher.publish("the second version")

    said = on_hub.click()

    assert said.count("\n") == 1 and "you changed yours, so it stays" in said
    assert "my own answer" in (on_hub.mine / NAME).read_text(encoding="utf-8")
    assert "a better first sentence" in (on_hub.mine / "00_start_here.new.ipynb").read_text(encoding="utf-8")
    assert (on_hub.mine / "06_new_lesson.ipynb").is_file()
    assert Store(on_hub.mine).guess("00", "wait").said == 30
    assert on_hub.click() == "", "said once"


def test_an_untouched_copy_is_the_new_version_after_a_pull(on_hub):
    on_hub.click()
    on_hub.teacher.rewrite(NAME, "a better first sentence")
    on_hub.teacher.publish("the second version")
    assert on_hub.click() == ""
    assert "a better first sentence" in (on_hub.mine / NAME).read_text(encoding="utf-8")


def test_who_writes_into_the_pulled_notebook_itself_keeps_his_words_and_guesses(on_hub):
    """The link may open `notebooks/` itself. nbgitpuller then merges, and where both wrote the learner's words stay."""
    on_hub.click()
    pulled = on_hub.course / "notebooks" / NAME
    write_into(pulled, "my own answer")
    assert course_home(pulled.parent) == on_hub.mine, "guesses never lie where the next pull merges"
    on_hub.teacher.rewrite(NAME, "a better first sentence")
    on_hub.teacher.publish("the second version")
    on_hub.click()
    assert "my own answer" in pulled.read_text(encoding="utf-8")
    json.loads(pulled.read_text(encoding="utf-8"))          # still a notebook, without marks of a conflict


def test_nothing_of_the_learners_folder_is_ever_committed(on_hub):
    on_hub.click()
    write_into(on_hub.mine / NAME, "my own answer")
    on_hub.teacher.rewrite(NAME, "a better first sentence")
    on_hub.teacher.publish("the second version")
    on_hub.click()
    tracked = subprocess.run(["git", "ls-files"], cwd=on_hub.course, capture_output=True, encoding="utf-8", check=True)
    assert "my-course" not in tracked.stdout and "notebooks/00_start_here.ipynb" in tracked.stdout
