"""A slider over 100,000 records: the picture is replaced where it stands, and little is sent for it.

How long that takes is measured by the benchmarks, with the same helper.
"""

import re
from typing import Any

import pytest
from learner import Course
from notebook_page import errors, open_lesson, plain, shift_enter, wait_until_have_run

from benchmarks.slider import CELL, NAME, RECORDS, drag, move, wait_for_pictures, watch, write_notebook
from simlib.views.rendering import render

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000
"""Of a picture: less than one and a half bytes a record, so that no record travels."""


def opened(course: Course, browser: Any, name: str, cell: str) -> Any:
    """A page with this cell, run."""
    course.url()   # from then on its folder is there
    write_notebook(course.folder, name, cell)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    open_lesson(page, course, name)
    shift_enter(page)
    wait_until_have_run(page, 1)
    assert errors(page) == []
    return page


@pytest.fixture(scope="module")
def seen(course: Course, browser):
    page = opened(course, browser, NAME, CELL)
    yield move(page, times=4)
    page.close()


def test_every_release_brings_one_new_picture(seen):
    assert len(seen["times"]) == 4


def test_the_picture_is_updated_not_rebuilt_and_nothing_jumps(seen):
    assert seen["rebuilt"] == 0
    assert len(seen["places"]) == 5 and all(place == seen["places"][0] for place in seen["places"])


def test_a_picture_and_no_record_reaches_the_browser(seen):
    assert max(seen["bytes"]) < MOST_BYTES < 1.6 * RECORDS


SLOW = CELL.replace("import *", "import *\nfrom time import sleep").replace(
    '.service_time")', '.service_time", show=lambda trace: (sleep(2), trace.plot.lag())[1])')
SHOWN = "[...document.querySelectorAll('.jp-OutputArea-output')].map(output => output.innerText).join(' ')"


@pytest.fixture(scope="module")
def hurried(course: Course, browser):
    """A page after five moves in less time than one picture takes."""
    assert "sleep(2)" in SLOW
    page = opened(course, browser, "hurried.ipynb", SLOW)
    watch(page)
    for number in range(5):
        drag(page, number)
    wait_for_pictures(page, 2)
    page.wait_for_timeout(2_500)  # in which a third would come
    yield page
    page.close()


def test_of_quick_moves_the_first_and_the_last_are_drawn(hurried):
    assert hurried.evaluate("window.seen.times.length") == 2


def test_the_last_position_wins(hurried):
    shown = plain(hurried.evaluate(SHOWN))
    chosen = float(re.search(r'shown: replace\(busy, "groups.billing.service_time", ([\d.e-]+)\)', shown).group(1))
    readout = hurried.locator(".jp-OutputArea-output .widget-readout").first.inner_text()
    assert chosen == pytest.approx(float(readout.replace("\u2212", "-")))
    names: dict[str, Any] = {"sliders": lambda *_: None}
    exec(CELL.replace("import *", "import ConsumerGroup, Producer, Scenario, Topic"), names)
    expected = render(names["busy"], {"groups.billing.service_time": chosen}, lambda trace: trace.plot.lag())
    assert plain(re.sub("<[^>]+>", "", expected.html)) in shown
