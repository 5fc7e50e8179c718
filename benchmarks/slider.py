"""From the release of a slider to the new picture, in a real JupyterLab: by the clock of its page.

The kernel's part of it also as CPU time, which other programs disturb less.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labtools.chromium import FLAGS, find_chromium

TESTS = Path(__file__).resolve().parents[1] / "tests" / "browser"
NAME = "slider.ipynb"
RECORDS = 100_000
CELL = f"""from simlib import *
busy = Scenario(topics=[Topic("orders", partitions=3, replication_factor=3)], duration={RECORDS} / 90_000,
                producers=[Producer("shop", topic="orders", rate=90_000, keys=3_000, linger_ms=5)],
                groups=[ConsumerGroup("billing", topic="orders", consumers=3, service_time=2.7e-5,
                                      auto_commit_interval_ms=100)])
sliders(busy, "groups.billing.service_time")"""
MOVES = 12
HANDLE, TRACK = ".jp-OutputArea-output .noUi-handle", ".jp-OutputArea-output .noUi-target"

WATCH = """() => {
    const output = document.querySelector('.simlib-live').closest('.jp-OutputArea-output');
    const image = output.querySelector('img'), seen = {times: [], rebuilt: 0, places: [], bytes: []};
    const place = () => [image, output.querySelector('.noUi-target')].flatMap(part => {
        const box = part.getBoundingClientRect();
        return [box.x, box.y, box.width, box.height];
    });
    document.addEventListener('pointerup', () => { seen.released = performance.now(); }, true);
    image.addEventListener('load', () => requestAnimationFrame(() => {
        seen.times.push(performance.now() - seen.released);
        seen.places.push(place());
    }));
    const make = URL.createObjectURL;
    URL.createObjectURL = blob => { seen.bytes.push(blob.size); return make.call(URL, blob); };
    new MutationObserver(changes => {
        for (const change of changes) {
            for (const part of [...change.addedNodes, ...change.removedNodes]) seen.rebuilt += part.localName === 'img';
        }
    }).observe(output, {subtree: true, childList: true});
    seen.places.push(place());
    window.seen = seen;
}"""


def write_notebook(folder: Path, name: str = NAME, cell: str = CELL) -> None:
    """A notebook with one slider, over so many records if nothing else is said."""
    import nbformat

    cells = [nbformat.v4.new_markdown_cell("# A slider"), nbformat.v4.new_code_cell(cell)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / name)


def move(page: Any, times: int = MOVES) -> dict[str, Any]:
    """Drag the slider so often, each time to where the lag is another; says what was seen meanwhile (see WATCH)."""
    watch(page)
    for number in range(times):
        drag(page, number)
        wait_for_pictures(page, number + 1)
    return page.evaluate("() => window.seen")


def watch(page: Any) -> None:
    """From now on the page notes what it shows."""
    page.locator(HANDLE).first.scroll_into_view_if_needed()
    page.evaluate(WATCH)


def drag(page: Any, number: int) -> None:
    """To another place for each number up to eleven."""
    box, track = (page.locator(part).first.bounding_box() for part in (HANDLE, TRACK))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * place(number), track["y"] + 2, steps=3)
    page.mouse.up()


def place(number: int) -> float:
    """Where on the track, from 0 to 1: so far at the left that the service keeps up, or nearly."""
    return 0.02 * (1 + 7 * number % 11)


def wait_for_pictures(page: Any, number: int) -> None:
    """Until so many have been shown since `watch`."""
    page.wait_for_function("wanted => window.seen.times.length >= wanted", arg=number)


def in_the_kernel() -> float:
    """CPU milliseconds of such a move where there is no browser: from the value to the picture, at the median."""
    page: dict[str, Any] = {}
    definitions, _, shown = CELL.rpartition("\n")
    exec(definitions, page)
    (control,) = eval(shown, page).knobs.values()
    costs = []
    for number in range(3 * MOVES):
        begin = time.process_time()
        control.value = 10 ** (control.min + (control.max - control.min) * place(number))
        costs.append((time.process_time() - begin) * 1_000)
    return statistics.median(costs[MOVES:])


def slider() -> dict[str, float]:
    """Milliseconds by the clock, at the median and at most, and the kernel's CPU part; bytes of a picture."""
    sys.path.insert(0, str(TESTS))
    from learner import press_ctrl_c, start_course
    from notebook_page import open_lesson, shift_enter, wait_until_have_run
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        course = start_course(Path(folder) / "course")
        try:
            course.url()
            write_notebook(course.folder)
            page = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS).new_page()
            page.set_default_timeout(60_000)
            open_lesson(page, course, NAME)
            shift_enter(page)
            wait_until_have_run(page, 1)
            seen = move(page)
        finally:
            press_ctrl_c(course.process)
    return {"milliseconds": statistics.median(seen["times"]), "slowest": max(seen["times"]),
            "kernel": in_the_kernel(), "sent": max(seen["bytes"])}
