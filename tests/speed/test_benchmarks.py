"""The table of `lab.py bench`: every line finds its measurement, and a promise that is not kept is seen."""

from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.line import Line
from benchmarks.lines import lines
from benchmarks.measure import KINDS, engine
from benchmarks.report import as_table
from benchmarks.rounds import Results
from benchmarks.workloads import IN_COLUMNS, WORKLOADS

PEER = Path("python")
EVERYTHING = [(PEER, True, True), (PEER, False, False), (None, False, False)]


def results(samples, **measured):
    """One round in which every figure is 2, but for the samples given."""
    rounds = {sample.name: [defaultdict(lambda: 2.0)] for sample in samples}
    return Results(rounds | {name: [figures] for name, figures in measured.items()})


@pytest.mark.parametrize(("peer", "numba", "browser"), EVERYTHING)
def test_every_line_has_a_measurement(monkeypatch, peer, numba, browser):
    monkeypatch.setattr(bench, "can_be_measured", lambda: browser)
    samples = bench.samples(peer, numba)
    assert len({sample.name for sample in samples}) == len(samples)
    found = lines(results(samples))
    told = "\n".join(as_table(found))
    for what, there in {"happysim": peer is not None, "compiled loop": numba, "JupyterLab": browser}.items():
        assert (what in told) == there
    assert all(line.value > 0 for line in found)


def test_every_measurement_is_of_a_kind_that_there_is():
    samples = bench.samples(PEER, True)
    assert {sample.words[0] for sample in samples} <= set(KINDS)
    assert {sample.words[1] for sample in samples if sample.words[0] == "engine"} == {*WORKLOADS, *IN_COLUMNS}


def test_a_ratio_is_taken_within_a_round():
    fast = [{"rate": 10.0}, {"rate": 40.0}, {"rate": 30.0}]
    found = Results({"a": fast, "b": [{"rate": 5.0}, {"rate": 10.0}, {"rate": 10.0}]})
    assert found.ratio("a", "b", "rate") == 3.0
    assert found.median("a", "rate") == 30.0


@pytest.mark.parametrize(("happysim", "kept"), [(100_000.0, True), (110_000.0, False)])
def test_the_promise_about_happysim_is_checked(happysim, kept):
    measured = {"happysim": {"rate": happysim}, "simlib, the peer's Python": {"rate": 250_000.0}}
    found = lines(results(bench.samples(PEER, False), **measured))
    (line,) = [line for line in found if line.what == "simlib : happysim"]
    assert line.kept is kept


def test_the_table_says_no_where_a_promise_is_broken():
    table = as_table([Line("slow", 3.0, "s", 2.0, at_most=True), Line("only told", 0.5, "s")])
    assert "NO" in table[2] and "at most 2" in table[2]
    assert len({len(row) for row in table}) == 1


def test_the_flow_engine_is_measured_too():
    found = engine("flow, section 3")
    assert found["records"] == 5_400 and found["events"] < 1


def test_a_measurement_measures():
    found = engine("section 3")
    assert found["records"] == 5_400 and found["rate"] > 0 and found["events"] > 1
