"""The course as a learner gets it: `lab.py` in its own process, JupyterLab in a real browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from learner import Course, press_ctrl_c, start_course

from labtools.chromium import FLAGS, find_chromium
from labtools.layout import TOOLS


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium or Chrome."""
    if os.name == "nt":
        pytest.skip("cannot run on this system: Windows has no Ctrl-C that one process can send another")
    if found := find_chromium():
        return found
    pytest.skip("no Chromium on this computer (Debian, Ubuntu: apt install chromium)")


@pytest.fixture(scope="session")
def course(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """A running course with a folder of copies of its own; one for all tests here."""
    with _left_as_they_were(TOOLS / "jupyter", tmp_path_factory.mktemp("kept")):
        running = start_course(tmp_path_factory.mktemp("somebody") / "my course ü")
        yield running
        press_ctrl_c(running.process)


@contextmanager
def _left_as_they_were(jupyter: Path, kept: Path) -> Iterator[None]:
    """Whoever runs the tests before the course must not find the theme and the layouts that they left."""
    names = ("jupyterlab_settings_dir", "jupyterlab_workspaces_dir")
    for name in names:
        if (jupyter / name).exists():
            shutil.copytree(jupyter / name, kept / name)
    yield
    for name in names:
        shutil.rmtree(jupyter / name, ignore_errors=True)
        if (kept / name).exists():
            shutil.copytree(kept / name, jupyter / name)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator:
    """One browser for all tests here."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(course: Course, browser) -> Iterator:
    """A page of the browser, open at what `lab.py` opened."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(course.url())
    yield page
    page.close()
