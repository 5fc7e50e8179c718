"""`sliders`: the plain function at both ends of every slider, and the shell around it."""

from typing import Any

import pandas
import pytest

import simlib
from simlib.scenario import ConsumerGroup, Crash, PathError, Pause, Producer, Scenario, Service, Topic
from simlib.scenario.describe import describe
from simlib.scenario.paths import get, replace
from simlib.views.controls import sliders
from simlib.views.knobs import LogSlider, knob, value_of
from simlib.views.panel import BUSY
from simlib.views.picture import Picture
from simlib.views.rendering import Rendering, as_code, expected_records, render, shown_as
from simlib.views.saved import WIDGET_VIEW

RESTART = "faults.0.restart_after"


async def main(app: Any) -> None: ...


SHOP = Scenario(
    [Topic("orders")],
    inputs={"orders": [{"key": "a", "value": 1}]},
    services=[Service("billing", main)],
    faults=[Crash("billing-0", at=20, restart_after=30)],
)


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Instead of a run: the scenario itself, so that what is asked for can be seen."""
    ran: list[Any] = []

    def run(scenario: Any) -> Any:
        ran.append(scenario)
        if scenario.faults[0].restart_after == 13:
            raise ValueError("13 <b>is</b> refused")
        return scenario

    monkeypatch.setattr(simlib, "run", run, raising=False)
    monkeypatch.setattr(simlib, "replace", replace, raising=False)
    return ran


def restart_after(scenario: Any) -> float:
    return scenario.faults[0].restart_after


def panel(*paths: str, show: Any = restart_after) -> Any:
    return sliders(SHOP, *(paths or (RESTART,)), show=show)


def test_a_moved_slider_runs_the_changed_scenario_and_shows_it(engine):
    page = panel()
    page.knobs[RESTART].value = 41
    assert [restart_after(scenario) for scenario in engine] == [30, 41]
    assert "<p>41</p>" in page.below.value


def test_both_ends_of_a_slider():
    control = panel().knobs[RESTART]
    for end in (control.min, control.max):
        assert render(SHOP, {RESTART: end}, restart_after) == Rendering(html=f"<p>{end}</p>")


def test_back_to_the_lessons_values_draws_once(engine):
    page = panel(RESTART, "seed")
    page.knobs[RESTART].value, page.knobs["seed"].value = 41, 3
    before = len(engine)
    page.back.click()
    assert engine[before:] == [SHOP]
    assert (value_of(page.knobs[RESTART]), page.knobs["seed"].value) == (30, 0)


def test_the_scenario_shown_can_be_typed():
    page = panel(RESTART, "seed")
    assert page.code.value == "<pre># shown: SHOP</pre>"
    page.knobs[RESTART].value = 41
    assert page.code.value == "<pre># shown: replace(SHOP, &quot;faults.0.restart_after&quot;, 41)</pre>"
    page.knobs["seed"].value = 3
    typed = as_code("SHOP", page.moved())
    assert typed == 'replace(SHOP, {"faults.0.restart_after": 41, "seed": 3})'
    assert eval(typed, {"replace": replace, "SHOP": SHOP}) == replace(replace(SHOP, RESTART, 41), "seed", 3)


def test_what_a_browser_makes_of_a_number_is_said_as_people_say_it():
    page = panel()
    page.knobs[RESTART].value = 31.000000000000004
    assert page.moved() == {RESTART: 31}


def test_a_run_that_is_refused_is_said_in_words_and_its_old_picture_hidden():
    page = panel(show=lambda trace: Picture(b"png", "one line"))
    page.knobs[RESTART].value = 13
    assert "13 &lt;b&gt;is&lt;/b&gt; refused" in page.state.value
    assert page.picture.layout.visibility == "hidden"
    page.knobs[RESTART].value = 14
    assert page.state.value == "" and page.picture.layout.visibility == "visible"


def test_a_mistake_in_show_is_said_in_words():
    page = panel(show=lambda trace: trace.nothing)
    assert "The run is fine; show(trace) stopped: AttributeError" in page.state.value


def test_what_show_may_return():
    assert shown_as(Picture(b"png", "<lag>")).png == b"png"
    assert "&lt;lag&gt;" in shown_as(Picture(b"png", "<lag>")).html
    assert shown_as("<b>").html == "<p>&lt;b&gt;</p>"
    table = shown_as(pandas.DataFrame({"key": ["<script>"]}))
    assert "<table" in table.html and "<script>" not in table.html
    both = shown_as((Picture(b"png", "a"), 7))
    assert both.png == b"png" and both.html.endswith("<p>7</p>")


def test_a_large_run_shows_a_busy_sign_before_it_runs():
    large = Scenario([Topic("orders")], inputs={"orders": [{"key": "a", "value": 1}] * 6_000}, faults=SHOP.faults)
    assert expected_records(large) == 6_000
    seen: list[str] = []
    page = sliders(large, "seed", show=lambda trace: "done")
    page.state.observe(lambda change: seen.append(change.new), names="value")
    page.knobs["seed"].value = 2
    assert seen == [BUSY, ""] and "running ..." in BUSY


@pytest.mark.parametrize(("given", "first"), [(60, 1), (0.4, 0.1)])
def test_a_slider_stops_at_round_numbers_wherever_its_range_begins(given, first):
    frozen = replace(SHOP, "faults", [Pause("billing-0", at=10, duration=given)])
    about = describe(frozen, "faults.0.duration")
    assert about.low == 0.1
    assert (knob(about, "9em").min, value_of(knob(about, "9em"))) == (first, given)


def test_nothing_moves_while_a_handle_is_dragged():
    assert panel().knobs[RESTART].continuous_update is False


def test_a_label_has_its_unit_and_its_help():
    control = panel().knobs[RESTART]
    assert control.description == "Restart after (s)" and "started again" in control.tooltip


def test_the_same_page_has_the_same_text():
    assert repr(panel()) == repr(panel()) == "[sliders, when run: faults.0.restart_after = 30]"


def test_a_saved_page_shows_the_picture_where_no_widget_runs():
    bundle = panel(show=lambda trace: Picture(b"png", "lag"))._repr_mimebundle_()
    assert bundle["image/png"] == "cG5n"


def published(monkeypatch: pytest.MonkeyPatch, widget: Any) -> list[dict[str, str]]:
    """The outputs that a notebook gets of it."""
    outputs: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, metadata=None: outputs.append(data))
    widget._ipython_display_()
    return outputs


def test_a_notebook_keeps_the_sliders_and_after_them_what_they_showed_each_in_an_output_of_its_own(monkeypatch):
    widget, picture, words = published(monkeypatch, panel(show=lambda trace: (Picture(b"png", "<lag>"), 7)))
    assert widget.keys() == {WIDGET_VIEW}, "whatever stands beside it is never shown"
    assert picture == {"image/png": "cG5n", "text/plain": "[sliders, when run: faults.0.restart_after = 30]"}
    for part in ("&lt;lag&gt;", "<p>7</p>", "Run this cell to move its sliders", "faults.0.restart_after = 30"):
        assert part in words["text/html"]


def test_a_notebook_keeps_numbers_and_mistakes_too(monkeypatch):
    assert [output.keys() for output in published(monkeypatch, panel())] == [{WIDGET_VIEW}, {"text/html", "text/plain"}]
    broken = published(monkeypatch, panel(show=lambda trace: trace.nothing))[-1]
    assert "show(trace) stopped: AttributeError" in broken["text/html"]


@pytest.mark.parametrize(
    ("path", "says"),
    [("faults.0.restart", "restart_after"), ("faults.0.before", "is None"), ("services.0.main", "range")],
)
def test_a_path_without_a_control_is_refused(path, says):
    with pytest.raises((PathError, ValueError), match=says):
        sliders(SHOP, path)


LOAD = Scenario([Topic("orders")], [Producer("shop", "orders", rate=10, keys=30, records=500, batch_size=20_001)],
                [ConsumerGroup("billing", "orders")])
SLIDERS = ["producers.shop.keys", "producers.shop.records", "producers.shop.value_bytes", "producers.shop.batch_size",
           "groups.billing.consumers", "groups.billing.max_poll_records", "topics.orders.partitions", "seed"]
LOG_SLIDERS = ["producers.shop.rate", "groups.billing.session_timeout_ms", "groups.billing.auto_commit_interval_ms"]


@pytest.mark.parametrize("path", [*SLIDERS, *LOG_SLIDERS])
def test_all_along_a_slider_the_scenario_is_accepted_and_nothing_is_lost_on_the_way(path):
    about = describe(LOAD, path)
    control = knob(about, "9em")
    assert value_of(control) == about.effective and control.readout_format == ",d"
    on_the_way = [10**exponent for exponent in (1.1, 2.62, 4.05)] if isinstance(control, LogSlider) else []
    for place in (about.low, *on_the_way, about.high):
        control.value = place
        value = value_of(control)
        assert isinstance(value, int) and about.low <= value <= about.high
        assert get(replace(LOAD, path, value), path) == value
    assert value == about.high


def test_a_log_slider_stops_at_numbers_people_say():
    control = knob(describe(LOAD, "groups.billing.session_timeout_ms"), "9em")
    control.value = 10**4.65
    assert value_of(control) == 44_700
    small = knob(describe(replace(LOAD, "latency", 0.0005), "latency"), "9em")
    assert value_of(small) == 0.0005 and "e" not in small.readout_format


def test_a_setting_without_a_limit_has_no_slider():
    with pytest.raises(ValueError, match="needs a number and a range"):
        knob(describe(LOAD, "producers.shop.retries"), "9em")


def test_a_choice_is_a_list_to_choose_from():
    assert panel("client").knobs["client"].options == ("kafka-python", "java")
