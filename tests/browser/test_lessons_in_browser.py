"""Every lesson in a real JupyterLab, at the keyboard: guess, restart, run, slide, answer; narrow, wide, light, dark."""

import re
from pathlib import Path

import pytest
from learner import ROOT, Course
from notebook_page import (
    CHOICE,
    FILE_LIST,
    FORM,
    IN_A_FORM,
    SHOWN,
    SLIDER,
    TOO_NARROW,
    TOO_WIDE,
    answer,
    count_code_cells,
    end_kernels,
    errors,
    open_lesson,
    plain,
    restart_kernel,
    shift_enter,
    tab_to,
    use_theme,
    wait_until_have_run,
)

from simlib.course.exercises import of_lesson

pytestmark = pytest.mark.browser

NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(scope="module", params=NAMES, ids=lambda name: f"lesson-{name[:2]}")
def lesson(request, course: Course, browser):
    """A page with one lesson; its kernel ends with it."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    page.name = request.param
    open_lesson(page, course, request.param)
    page.code_cells = count_code_cells(course, request.param)
    SCREENSHOTS.mkdir(exist_ok=True)
    yield page
    end_kernels(page, course)
    page.close()


def test_a_guess_by_keyboard_is_found_again_after_a_kernel_restart(lesson):
    shift_enter(lesson, until="predict(")
    lesson.locator(FORM).first.wait_for()
    tab_to(lesson, IN_A_FORM)
    if lesson.evaluate("() => document.activeElement.type") == "radio":
        lesson.keyboard.press("Space")
        tab_to(lesson, "() => document.activeElement.innerText === 'This is my guess'")
    else:
        lesson.keyboard.type("17")
    lesson.keyboard.press("Enter")
    lesson.get_by_text("Kept: you say").wait_for()
    restart_kernel(lesson)
    shift_enter(lesson)
    lesson.get_by_text(re.compile("^You said .* You may still change it")).first.wait_for()


def test_shift_enter_runs_the_untouched_lesson_without_an_error(lesson):
    wait_until_have_run(lesson, lesson.code_cells)
    assert errors(lesson) == []


def test_a_slider_moved_by_keyboard_changes_picture_and_numbers(lesson):
    handle = lesson.locator(SLIDER).first
    handle.scroll_into_view_if_needed()
    before = handle.evaluate(SHOWN)
    handle.focus()
    at_the_start = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemin")
    lesson.keyboard.press("End" if at_the_start else "Home")    # in 04 more packers change nothing: that is its point
    lesson.wait_for_function(f"before => {{const now = ({SHOWN})(document.querySelector({SLIDER!r}));"
                             "return now.readouts[0] !== before.readouts[0] && now.text !== before.text"
                             " && now.pictures[0] !== before.pictures[0]}", arg=before)
    lesson.screenshot(path=screenshot(lesson, "slider", "moved"))


def test_every_choice_among_the_sliders_is_made_by_keyboard(lesson):
    for choice in lesson.locator(CHOICE).all():
        look_at(lesson, choice)
        before = choice.evaluate(SHOWN)["text"]
        choice.focus()
        lesson.keyboard.press("Home")
        lesson.wait_for_function(f"([choice, before]) => ({SHOWN})(choice).text !== before",
                                 arg=[choice.element_handle(), before])
        lesson.screenshot(path=screenshot(lesson, "choice"))


def test_a_wrong_and_a_right_answer_are_typed_in(lesson):
    exercise = next(exercise for exercise in of_lesson(lesson.name[:2]).values() if exercise.judge)
    wrong = exercise.wrong[0]
    cell = answer(lesson, exercise.call.strip().splitlines()[-1], exercise.cell(wrong.code))
    cell.get_by_text(f"{exercise.id}: no").wait_for(timeout=60_000)
    assert wrong.says in plain(cell.locator(".jp-OutputArea").inner_text())
    cell.locator(".jp-OutputArea").scroll_into_view_if_needed()
    lesson.screenshot(path=screenshot(lesson, "wrong"))
    answer(lesson, exercise.call.strip().splitlines()[-1], exercise.cell(exercise.solution))
    cell.get_by_text(f"{exercise.id}: yes").wait_for(timeout=60_000)
    assert errors(lesson) == []


def test_a_mistake_in_a_sliders_picture_is_seen_in_the_widget(lesson):
    text = (ROOT / "notebooks" / lesson.name).read_text(encoding="utf-8").replace("\\", "")
    slider = re.search(r'sliders\((\w+), *"([^"]+)"', text)
    lesson.locator(".jp-NotebookPanel .jp-CodeCell").last.locator(".cm-content").click()
    lesson.keyboard.press("Control+a")
    lesson.keyboard.insert_text(f'sliders({slider[1]}, "{slider[2]}", show=lambda trace: 1 / 0)')
    lesson.keyboard.press("Control+Enter")
    cell = lesson.locator(".jp-NotebookPanel .jp-CodeCell").last
    widget = cell.locator(".simlib-live")  # beside it, unseen, is what stands for it
    widget.get_by_text("show(trace) stopped: ZeroDivisionError").wait_for()
    before = cell.locator("pre", has_text="# shown").inner_text()
    cell.locator(".noUi-handle").first.focus()
    lesson.keyboard.press("ArrowRight")
    lesson.wait_for_function("([cell, before]) => cell.innerText.includes('# shown: replace(') "
                             "&& cell.innerText.includes('ZeroDivisionError')", arg=[cell.element_handle(), before])
    assert errors(lesson) == []


def test_the_lesson_has_the_whole_page_and_the_file_list_comes_when_asked_for(lesson):
    assert not lesson.locator(FILE_LIST).is_visible()
    lesson.keyboard.press("Escape")
    for shown in (True, False):
        lesson.keyboard.press("Control+b")
        lesson.locator(FILE_LIST).wait_for(state="visible" if shown else "hidden")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [800, 1280])
def test_narrow_and_wide_light_and_dark(lesson, theme, width):
    use_theme(lesson, theme)
    lesson.set_viewport_size({"width": width, "height": 1000})
    lesson.wait_for_timeout(500)
    assert lesson.evaluate(TOO_WIDE) == []
    assert lesson.evaluate(TOO_NARROW) == []
    lesson.screenshot(path=screenshot(lesson, "page", width, theme))
    for name, place in {"slider": SLIDER, "guess": FORM}.items():
        look_at(lesson, lesson.locator(place).first)
        lesson.screenshot(path=screenshot(lesson, name, width, theme))


def look_at(lesson, place) -> None:
    """Cells get their height when they come into sight, and push away what one had scrolled to."""
    for _ in range(4):
        place.evaluate("part => part.scrollIntoView({block: 'center'})")
        lesson.wait_for_timeout(200)


def screenshot(lesson, *what) -> Path:
    return SCREENSHOTS / f"{lesson.name[:2]}-{'-'.join(map(str, what)).lower()}.png"
