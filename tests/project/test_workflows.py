"""The workflows fit GitHub's published schema and run what the README tells people to type."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))["jobs"]


def fits_the_schema(*files: Path) -> subprocess.CompletedProcess:
    """Checked against the schema that the package ships: no network."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_they_fit_the_published_schema() -> None:
    assert [file.name for file in WORKFLOWS] == ["conda.yml", "newest.yml", "tests.yml"]
    done = fits_the_schema(*WORKFLOWS)
    assert done.returncode == 0, done.stdout


def test_a_wrong_key_is_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("timeout-minutes", "timeout-hours"), encoding="utf-8")
    assert fits_the_schema(wrong).returncode == 1


@pytest.mark.parametrize("name", ["tests.yml", "newest.yml"])
def test_they_run_the_readmes_command_on_three_systems_with_the_oldest_and_newest_python(name: str) -> None:
    job = jobs(name)["test"]
    assert job["strategy"]["matrix"]["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.14"]
    assert job["steps"][-1]["run"] == "python lab.py test"
    assert "python lab.py test" in (ROOT / "README.md").read_text(encoding="utf-8")
