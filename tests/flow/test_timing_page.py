"""docs/timing.md shows what both engines do."""

from pathlib import Path

from agreement import agree
from ten_records import TEN, table

from simlib.flow.cohort_refusals import reasons_against_cohorts
from simlib.flow.refusals import reasons_against

PAGE = (Path(__file__).parents[2] / "docs" / "timing.md").read_text(encoding="utf-8")


def test_the_page_shows_this_scenario_and_its_times():
    code = PAGE.split("```python\n")[1].split("```")[0]
    names: dict = {}
    exec(code.split("run(scenario)")[0], names)
    assert names["scenario"] == TEN
    events, flow = agree(TEN)
    assert table(events) in PAGE and table(flow) in PAGE


def test_its_large_scenarios_can_be_folded_as_it_says():
    for block, name, refusals in ((2, "day", reasons_against), (3, "peak", reasons_against_cohorts)):
        code = PAGE.split("```python\n")[block].split("```")[0]
        names: dict = {}
        exec(code.split("run(" if name == "peak" else "trace = run")[0].replace(", run\n", "\n"), names)
        assert names[name].duration in (86_400, 10) and not refusals(names[name])
