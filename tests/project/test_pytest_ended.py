"""Whoever ends the tests leaves no Kafka behind: a time limit sends SIGTERM, and fixtures are still torn down."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LONG = """
import time
import pytest


@pytest.fixture(scope="session")
def standing():
    yield
    print("taken down", flush=True)


def test_long(standing):
    print("at work", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="cannot run on this system: Windows has no SIGTERM to send")
def test_what_stands_for_all_tests_is_taken_down_when_they_are_ended(tmp_path: Path) -> None:
    (tmp_path / "test_long.py").write_text(LONG, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "-p", "conftest", "--rootdir", str(tmp_path), str(tmp_path)]
    running = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    while "at work" not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    told, _ = running.communicate(timeout=30)
    assert "taken down" in told
