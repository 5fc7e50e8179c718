"""Where things are in the project folder."""

import os
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".lab"
NOTEBOOKS = ROOT / "notebooks"
COURSE = ROOT / "my-course"
PROJECT_FILE = ROOT / "pyproject.toml"
LOCK_FILE = ROOT / "uv.lock"


def program(environment: Path, name: str) -> Path:
    """A program of a virtual environment; the folder's name differs on Windows."""
    return environment / "Scripts" / f"{name}.exe" if os.name == "nt" else environment / "bin" / name


def venv_python() -> Path:
    return program(VENV, "python")


def project_settings() -> dict:
    """pyproject.toml as a dictionary."""
    return tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))
