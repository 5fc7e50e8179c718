"""uv.lock fits pyproject.toml, serves every kind of computer, and says nothing about the machine it was made on."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lock() -> dict:
    return tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def own(lock: dict) -> dict:
    (package,) = [package for package in lock["package"] if package["name"] == "event-driven-lab"]
    return package


def as_written(lines: list[str]) -> set[tuple[str, str]]:
    return {(canonicalize_name(line.name), str(line.specifier)) for line in map(Requirement, lines)}


def as_locked(entries: list[dict]) -> set[tuple[str, str]]:
    return {(entry["name"], str(Requirement(entry["name"] + entry["specifier"]).specifier)) for entry in entries}


def test_the_lock_was_made_for_these_dependencies(lock: dict, pyproject: dict) -> None:
    project = pyproject["project"]
    written = project["dependencies"] + [line for lines in project["optional-dependencies"].values() for line in lines]
    assert as_locked(own(lock)["metadata"]["requires-dist"]) == as_written(written)
    assert lock["requires-python"].replace(" ", "") == project["requires-python"]
    assert own(lock)["version"] == project["version"]


def test_the_lock_was_made_for_these_groups(lock: dict, pyproject: dict) -> None:
    for name, lines in pyproject["dependency-groups"].items():
        assert as_locked(own(lock)["metadata"]["requires-dev"][name]) == as_written(lines)


def test_every_package_comes_from_the_one_public_index_with_a_checksum(lock: dict) -> None:
    others = [package for package in lock["package"] if package["name"] != "event-driven-lab"]
    assert len({package["source"]["registry"] for package in others}) == 1
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", wheel["hash"]) for package in others for wheel in package["wheels"])


def test_nothing_in_the_lock_tells_of_a_machine() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert not re.search(r"file:|/home/|/root/|/Users/|[A-Z]:\\\\|localhost|127\.0\.0\.1", text)


@pytest.mark.parametrize("part", ["dependencies", "kafka", "test", "installer", "dev", "bench"])
def test_every_dependency_has_a_lower_and_an_upper_bound(pyproject: dict, part: str) -> None:
    places = pyproject["project"] | pyproject["project"]["optional-dependencies"] | pyproject["dependency-groups"]
    for line in places[part]:
        operators = {bound.operator for bound in Requirement(line).specifier}
        assert operators == {">=", "<"}, line
