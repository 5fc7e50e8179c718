"""A slider over 100,000 records: the picture is replaced where it stands, and little is sent for it.

How long that takes is measured by the benchmarks, with the same helper.
"""

import pytest
from learner import Course
from notebook_page import errors, open_lesson, shift_enter, wait_until_have_run

from benchmarks.slider import NAME, RECORDS, move, write_notebook

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000
"""Of a picture: less than one and a half bytes a record, so that no record travels."""


@pytest.fixture(scope="module")
def seen(course: Course, browser):
    course.url()   # from then on its folder is there
    write_notebook(course.folder)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    open_lesson(page, course, NAME)
    shift_enter(page)
    wait_until_have_run(page, 1)
    assert errors(page) == []
    yield move(page, times=4)
    page.close()


def test_every_release_brings_one_new_picture(seen):
    assert len(seen["times"]) == 4


def test_the_picture_is_updated_not_rebuilt_and_nothing_jumps(seen):
    assert seen["rebuilt"] == 0
    assert len(seen["places"]) == 5 and all(place == seen["places"][0] for place in seen["places"])


def test_a_picture_and_no_record_reaches_the_browser(seen):
    assert max(seen["bytes"]) < MOST_BYTES < 1.6 * RECORDS
