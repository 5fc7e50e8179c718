"""Pictures of a sweep: a line with its band, several, a heat map; and tables that cannot be drawn."""

import numpy as np
import pandas as pd
import pytest

from simlib import plot
from simlib.views.sheet import sheet

CONSUMERS, RATE = "groups.billing.consumers", "producers.shop.rate"


def table(consumers=(1, 2, 3), rates=(10, 20), measures=("p99", "backlog"), factor=1.0):
    rows = [{CONSUMERS: count, RATE: rate, "measure": name, "mean": rate / (place + 1) ** factor,
             "low": rate / (place + 1) ** factor - 1, "high": rate / (place + 1) ** factor + 1, "runs": 20}
            for name in measures for place, count in enumerate(consumers) for rate in rates]
    made = pd.DataFrame(rows)
    made.attrs = {"units": {CONSUMERS: "", RATE: "records/s"}}
    return made


def axes():
    with sheet("sweep") as page:
        return page.axes


def test_two_settings_are_a_heat_map_with_the_numbers_in_it():
    picture = plot.sweep(table())
    assert picture.png.startswith(b"\x89PNG")
    assert picture.description == (
        "p99 (s): least 3.33 (2.33 to 4.33) at groups.billing.consumers 3 and producers.shop.rate 10; most 20 (19 to "
        "21) at groups.billing.consumers 1 and producers.shop.rate 20. Means of 20 runs a setting, in brackets their "
        "95 % confidence intervals.")
    assert {text.get_text() for text in axes().texts} == {"10", "5", "3.33", "20", "6.67"}
    assert axes().get_ylabel() == "producers.shop.rate (records/s)"


def test_one_setting_is_a_line_between_its_bounds():
    made = table()
    plot.sweep(made[made[RATE] == 20], "backlog")
    (line,) = axes().lines
    assert line.get_ydata().tolist() == pytest.approx([20, 10, 20 / 3])
    band = axes().collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(20 / 3 - 1) and band[:, 1].max() == 21
    assert axes().get_ylim()[1] > 21 and axes().get_ylim()[0] == 0


def test_several_lines_have_a_legend_and_the_next_picture_starts_anew():
    plot.sweep(table(), kind="line")
    assert [text.get_text() for text in axes().get_legend().get_texts()] == ["rate 10", "rate 20"]
    small = table(rates=(0.5,))
    plot.sweep(small)
    assert axes().get_legend() is None and axes().get_ylim()[1] < 2


def test_means_far_apart_are_drawn_in_powers_of_ten_and_no_bound_falls_below():
    plot.sweep(table(consumers=range(1, 9), rates=(1000,), factor=3))
    assert axes().get_yscale() == "log" and axes().get_ylabel() == "p99 (s), logarithmic"
    assert axes().collections[0].get_paths()[0].vertices[:, 1].min() >= axes().get_ylim()[0] > 0


def test_what_is_no_number_stands_side_by_side():
    plot.sweep(table(consumers=("range", "cooperative-sticky", ["a", "b"]), rates=(3,)))
    assert [text.get_text() for text in axes().get_xticklabels()] == ["range", "cooperative-sticky", "['a', 'b']"]


def test_settings_in_any_order_make_one_line_from_left_to_right():
    plot.sweep(table(consumers=(3, 1, 2), rates=(6,)))
    assert axes().lines[0].get_xdata().tolist() == [1, 2, 3]


def test_nothing_measured_is_a_gap_and_is_said():
    made = table(rates=(10,))
    made.loc[1, ["mean", "low", "high"]] = np.nan
    plot.sweep(made)
    assert np.isnan(axes().lines[0].get_ydata()).any()
    made.loc[:, ["mean", "low", "high"]] = np.nan
    assert plot.sweep(made).description == "p99: no run had anything to measure."


@pytest.mark.parametrize(("draw", "says"), [
    (lambda: plot.sweep([1, 2]), "draws the table that sweep"),
    (lambda: plot.sweep(table(), "p98"), "this table has p99 and backlog"),
    (lambda: plot.sweep(table(measures=("a", "b"))), "measure=None"),
    (lambda: plot.sweep(table(), kind="pie"), "there are line and heat"),
    (lambda: plot.sweep(table(rates=(1,)), kind="heat"), "needs two settings"),
    (lambda: plot.sweep(table(rates=range(1, 9)), kind="line"), "8 lines cannot be told apart"),
    (lambda: plot.sweep(table().assign(**{"a.path": range(12)})[["a.path", *table().columns]]), "3 settings vary"),
    (lambda: plot.sweep(table()[:0]), "interrupted before its first run"),
])
def test_what_cannot_be_drawn_is_refused_with_a_way_out(draw, says):
    with pytest.raises(ValueError, match=says):
        draw()
