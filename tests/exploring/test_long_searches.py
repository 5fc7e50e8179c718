"""Searches that take their time: what is said before, the bar, Ctrl-C."""

import subprocess
import sys
from pathlib import Path

import pytest
from explored_shop import billing, shop

from simlib import explore, laws, supervision

pytestmark = pytest.mark.slow

INTERRUPTED = """
import signal, threading
from explored_shop import billing, shop
from simlib import explore, laws

def law(trace, calm):
    if calm is not trace and not timer.is_alive() and not timer.finished.is_set():
        timer.start()
    return laws.at_least_once("charge")(trace, calm)

timer = threading.Timer(1.5, lambda: signal.raise_signal(signal.SIGINT))
timer.start() if {jobs} > 1 else None
result = explore(shop(billing, orders=10), law if {jobs} == 1 else laws.at_least_once("charge"), faults=2,
                 progress=False, n_jobs={jobs})
print(result.interrupted, result.tried < result.total, bool(result), "so far" in result.headline)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_a_search_and_keeps_what_was_tried(jobs):
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", INTERRUPTED.format(jobs=jobs)], capture_output=True, text=True,
                          cwd=here, env={"PYTHONPATH": str(here.parents[1])}, timeout=100)
    assert done.stdout.split() == ["True", "True", "False", "True"], done.stderr


def test_a_search_that_would_take_long_says_so_and_how_many_records_would_do(monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["simlib.exploring.explore"], "TOO_LONG", 0.001)
    explore(shop(billing), laws.exactly_once("charge"))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "explore: 22 schedules" and "1 record instead of 3 would do" in said[1]


def test_a_long_search_shows_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(supervision, "PROGRESS_AFTER", 0.0)
    monkeypatch.setattr(supervision, "LOOK_EVERY", 0.01)
    explore(shop(billing), laws.exactly_once("charge"))
    assert "22" in capsys.readouterr().err
