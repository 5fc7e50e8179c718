"""A learner's first ten minutes: the lesson is open, Shift-Enter runs it, a slider answers."""

import hashlib
from pathlib import Path

import pytest
from learner import ROOT, Course
from notebook_page import (
    FORM,
    KERNEL_READY,
    SHOWN,
    SLIDER,
    count_code_cells,
    end_kernels,
    errors,
    open_lesson,
    save,
    shift_enter,
    wait_until_have_run,
)

pytestmark = pytest.mark.browser

LESSON = "00_start_here.ipynb"
SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(scope="module")
def lesson(page):
    """The page once lesson 00 is open and its kernel answers."""
    page.wait_for_function(KERNEL_READY)
    return page


def nothing_is_in_the_way(lesson) -> bool:
    """No question, no news, no choice of a kernel."""
    return lesson.locator(".jp-Dialog").count() + lesson.locator(".Toastify__toast").count() == 0


def test_the_first_lesson_is_open_and_nothing_is_in_its_way(lesson, course: Course) -> None:
    assert lesson.locator(".jp-NotebookPanel").count() == 1
    assert lesson.locator(".lm-TabBar-tab.lm-mod-current", has_text=LESSON).count() >= 1
    assert (course.folder / LESSON).is_file()
    assert nothing_is_in_the_way(lesson)


def test_shift_enter_runs_the_untouched_lesson_without_an_error(lesson, course: Course) -> None:
    code_cells = count_code_cells(course, LESSON)
    assert code_cells > 0
    shift_enter(lesson)
    wait_until_have_run(lesson, code_cells)
    assert errors(lesson) == []


def test_the_terminal_says_where_the_course_is_and_nothing_that_alarms(course: Course) -> None:
    """An ipykernel whose messages are not encrypted says so in capitals at every lesson that is opened."""
    said = "".join(course.said)
    assert "To stop, press Ctrl-C here." in said
    assert "WARNING" not in said and "Traceback" not in said, said


def test_a_slider_moved_by_keyboard_changes_picture_and_numbers(lesson) -> None:
    handle = lesson.locator(SLIDER).first
    handle.scroll_into_view_if_needed()
    before = handle.evaluate(SHOWN)
    assert before["pictures"], "the slider comes with a picture"
    handle.focus()
    at_the_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    lesson.keyboard.press("Home" if at_the_end else "End")
    lesson.wait_for_function(f"before => {{const now = ({SHOWN})(document.querySelector({SLIDER!r}));"
                             "return now.readouts[0] !== before.readouts[0] && now.text !== before.text"
                             " && now.pictures[0] !== before.pictures[0]}", arg=before)
    after = handle.evaluate(SHOWN)
    assert numbers_below(after) != numbers_below(before)
    assert nothing_is_in_the_way(lesson), "nor has anything come up since"
    SCREENSHOTS.mkdir(exist_ok=True)
    picture = SCREENSHOTS / "lesson-00-slider.png"
    lesson.screenshot(path=picture)
    assert picture.stat().st_size > 10_000


def numbers_below(shown: dict) -> str:
    """The widget's text without the sliders' readouts."""
    text = shown["text"]
    for readout in shown["readouts"]:
        text = text.replace(readout, "", 1)
    return text


def test_the_learners_work_is_kept_apart_from_the_course(lesson, course: Course) -> None:
    given = digest(ROOT / "notebooks" / LESSON)
    save(lesson)
    assert digest(ROOT / "notebooks" / LESSON) == given
    assert digest(course.folder / LESSON) != given


STANDS_FOR = ".jp-OutputArea-output .simlib-still"
"""What a saved page shows in place of sliders and questions."""


def test_where_sliders_and_questions_live_nothing_stands_for_them(lesson) -> None:
    forms, sliders = lesson.locator(FORM), lesson.locator(SLIDER)
    assert forms.count() and sliders.count()
    assert lesson.locator(STANDS_FOR).count() and not lesson.locator(f"{STANDS_FOR}:visible").count()
    cell = lesson.locator(".jp-CodeCell", has=sliders.first)
    assert cell.locator("img:visible").count() == 1, "its own picture, and not the one that is kept for later"


def test_a_page_that_is_opened_again_shows_questions_and_pictures_in_place_of_the_widgets(lesson, course, browser):
    save(lesson)
    end_kernels(lesson, course)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    open_lesson(page, course, LESSON)
    question, hint = (page.locator(STANDS_FOR, has_text=f"Run this cell to {what}") for what in ("answer", "move"))
    for still in (question, hint):
        still.first.scroll_into_view_if_needed()
        still.first.wait_for()
    cell = page.locator(".jp-CodeCell", has=hint.first)
    assert cell.locator("img:visible").count() == 1
    assert page.locator(SLIDER).count() == page.locator(FORM).count() == 0
    page.screenshot(path=SCREENSHOTS / "lesson-00-opened-again.png")
    page.close()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
