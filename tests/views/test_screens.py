"""The strip of screens: what is new, what is gone, who died, and all of it in words."""

import pytest
from handmade import Builder

from simlib.trace.screens import screens_of
from simlib.views.screens import COLUMNS, LINES, MOST, Frame, _cut, _frames, _wrapped


def seen(*screens):
    build = Builder(orders=1)
    for time, text, *who in screens:
        kind, detail = ("crashed", "") if text is None else ("shown", text)
        build.event(kind, float(time), who[0] if who else "customer-0", detail=detail)
    return build.trace("quiet", 30.0)


STORY = ((1, "Saving o-1 ..."), (2, "Saved: o-1"), (3, "Your orders\no-0"), (4, None), (9, "Your orders\no-0\no-1"))


def frames(*screens, about=None):
    return _frames(screens_of(seen(*screens).data), about)


def test_each_text_is_a_frame_with_its_time_and_a_death_is_a_dark_one():
    found = frames(*STORY)
    assert [frame.heading for frame in found] == [
        "1 s, for 1 s", "2 s, for 1 s", "3 s, for 1 s", "4 s", "9 s, to the end"]
    assert [frame.dark for frame in found] == [False, False, False, True, False]


def test_new_lines_are_marked_as_new():
    found = frames((1, "Your orders\no-0"), (2, "Your orders\no-0\no-1"))
    assert found[1].lines == [("Your orders", False), ("o-0", False), ("o-1", True)]


def test_what_was_shown_and_is_gone_is_marked_and_told():
    assert [frame.lacks for frame in frames(*STORY, about="o-1")] == ["", "", "o-1", "", ""]
    said = seen(*STORY).plot.screens(about="o-1").description
    assert said.startswith("customer-0 sees 4 screens: from 1 s \u201cSaving o-1 ...\u201d;")
    assert "o-1 is gone on 1 screen, first at 3 s, for 1 s." in said and "customer-0 crashed at 4 s" in said


def test_what_stays_is_told_too():
    assert "Once shown, o-1 stays." in seen((1, "o-1"), (2, "o-1, o-2")).plot.screens(about="o-1").description


def test_each_process_has_a_strip_of_its_own():
    trace = seen((1, "Ann's"), (2, "Bob's", "customer-1"))
    assert "Bob's" not in trace.plot.screens().description
    assert "Bob's" in trace.plot.screens("customer-1").description


def test_many_screens_are_cut_in_the_middle_and_that_is_said():
    trace = seen(*((number, f"screen {number}") for number in range(20)))
    cut = _cut(_frames(screens_of(trace.data), None))
    assert len(cut) == MOST and cut[MOST // 2].lines == [(f"\u2026 {20 - MOST + 1} more", False)]
    assert cut[0].lines[0][0] == "screen 0" and cut[-1].lines[0][0] == "screen 19"
    assert "14 more screens" in trace.plot.screens().description


def test_long_lines_are_broken_and_too_many_are_counted():
    lines = _wrapped(Frame("", [(f"line {number} is a long one, longer than a frame", True) for number in range(9)]))
    assert len(lines) == LINES and lines[-1] == (f"\u2026 {18 - LINES + 1} more lines", False)


def test_a_dollar_sign_and_a_tag_are_shown_as_they_are():
    trace = seen((1, "<b>costs $5 or $x^2$</b>"))
    picture = trace.plot.screens()
    assert picture.png.startswith(b"\x89PNG") and "&lt;b&gt;" in picture.caption_html()


def test_the_strip_grows_with_its_rows():
    from io import BytesIO

    from PIL import Image

    def height(count):
        trace = seen(*((number, f"screen {number}") for number in range(count)))
        return Image.open(BytesIO(trace.plot.screens().png)).height

    assert height(1) == height(COLUMNS) < height(COLUMNS + 1)


def test_nobody_was_shown_anything_and_a_wrong_name_are_refused():
    with pytest.raises(ValueError, match="app.show"):
        seen().plot.screens()
    with pytest.raises(ValueError, match="'custmer-0' showed nothing in this run; there are screens of customer-0"):
        seen((1, "hello")).plot.screens("custmer-0")
