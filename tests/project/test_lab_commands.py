"""lab.py's own parts: what it needs, what it says, which port it takes."""

import ast
import json
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labtools import bundle, checks, cli, environment, installer, jupyter, lessons
from labtools.console import Problem, child_environment

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "lab.py", *sorted((ROOT / "labtools").glob("*.py"))]


def lab(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "lab.py", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8",
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_needs_nothing_but_the_standard_library(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"labtools"}


def test_help_names_every_command() -> None:
    text = lab("--help").stdout
    for command in ("start", "doctor", "lesson", "test", "quick", "soak", "real", "bench", "notebooks", "ledger",
                    "bundle", "kafka", "kafka-stop", "--wheels", "--port"):
        assert command in text


def test_an_unknown_command_is_refused_with_the_known_ones() -> None:
    done = lab("tset")
    assert done.returncode == 2
    assert "tset" in done.stderr and "test" in done.stderr


@pytest.mark.parametrize("arguments", [("quick", "05"), ("test", "--wheels", "somewhere"), ("lesson", "00", "01")])
def test_what_a_command_would_not_use_is_refused(arguments: tuple) -> None:
    done = lab(*arguments)
    assert done.returncode == 2
    assert arguments[-1] in done.stderr or "--wheels" in done.stderr


def test_a_folder_that_cannot_be_written_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def refuse(part: str) -> None:
        raise PermissionError(13, "Permission denied", ".venv")

    monkeypatch.setattr(cli, "set_up", refuse)
    monkeypatch.setattr(sys, "argv", ["lab.py"])
    assert cli.main() == 1
    assert "Permission denied" in capsys.readouterr().out


def test_a_folder_without_wheels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="not a folder that `python lab.py bundle FOLDER` wrote"):
        environment.set_up_from(tmp_path)


def test_wheels_for_another_python_are_refused_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "requirements-3.99.txt").touch()
    with pytest.raises(Problem, match="no wheels for Python 3.1.*but for Python 3.99"):
        environment.set_up_from(tmp_path)


def test_an_unknown_lesson_is_refused_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "00_start_here.ipynb").touch()
    (tmp_path / "04_keys.ipynb").touch()
    assert lessons.find_lesson("4", tmp_path).name == "04_keys.ipynb"
    with pytest.raises(Problem, match="'99': no such lesson.*00_start_here, 04_keys"):
        lessons.find_lesson("99", tmp_path)


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((jupyter.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < jupyter.free_port(port) < port + 50


def test_the_file_list_starts_folded_away_and_then_stays_as_the_learner_left_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jupyter, "TOOLS", tmp_path)
    jupyter.lay_out("default")
    (file,) = tmp_path.rglob("default-37a8.jupyterlab-workspace")       # where jupyterlab_server looks for it
    layout = json.loads(file.read_text(encoding="utf-8"))
    assert layout["data"]["layout-restorer:data"]["left"]["collapsed"] is True
    file.write_text("his own", encoding="utf-8")
    jupyter.lay_out("default")
    assert file.read_text(encoding="utf-8") == "his own"


def test_a_foreign_environment_does_not_reach_the_courses_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    given = child_environment()
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"} & given.keys()
    assert given["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_linear_algebra_gets_one_thread_unless_the_person_wants_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert child_environment()["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert child_environment()["OPENBLAS_NUM_THREADS"] == "4"


RUN_AFTER_RUN = """
import resource
for run in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    columns = [bytearray(30 << 20) for column in range(6)]
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    del columns
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="cannot run on this system: not glibc")
def test_the_next_run_finds_the_memory_that_the_last_gave_back() -> None:
    done = subprocess.run([sys.executable, "-c", RUN_AFTER_RUN], env=child_environment(), check=True,
                          stdout=subprocess.PIPE, encoding="utf-8")
    first, second = map(int, done.stdout.split())
    assert second * 20 < first


def test_no_way_to_get_uv_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(installer, "_HOME", tmp_path / "uv")
    with pytest.raises(Problem, match="--wheels FOLDER"):
        installer.find_uv(wheels=tmp_path)


def test_a_uv_that_is_too_old_or_broken_is_not_used(tmp_path: Path) -> None:
    assert not installer.is_recent(fake_program(tmp_path / "broken", "exit 1"))
    assert not installer.is_recent(fake_program(tmp_path / "old", "echo uv 0.1.2"))
    assert installer.is_recent(fake_program(tmp_path / "new", "echo 'uv 0.99.0 (abc 2030-01-01)'"))


def fake_program(path: Path, script: str) -> Path:
    if sys.platform == "win32":
        pytest.skip("cannot run on this system: a script is no program on Windows")
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_one_failing_check_fails_all_but_the_rest_still_run(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    good, bad = [sys.executable, "-c", "pass"], [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(checks, "_steps", lambda selection: [("one", bad), ("two", good)])
    assert checks.check("test") == 1
    assert "FAIL one" in capsys.readouterr().out
    monkeypatch.setattr(checks, "_steps", lambda selection: [("two", good)])
    assert checks.check("test") == 0


@pytest.mark.skipif(not shutil.which("make"), reason="cannot run on this system: no make")
@pytest.mark.parametrize("target", ["lab", "test", "quick", "soak", "bench", "notebooks", "ledger", "bundle", "lesson"])
def test_make_only_calls_lab_py(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    (line,) = done.stdout.splitlines()
    assert " lab.py" in line
    assert target == "lab" or target in line


def test_the_bundle_serves_every_kind_of_computer_the_lock_is_made_for() -> None:
    kinds = installer.project_settings()["tool"]["uv"]["required-environments"]
    assert len(kinds) == len(bundle.PLATFORMS) == 4
