"""`lab.py test`, `quick`, `soak` and `real`: every check, one after the other, and what came of each."""

import time

from labtools.console import run, say
from labtools.layout import ROOT, VENV, program, venv_python

# Which tests, and how many random examples each (the profiles are in tests/conftest.py).
_MARKED = {"test": ("not soak", "test"),
           "quick": ("not soak and not real and not browser and not slow", "quick"),
           "soak": ("soak", "soak"), "real": ("real and not soak", "test")}
_ALONE = {"soak": "many more random scenarios", "real": "runs on a real Kafka"}


def check(selection: str) -> int:
    """Run the checks of `selection` ("test", "quick", "soak" or "real"); 0 if all of them pass."""
    outcomes = [_timed(name, command) for name, command in _steps(selection)]
    say("")
    for name, code, seconds in outcomes:
        say(f"{'ok  ' if code == 0 else 'FAIL'} {name} ({seconds:.0f} s)")
    return int(any(code != 0 for _, code, _ in outcomes))


def _timed(name: str, command: list) -> tuple[str, int, float]:
    say(f"\n== {name}")
    begin = time.monotonic()
    return name, run(command, cwd=ROOT), time.monotonic() - begin


def _steps(selection: str) -> list[tuple[str, list]]:
    if selection in _ALONE:
        return [(_ALONE[selection], _pytest(*_MARKED[selection]))]
    return [*_static(), ("tests", _pytest(*_MARKED[selection]))]


def _static() -> list[tuple[str, list]]:
    return [("style (ruff)", [venv_python(), "-m", "ruff", "check", "."]),
            ("types (mypy)", [venv_python(), "-m", "mypy"]),
            ("imports go one way (import-linter)", [program(VENV, "lint-imports")])]


def _pytest(marked: str, profile: str) -> list:
    side_by_side = ["-n", "auto", "--dist", "loadfile"] if profile == "quick" else []
    return [venv_python(), "-m", "pytest", "-m", marked, f"--hypothesis-profile={profile}", *side_by_side]
