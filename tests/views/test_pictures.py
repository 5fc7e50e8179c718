"""Every picture: it draws, it says in words what it shows, and nothing of the last one stays on the sheet."""

import subprocess
import sys

import numpy as np
import pytest
from handmade import Builder
from shop import shop

from simlib import Crash, Pause, Producer, Scenario, ShareGroup, Topic, run
from simlib.trace import Trace
from simlib.views import style
from simlib.views.picture import Picture
from simlib.views.sheet import sheet
from simlib.views.steps import steps_of

PLOTS = ("lag", "duplicates", "timeline", "latency", "assignment", "sequence")


@pytest.fixture(scope="module")
def story() -> Trace:
    return shop(rate=3)


def draw(trace: Trace, name: str) -> Picture:
    return getattr(trace.plot, name)()


@pytest.mark.parametrize("name", PLOTS)
def test_a_picture_is_a_png_with_a_description(story, name):
    picture = draw(story, name)
    assert picture.png.startswith(b"\x89PNG") and len(picture.png) > 5_000
    assert "billing" in picture.description or "shop" in picture.description
    assert picture.description.endswith(".") and repr(picture) == picture.description


@pytest.mark.parametrize("name", PLOTS)
def test_a_sheet_keeps_nothing_of_the_picture_before(story, name):
    other = shop(rate=1, partitions=2)
    first = draw(story, name).png
    assert draw(other, name).png != first
    assert draw(story, name).png == first


@pytest.mark.parametrize("name", PLOTS[:-1])
def test_an_unknown_group_is_refused_with_those_there_are(story, name):
    with pytest.raises(ValueError, match="no group 'biling' in this trace; there are billing"):
        getattr(story.plot, name)(group="biling")


@pytest.mark.parametrize("name", PLOTS[:-1])
def test_a_trace_without_a_group_is_refused(name):
    with pytest.raises(ValueError, match="no consumer group"):
        draw(Builder(orders=1).trace(), name)


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("end", [0.0, 5.0])
def test_a_group_that_did_nothing_is_drawn_and_said(name, end):
    build = Builder(orders=2)
    build.event("joined", -5.0, "billing-0", "billing")
    build.create(at=0.0)
    assert draw(build.trace(at=end), name).description.endswith(".")


def test_many_partitions_are_cut_and_that_is_said():
    trace = shop(rate=40, partitions=40)
    assert "The first 12 of 40 partitions are shown." in trace.plot.timeline().description
    assert "The first 8 of 40 partitions are shown." in trace.plot.duplicates().description
    assert "The first 24 are shown." in trace.plot.assignment().description
    assert trace.plot.lag().png.startswith(b"\x89PNG")


def test_a_picture_is_saved_as_png_and_as_nothing_else(story, tmp_path):
    picture = draw(story, "lag")
    picture.save(tmp_path / "lag.png")
    assert (tmp_path / "lag.png").read_bytes() == picture.png
    with pytest.raises(ValueError, match=r"lag\.svg: a picture is saved as PNG"):
        picture.save(tmp_path / "lag.svg")


def test_in_a_notebook_the_description_is_a_visible_escaped_line_under_the_image(story, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, metadata=None: shown.append(data))
    Picture(draw(story, "lag").png, "<b>5</b> & more.")._ipython_display_()
    image, caption = shown
    assert image["image/png"].startswith(b"\x89PNG") and image["text/plain"] == "<b>5</b> & more."
    assert "&lt;b&gt;5&lt;/b&gt; &amp; more." in caption["text/html"] and "<b>" not in caption["text/html"]


def test_a_figure_is_made_once():
    with sheet("lag") as one:
        pass
    with sheet("lag") as two:
        assert one is two


def test_pictures_set_their_own_background_for_dark_themes(story):
    from io import BytesIO

    from PIL import Image

    image = Image.open(BytesIO(draw(story, "lag").png))
    assert image.mode == "RGB" and image.getpixel((0, 0)) == (255, 255, 255)


