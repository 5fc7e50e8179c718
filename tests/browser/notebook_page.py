"""A lesson open in JupyterLab, and what a learner does with it at the keyboard."""

import json
import re
from typing import Any

from learner import Course
from playwright.sync_api import TimeoutError

from labtools.jupyter import lay_out

KERNEL_READY = """() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'
    && /Python 3/.test(document.querySelector('.jp-KernelName')?.innerText || '')"""
# JupyterLab adds the cells of a long page little by little.
HAS_CELLS = "wanted => document.querySelectorAll('.jp-NotebookPanel .jp-Cell').length >= wanted"
ACTIVE_CELL = """() => [...document.querySelectorAll('.jp-NotebookPanel .jp-Cell')]
    .findIndex(cell => cell.classList.contains('jp-mod-active'))"""
# JupyterLab marks errors and what was printed to stderr alike; an untouched lesson has neither.
ERROR = "[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type='application/vnd.jupyter.error']"
# After an error the remaining cells never run. Cells out of sight have no innerText, but textContent.
ALL_HAVE_RUN = f"""wanted => document.querySelector("{ERROR}") !== null
    || [...document.querySelectorAll('.jp-NotebookPanel .jp-CodeCell .jp-InputPrompt')]
        .filter(prompt => /\\d/.test(prompt.textContent)).length >= wanted"""
SLIDER = ".jp-OutputArea-output .widget-slider .noUi-handle"
CHOICE = ".jp-OutputArea-output .widget-dropdown select"
FILE_LIST = ".jp-FileBrowser"
FORM = ".jp-OutputArea-output .widget-text input, .jp-OutputArea-output .widget-radio input"
IN_A_FORM = f"() => document.activeElement.matches({FORM!r})"
# The widget's whole output: its pictures, and its text without the sliders' own readouts.
SHOWN = """slider => {
    const output = slider.closest('.jp-OutputArea-output');
    const readouts = [...output.querySelectorAll('.widget-readout')].map(readout => readout.innerText);
    return {pictures: [...output.querySelectorAll('img')].map(image => image.src), text: output.innerText, readouts};
}"""
# Whatever is wider than the notebook it stands in, by its kind; a picture must shrink and a table scroll.
TOO_WIDE = """() => {
    const right = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect().right + 1;
    return [...document.querySelectorAll('.jp-OutputArea-output img, .jp-RenderedHTMLCommon p, .widget-box')]
        .filter(part => part.getBoundingClientRect().right > right).map(part => part.outerHTML.slice(0, 80));
}"""

# Sliders whose track is too short to be dragged, and buttons that do not show all their words.
TOO_NARROW = """() => {
    const tracks = [...document.querySelectorAll('.jp-OutputArea-output .noUi-target')];
    const buttons = [...document.querySelectorAll('.jp-OutputArea-output .widget-button')];
    return [...tracks.map(track => track.getBoundingClientRect().width).filter(width => width < 80),
            ...buttons.filter(button => button.scrollWidth > button.clientWidth).map(button => button.innerText)];
}"""


def open_lesson(page: Any, course: Course, name: str) -> None:
    """Open a lesson in a workspace of its own that looks as on the first day; wait for its kernel and all its cells."""
    workspace = f"test-{name[:2]}-{course.process.pid}"
    lay_out(workspace)
    address, token = course.url().split("?")
    server, folder = address.split("/lab/tree/")
    page.goto(f"{server}/lab/workspaces/{workspace}/tree/{folder.rsplit('/', 1)[0]}/{name}?{token}")
    page.wait_for_function(KERNEL_READY)
    page.wait_for_function(HAS_CELLS, arg=len(cells_of(course, name)))


def go_to_the_top(page: Any) -> None:
    """Select the first cell, as one does before Shift-Enter."""
    page.locator(".jp-NotebookPanel .jp-Cell").first.click(position={"x": 5, "y": 5})
    page.keyboard.press("Escape")
    for _ in range(page.evaluate(ACTIVE_CELL)):
        page.keyboard.press("k")


