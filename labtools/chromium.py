"""A browser that is there already: for the tests in one, and for the benchmark of the film."""

import shutil

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome; None if there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)
