"""What the tests have tried: on the simulator, and on the real thing."""

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

from simlib.real.artifacts import KAFKA_VERSION
from simlib.statements import Statement

ROOT = Path(__file__).parent.parent
Tests = dict[str, list[str]]
"""Statement id -> the tests that carry it."""


def collected(folder: Path) -> dict[str, Tests]:
    """{"statement": {id: tests that carry it}, "differs": ...} of a folder, found by pytest's own collection."""
    command = [sys.executable, str(ROOT / "tests" / "collected_statements.py"), str(folder)]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # three times as fast
    shown = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=alone)
    if shown.returncode:
        raise RuntimeError(shown.stdout + shown.stderr)
    return json.loads(shown.stdout)


@cache
def real_places() -> dict[str, re.Pattern[str]]:
    """What is not the simulator, and the tests that ask it."""
    return {f"Apache Kafka {KAFKA_VERSION}":
                re.compile(r"tests/(real/(?!test_(simulated_only|demands)\b)|conformance/.*\[real\])"),
            "PostgreSQL": re.compile(r"tests/patterns/test_postgresql\.py"),
            f"kafka-python {locked_version('kafka-python')}":
                re.compile(r"tests/(kafka/test_kafka_python\.py|scenario/test_settings\.py::test_kafka_python_s)")}


def locked_version(package: str) -> str:
    """The version that uv.lock names."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return next(one["version"] for one in packages if one["name"] == package)


def place_of(test: str) -> str:
    """Where a test runs; "" is the simulator."""
    return next((name for name, pattern in real_places().items() if pattern.match(test)), "")


def verdict_of(one: Statement, tests: dict[str, Tests]) -> str:
    """What the tests that carry its id have tried."""
    places = [place_of(test) for test in tests["statement"].get(one.id, ())]
    if "" not in places:
        return "no test"
    if not one.modelled:
        return "not modelled"
    return "differs" if tests["differs"].get(one.id) else "agrees" if any(places) else "simulated only"
