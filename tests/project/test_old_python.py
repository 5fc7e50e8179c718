"""lab.py on a Python that does not fit: advice, not a syntax error."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD = ("python2.7", "python2", "python3.6", "python3.7", "python3.8", "python3.9", "python3.10")
TOO_NEW_FOR_OLD_ONES = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Match, ast.Starred)

PRETEND = """
import runpy, sys
sys.version_info = {version} + ("final", 0)
runpy.run_path("lab.py", run_name="__main__")
"""


def test_lab_py_uses_only_syntax_that_old_pythons_read() -> None:
    source = (ROOT / "lab.py").read_text(encoding="ascii")
    tree = ast.parse(source)
    assert not [node for node in ast.walk(tree) if isinstance(node, TOO_NEW_FOR_OLD_ONES)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions and all(function.returns is None for function in functions)


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 0), (3, 15, 0)])
def test_another_python_gets_advice(version: tuple) -> None:
    pretend = PRETEND.format(version=version)
    done = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12, 3.13 or 3.14" in done.stderr
    assert f"This is Python {version[0]}.{version[1]}" in done.stderr
    assert "lab.py" in done.stderr.splitlines()[-1], "it ends with what to type"


def test_the_advice_is_given_by_every_old_python_on_this_computer() -> None:
    for name in OLD:
        if not (python := shutil.which(name)) or subprocess.run([python, "--version"], capture_output=True).returncode:
            continue
        done = subprocess.run([python, "lab.py"], cwd=ROOT, capture_output=True, encoding="utf-8")
        assert done.returncode == 1
        assert "This is Python " + name.removeprefix("python") in done.stderr
