"""environment.yml (conda, mamba, Binder) says the same as pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
IN_PLAIN_SIGHT = {"jupyterlab", "simpy", "matplotlib", "pandas", "ipywidgets", "nbval", "kafka-python"}


def split(requirement: str) -> tuple[str, str]:
    """Name and bounds of `name>=1,<2`."""
    return re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", requirement.replace(" ", "")).groups()


@pytest.fixture(scope="module")
def environment() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def by_conda(environment: dict) -> dict[str, str]:
    plain = [line for line in environment["dependencies"] if isinstance(line, str) and line != "pip"]
    return dict(split(line) for line in plain)


@pytest.fixture(scope="module")
def by_pip(environment: dict) -> list[str]:
    (pip,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    return pip


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_what_a_reader_looks_for_is_in_plain_sight(by_conda: dict, by_pip: list) -> None:
    assert IN_PLAIN_SIGHT <= by_conda.keys() | {split(line)[0] for line in by_pip if not line.startswith("-")}


def test_python_is_written_in_the_one_form_binder_reads(by_conda: dict) -> None:
    assert by_conda["python"] == "=3.12"


def test_every_bound_is_the_projects(by_conda: dict, by_pip: list, project: dict) -> None:
    extras = project["optional-dependencies"]
    wanted = dict(split(line) for line in [*project["dependencies"], *extras["kafka"], *extras["test"]])
    named = {name: bound for name, bound in by_conda.items() if name != "python"}
    named |= dict(split(line) for line in by_pip if not line.startswith("-"))
    assert named == {name: wanted[name] for name in named}


def test_nothing_the_course_runs_on_is_missing(by_conda: dict, project: dict) -> None:
    assert {split(line)[0] for line in project["dependencies"]} <= by_conda.keys()


def test_the_project_itself_comes_with_all_its_extras(by_pip: list, project: dict) -> None:
    assert by_pip[-1] == f"-e .[{','.join(project['optional-dependencies'])}]"


def test_only_keys_that_conda_and_binder_know(environment: dict) -> None:
    assert environment.keys() == {"name", "channels", "dependencies"}
    assert environment["channels"] == ["conda-forge", "nodefaults"]