def test_views_load_neither_matplotlib_nor_pandas_before_they_are_used():
    heavy = ("matplotlib", "pandas", "pyarrow", "PIL")
    code = f"import simlib.views, sys; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


# Machado, Oliveira, Fernandes (2009), severity 1: what a reader sees without the red, green or blue receptor.
WITHOUT_RED = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
WITHOUT_GREEN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
WITHOUT_BLUE = ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900))


def seen(colour: str, matrix) -> list[float]:
    rgb = [int(colour[i:i + 2], 16) for i in (1, 3, 5)]
    return [sum(weight * part for weight, part in zip(row, rgb, strict=True)) for row in matrix]


@pytest.mark.parametrize("matrix", [WITHOUT_RED, WITHOUT_GREEN, WITHOUT_BLUE])
def test_colours_that_share_a_picture_differ_for_colour_blind_readers(matrix):
    together = [*style.MEMBERS[:4], style.CRASH, style.REPEAT, style.WRITTEN]
    for i, one in enumerate(together):
        for other in together[i + 1:]:
            apart = sum((a - b) ** 2 for a, b in zip(seen(one, matrix), seen(other, matrix), strict=True)) ** 0.5
            assert apart > 25, (one, other, apart)


def test_one_member_has_one_colour_in_every_group():
    assert style.member_colour("billing-1") == style.member_colour("stock-1") != style.member_colour("billing-2")


@pytest.fixture(scope="module")
def shared() -> Trace:
    """A share group whose members stand still and die."""
    workers = ShareGroup("workers", "orders", consumers=3, service_time=0.2, share_auto_offset_reset="earliest",
                         share_acquire_mode="record_limit", max_poll_records=2)
    return run(Scenario([Topic("orders", partitions=2)], brokers=1, duration=50, groups=[workers],
                        producers=[Producer("shop", "orders", rate=10, keys=5, stop=8)],
                        faults=[Pause("workers-1", at=4.1, duration=40), Crash("workers-2", at=5.1, restart_after=2)]))


@pytest.mark.parametrize("name", [*(name for name in PLOTS if name != "assignment"), "storyboard"])
def test_share_groups_are_drawn_too(shared, name):
    assert draw(shared, name).png.startswith(b"\x89PNG")


def test_in_a_share_group_nobody_owns_a_partition(shared):
    with pytest.raises(ValueError, match="workers is a share group: nobody owns a partition in it"):
        shared.plot.assignment()


def test_a_sequence_shows_how_holds_on_records_ended(shared):
    row = int(np.flatnonzero(shared.handed.attempt > 1)[0])
    steps = steps_of(shared, shared.handed.message[[row]], (0, 50))
    ended = [(step.process, step.label.partition(" offset")[0]) for step in steps if step.kind == "committed"]
    member = str(shared.duplicates.member.iloc[0])
    assert ended in ([("workers-1", "lock expired"), (member, "accepted")],
                     [("workers-2", "connection lost"), (member, "accepted")])


def test_a_logarithmic_axis_has_fine_ticks_at_whole_parts_and_they_cost_no_tick_each():
    with sheet("fine ticks") as page:
        axes = page.blank("Both ways")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.02, 0.5)
        axes.set_ylim(3.5, 60)
        for axis in (axes.xaxis, axes.yaxis):
            page.logarithmic(axis, lambda value: f"{value:g} of them")
            assert not len(axis.get_minorticklocs())
        page.png()
        across, upwards = axes.lines
        assert across.get_xdata() == pytest.approx([0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.2, 0.3, 0.4, 0.5])
        assert upwards.get_ydata() == pytest.approx([4, 5, 6, 7, 8, 9, 20, 30, 40, 50, 60])
        assert [label.get_text() for label in axes.get_xticklabels()][1:-1] == ["0.1 of them"]
        assert (axes.get_xlim(), axes.get_ylim()) == ((0.02, 0.5), (3.5, 60)), "fine ticks move no limit"
