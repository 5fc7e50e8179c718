"""`lab.py doctor`: what would stop the course on this computer is said in words, and nothing is changed."""

import os
import shutil
import socket
import subprocess
import sys
import webbrowser
from collections import namedtuple
from pathlib import Path

import pytest

from labtools import doctor, jupyter
from labtools.doctor import Finding

ROOT = Path(__file__).resolve().parents[2]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A computer on which everything is well; returns the learner's folder."""
    monkeypatch.setattr(doctor, "is_set_up", lambda: True)
    monkeypatch.setattr(doctor, "venv_python", lambda: sys.executable)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100e9, 50e9, 50e9))
    monkeypatch.setattr(jupyter, "free_port", lambda first: first)
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
    return tmp_path / "my-course"


def told(course: Path, level: str) -> list[Finding]:
    return [finding for finding in doctor.look(course, 8888) if finding.level == level]


def test_a_healthy_computer(healthy, capsys):
    assert doctor.doctor(healthy, 8888) == 0
    out = capsys.readouterr().out
    assert "FAIL" not in out and "note" not in out and out.endswith("The course will run here.\n")
    for word in ("Python 3.", "in versions that fit", "50 GB of disk", "Port 8888 is free", "browser is here: firefox"):
        assert word in out
    assert not healthy.exists(), "it only looks"


def test_a_course_that_is_not_set_up_is_no_fault(healthy, monkeypatch):
    monkeypatch.setattr(doctor, "is_set_up", lambda: False)
    (note,) = told(healthy, "note")
    assert "not set up" in note.text and "python lab.py" in note.todo
    assert told(healthy, "wrong") == []


def test_a_package_that_is_missing_is_named(healthy, monkeypatch):
    monkeypatch.setattr(doctor, "_MISSING", "print('numpy 1.0 is installed; the course needs numpy >=2.')")
    (wrong,) = told(healthy, "wrong")
    assert wrong.text.startswith("numpy 1.0 is installed") and "Delete the folder .venv" in wrong.todo


def test_an_environment_that_does_not_start_is_said(healthy, monkeypatch):
    monkeypatch.setattr(doctor, "_MISSING", "raise SystemExit('torn')")
    (wrong,) = told(healthy, "wrong")
    assert "does not start: torn" in wrong.text


def test_a_full_disk_is_said_and_more_is_needed_before_the_set_up(healthy, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100e9, 99e9, 1e9))
    assert told(healthy, "wrong") == []
    monkeypatch.setattr(doctor, "is_set_up", lambda: False)
    (wrong,) = told(healthy, "wrong")
    assert "1.0 GB of disk are free; the course needs 1.5 GB" in wrong.text


def test_a_folder_that_cannot_be_written_is_said_with_the_reason(healthy, monkeypatch):
    def refuse(dir: Path):
        raise OSError(30, os.strerror(30)) if dir == healthy.parent else PermissionError

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = doctor._writable(healthy)
    assert finding.level == "wrong" and f"my-course cannot be written ({os.strerror(30)})" in finding.text
    assert "a folder of your own" in finding.todo


def test_a_taken_port_is_passed_over_and_told(healthy, monkeypatch):
    monkeypatch.undo()
    with socket.socket() as taken:
        taken.bind((jupyter.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        finding = doctor._port(port)
    assert finding.level == "note" and f"Port {port} is in use" in finding.text


def test_no_port_at_all_is_a_fault(healthy, monkeypatch):
    def none(first: int) -> int:
        raise jupyter.Problem("The ports 8888 to 8937 are all in use.")

    monkeypatch.setattr(jupyter, "free_port", none)
    assert [finding.text for finding in told(healthy, "wrong")] == ["The ports 8888 to 8937 are all in use."]


@pytest.mark.parametrize(("found", "says"), [(None, "No browser was found"), ("/usr/bin/w3m", "here is w3m")])
def test_a_browser_that_will_not_do_is_told_with_what_will(healthy, monkeypatch, found, says):
    def get():
        if found is None:
            raise webbrowser.Error("could not locate runnable browser")
        return webbrowser.GenericBrowser(found)

    monkeypatch.setattr(webbrowser, "get", get)
    (note,) = told(healthy, "note")
    assert says in note.text and note.todo


def test_something_wrong_is_the_exit_code_of_the_command(healthy, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100e9, 100e9, 0))
    assert doctor.doctor(healthy, 8888) == 1
    assert capsys.readouterr().out.endswith("1 to be mended; then run this once more.\n")


def test_the_command_itself_runs_on_this_computer(tmp_path):
    before = sorted(path.name for path in ROOT.iterdir())
    done = subprocess.run([sys.executable, "lab.py", "doctor", "--course", str(tmp_path / "mine")], cwd=ROOT,
                          capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL)
    assert "Python 3." in done.stdout and done.stderr == ""
    assert sorted(path.name for path in ROOT.iterdir()) == before and not (tmp_path / "mine").exists()
