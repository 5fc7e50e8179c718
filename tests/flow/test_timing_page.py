"""docs/timing.md shows what both engines do."""

from pathlib import Path

from agreement import agree
from ten_records import TEN, table

PAGE = (Path(__file__).parents[2] / "docs" / "timing.md").read_text(encoding="utf-8")


def test_the_page_shows_this_scenario_and_its_times():
    code = PAGE.split("```python\n")[1].split("```")[0]
    names: dict = {}
    exec(code.split("run(scenario)")[0], names)
    assert names["scenario"] == TEN
    events, flow = agree(TEN)
    assert table(events) in PAGE and table(flow) in PAGE
