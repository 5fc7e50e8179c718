"""The benchmarks themselves: the table says what was measured, and a promise that is not kept is seen."""

import pytest

from benchmarks import report
from benchmarks.lines import Line, lines
from benchmarks.measure import engine
from benchmarks.rounds import Results
from benchmarks.workloads import IN_COLUMNS, WORKLOADS

ENGINE = {"records": 1.0, "rate": 250_000.0, "events": 0.1, "bytes": 90.0}


def results(**faster):
    """One round in which everything has the same speed, but for the samples given."""
    names = [*WORKLOADS, *IN_COLUMNS, "simpy", "happysim", "simlib, the peer's Python"]
    rounds = {name: [{**ENGINE, "rate": faster.get(name, 250_000.0)}] for name in names}
    rounds["flow, section 3"] = [{**ENGINE, "rate": 900_000.0}]
    rounds["flow, 30,000/s a partition"] = [{**ENGINE, "bytes": 40.0}]
    rounds["memory"] = [{"kept": 80.0, "most": 900.0}]
    rounds["player"], rounds["draws"] = [{"seconds": 1.5, "sent": 50_000}], [{"one": 0.3}]
    rounds["imports"] = [{"bare": 1.0, "names": 180.0, "heavy": 0}]
    rounds["lesson 06"] = rounds["brokers"] = [{"rate": 600.0, "slowest": 550.0}]
    rounds["redraw"] = [{"lesson 00": 90.0, "worst": 95.0, "slowest": 140.0}]
    rounds["film"] = [{"milliseconds": 12.0, "a second": 60.0}]
    return Results(rounds)


def test_a_ratio_is_taken_within_a_round():
    fast = [{"rate": 10.0}, {"rate": 40.0}, {"rate": 30.0}]
    found = Results({"a": fast, "b": [{"rate": 5.0}, {"rate": 10.0}, {"rate": 10.0}]})
    assert found.ratio("a", "b", "rate") == 3.0
    assert found.median("a", "rate") == 30.0


@pytest.mark.parametrize(("happysim", "kept"), [(100_000.0, True), (110_000.0, False)])
def test_the_promise_about_happysim_is_checked(happysim, kept):
    (line,) = [line for line in lines(results(happysim=happysim), True) if line.what == "simlib : happysim"]
    assert line.kept is kept


def test_every_other_promise_holds_in_a_round_that_keeps_them():
    broken = [line.what for line in lines(results(happysim=90_000.0), True) if line.kept is False]
    assert broken == []
    assert not [line for line in lines(results(), False) if "happysim" in line.what]


def test_the_table_says_no_where_a_promise_is_broken():
    table = report.as_table([Line("slow", 3.0, "s", 2.0, at_most=True), Line("only told", 0.5, "s")])
    assert "NO" in table[2] and "at most 2" in table[2]
    assert len({len(row) for row in table}) == 1


def test_the_flow_engine_is_measured_too():
    found = engine("flow, section 3")
    assert found["records"] == 5_400 and found["events"] < 1


def test_a_measurement_measures():
    found = engine("section 3")
    assert found["records"] == 5_400 and found["rate"] > 0 and found["events"] > 1
