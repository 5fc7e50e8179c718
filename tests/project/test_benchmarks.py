"""The table of `lab.py bench`: every line finds its measurement, with and without what a machine may lack."""

from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.lines import lines
from benchmarks.measure import KINDS
from benchmarks.report import as_table
from benchmarks.rounds import Results
from benchmarks.workloads import IN_COLUMNS, WORKLOADS

PEER = Path("python")


@pytest.mark.parametrize(("peer", "numba", "browser"), [(PEER, True, True), (PEER, False, False), (None, False, False)])
def test_every_line_has_a_measurement(monkeypatch, peer, numba, browser):
    monkeypatch.setattr(bench, "can_be_measured", lambda: browser)
    samples = bench.samples(peer, numba)
    assert len({sample.name for sample in samples}) == len(samples)
    results = Results({sample.name: [defaultdict(lambda: 2.0)] for sample in samples})
    found = lines(results)
    told = "\n".join(as_table(found))
    for what, there in {"happysim": peer is not None, "compiled loop": numba, "JupyterLab": browser}.items():
        assert (what in told) == there
    assert all(line.value > 0 for line in found)


def test_every_measurement_is_of_a_kind_that_there_is():
    samples = bench.samples(PEER, True)
    assert {sample.words[0] for sample in samples} <= set(KINDS)
    assert {sample.words[1] for sample in samples if sample.words[0] == "engine"} == {*WORKLOADS, *IN_COLUMNS}
