"""The nets under the notebooks that nbval does not spread."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from simlib.course.notebook import run_environment

SANITIZE = Path(__file__).with_name("nbval.cfg")


def uncounted(book: Any) -> list[str]:
    """Code cells without an execution count: nbval never compares those."""
    return [cell.id for cell in book.cells if cell.cell_type == "code" and cell.execution_count is None]


def leftovers(book: Any) -> list[str]:
    """Cells of a learner's notebook that carry outputs, counts or metadata."""
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    return [cell.id for cell in code if cell.outputs or cell.execution_count is not None or cell.metadata]


def nbval(notebooks: list[Path], empty: Path, strict: bool) -> subprocess.CompletedProcess[str]:
    """Run pytest's nbval on notebooks in a learner's place without guesses; strict compares every output."""
    how = ["--nbval", "--nbval-sanitize-with", str(SANITIZE)] if strict else ["--nbval-lax"]
    plain = ["-p", "no:cacheprovider", "-p", "no:nbmake", "-p", "no:xdist", "-c", os.devnull, "--rootdir", str(empty)]
    command = [sys.executable, "-m", "pytest", "-q", *plain, *how, "--nbval-current-env", "--nbval-cell-timeout=120"]
    environment = run_environment(empty) | ({} if strict else {"SIMLIB_COURSE_STRICT": ""})
    whole = [*command, *map(str, notebooks)]
    return subprocess.run(whole, env=environment, capture_output=True, encoding="utf-8", timeout=300)