def count_code_cells(course: Course, name: str) -> int:
    """How many there are to run; Shift-Enter at the last cell adds an empty one, which is saved with the rest."""
    return sum(cell["cell_type"] == "code" and "".join(cell["source"]).strip() != "" for cell in cells_of(course, name))


def cells_of(course: Course, name: str) -> list[dict[str, Any]]:
    """The cells of a learner's copy."""
    return json.loads((course.folder / name).read_text(encoding="utf-8"))["cells"]


def shift_enter(page: Any, until: str = "") -> None:
    """Shift-Enter from the top: to the last cell, or to the first one with this text in it."""
    texts = page.locator(".jp-NotebookPanel .jp-Cell").all_text_contents()
    last = next(number for number, text in enumerate(texts) if until in text) if until else len(texts) - 1
    go_to_the_top(page)
    for cell in range(last + 1):
        page.keyboard.press("Shift+Enter")
        if cell + 1 < len(texts):
            page.wait_for_function(f"wanted => ({ACTIVE_CELL})() === wanted", arg=cell + 1)


def wait_until_have_run(page: Any, code_cells: int) -> None:
    """Until so many code cells have their number, or one of them an error."""
    prompts = page.locator(".jp-NotebookPanel .jp-CodeCell .jp-InputPrompt").all_text_contents
    try:
        page.wait_for_function(ALL_HAVE_RUN, arg=code_cells, timeout=90_000)
    except TimeoutError as late:
        raise AssertionError(f"{code_cells} cells, and their numbers are {prompts()}") from late


def errors(page: Any) -> list[str]:
    """What stands in red."""
    return page.locator(ERROR).all_text_contents()


def tab_to(page: Any, reached: str, most: int = 60) -> None:
    """Press Tab until the focus is where this says; fails after `most`."""
    for _ in range(most):
        if page.evaluate(reached):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{most} times Tab, and the focus is at "
                         + page.evaluate("() => document.activeElement.outerHTML.slice(0, 200)"))


def restart_kernel(page: Any) -> None:
    """0, 0 at a selected cell, then Enter for "yes"."""
    go_to_the_top(page)
    page.keyboard.press("0")
    page.keyboard.press("0")
    page.locator(".jp-Dialog").wait_for()
    page.keyboard.press("Enter")
    page.locator(".jp-Dialog").wait_for(state="detached")
    page.wait_for_timeout(500)
    page.wait_for_function(KERNEL_READY)


def end_kernels(page: Any, course: Course) -> None:
    """All that run, as if the computer had been switched off overnight."""
    server, token = re.match(r"(http://[^/]+)/.*token=(\w+)", course.url()).groups()
    for kernel in page.request.get(f"{server}/api/kernels?token={token}").json():
        page.request.delete(f"{server}/api/kernels/{kernel['id']}", headers={"Authorization": f"token {token}"})


def save(page: Any) -> None:
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.lm-TabBar-tab.lm-mod-current.jp-mod-dirty')")


def answer(page: Any, call: str, text: str) -> Any:
    """Type an answer over the exercise's cell that has this call, run it; returns the cell."""
    cell = page.locator(".jp-NotebookPanel .jp-CodeCell", has_text=call).first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    page.keyboard.press("Shift+Enter")
    return cell


def use_theme(page, name: str) -> None:
    """Settings, Theme, JupyterLab Light or Dark."""
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.locator(".lm-MenuBar-item", has_text="Settings").click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text=re.compile(f"^JupyterLab {name}$")).click()
    page.wait_for_function("name => document.body.dataset.jpThemeName === `JupyterLab ${name}`", arg=name)


def plain(text: str) -> str:
    """Text with single blanks: a page folds lines where it likes."""
    return re.sub(r"\s+", " ", text)
