"""What the README says is so: its code runs, its commands are ones that a test runs, its links lead somewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from fresh import bare_environment, base_python, run_in, unpack

from docs import first_picture
from labtools.installer import find_uv
from labtools.layout import program
from simlib.course.routes import LESSONS
from simlib.statements import statements

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

# Every command in the README, and the test (or the workflow) that runs it.
RUN_BY = {
    "python lab.py": "tests/browser/learner.py",
    "python lab.py test": ".github/workflows/tests.yml",
    "python lab.py bundle wheels": "tests/project/test_fresh_install.py",
    "python lab.py --wheels wheels": "tests/project/test_fresh_install.py",
    "python lab.py doctor": "tests/project/test_doctor.py",
    "python lab.py --help": "tests/project/test_lab_commands.py",
    "make lab": "tests/project/test_lab_commands.py",
    "make test": "tests/project/test_lab_commands.py",
    "uv sync --extra kafka && uv run jupyter lab": "tests/project/test_readme.py",
    'pip install -e ".[kafka]" && jupyter lab': "tests/project/test_readme.py",
    "conda env create -f environment.yml && conda activate event-driven-lab && jupyter lab":
        ".github/workflows/conda.yml",
    "python lab.py kafka": "tests/real/test_local_kafka.py",
}


def commands() -> set[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    inline = re.findall(r"`((?:python|make|uv|pip|conda) [^`]+)`", README)
    return {line.strip() for block in blocks for line in block.splitlines() if line.strip()} | set(inline)


def test_every_command_is_run_somewhere() -> None:
    assert commands() == RUN_BY.keys()
    assert all((ROOT / place).is_file() for place in RUN_BY.values())


def test_the_code_runs_and_gives_the_lines_under_the_picture() -> None:
    names = first_picture.run_readme(README)
    result, story = names["result"], names["result"].counterexample
    assert first_picture.CAPTION.search(README).group() == first_picture.caption(result), "docs/first_picture.py"
    assert story.schedule == "crash-after:billing-0.0/charge#1"
    first, again = story.trace.effects.time
    assert 44 < again - first < 46, "the README says 45 seconds"


def test_the_two_lines_swapped_lose_an_order_as_the_readme_says() -> None:
    charge, tick = re.findall(r"^ {8}await .*$", README, re.MULTILINE)
    swapped = README.replace(charge, "?").replace(tick, charge).replace("?", tick, 1)
    assert "never" in first_picture.run_readme(swapped)["result"].counterexample.verdict.message


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_number_of_statements() -> None:
    assert f"{len(statements())} statements" in README


def test_its_lessons_are_those_of_the_course() -> None:
    rows = re.findall(r"^\| (\d\d) [^|]+ \| ([\d +]+) \| ([^|]+) \| (\*\*here\*\*|planned) \|$", README, re.MULTILINE)
    assert [(number, sum(map(int, minutes.split("+")))) for number, minutes, *_ in rows] == [
        (lesson.number, lesson.minutes) for lesson in LESSONS]
    assert all(question.startswith(lesson.question) for (_, _, question, _), lesson in zip(rows, LESSONS, strict=True))
    here = {number for number, *_, state in rows if state == "**here**"}
    assert here == {lesson.name[:2] for lesson in (ROOT / "lessons").glob("[0-9][0-9]_*.py")}


@pytest.mark.slow
def test_the_way_in_by_uv(tmp_path: Path) -> None:
    folder, uv = unpack(tmp_path), find_uv()
    environment = bare_environment(tmp_path, PATH=os.environ["PATH"])
    run_in(folder, environment, str(uv), "sync", "--extra", "kafka", "--python", base_python())
    assert "Jupyter" in run_in(folder, environment, str(uv), "run", "jupyter", "lab", "--help")


@pytest.mark.slow
def test_the_way_in_by_pip(tmp_path: Path) -> None:
    folder = unpack(tmp_path)
    environment = bare_environment(tmp_path)
    subprocess.run([base_python(), "-m", "venv", folder / "by-pip"], check=True)
    python = program(folder / "by-pip", "python")
    run_in(folder, environment, str(python), "-m", "pip", "install", "--quiet", "-e", ".[kafka]")
    imports = "import simlib, kafka; print(simlib.__file__)"
    seen = run_in(tmp_path, environment, str(python), "-X", "utf8", "-c", imports)
    assert Path(seen.strip()).parent == folder / "simlib"
    assert "Jupyter" in run_in(folder, environment, str(program(folder / "by-pip", "jupyter")), "lab", "--help")
