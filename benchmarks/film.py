"""The player in a real browser: what a picture costs while a film of more than 10,000 events plays."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labtools.chromium import FLAGS, find_chromium
from simlib import ConsumerGroup, Crash, Producer, Scenario, Topic, run

SECONDS = 3
SPEED = "5"
WIDTH = 1280


def can_be_measured() -> bool:
    """Is there a browser, and a library to drive it?"""
    return find_chromium() is not None and find_spec("playwright") is not None


def busy() -> Scenario:
    """100 records a second over six partitions; one of three members dies."""
    return Scenario(topics=[Topic("orders", partitions=6, replication_factor=3)], duration=30, seed=1,
                    producers=[Producer("shop", topic="orders", rate=100, keys=30)],
                    groups=[ConsumerGroup("billing", topic="orders", consumers=3, service_time=0.01)],
                    faults=[Crash("billing-1", at=10, restart_after=5)])


def film() -> dict[str, float]:
    """Events of the film, milliseconds of its page on a processor for a picture, pictures a second by the clock."""
    from playwright.sync_api import sync_playwright

    trace = run(busy(), progress=False)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        trace.export(Path(folder) / "story.html")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto((Path(folder) / "story.html").as_uri())
        found = _measured(page)
        browser.close()
    return {"events": len(trace.events), **found}


def _measured(page: Any) -> dict[str, float]:
    page.locator(".sp-speed").select_option(SPEED)
    page.locator(".sp-play").click()
    page.wait_for_function("() => Number(document.querySelector('.sp').dataset.time) > 1")
    chrome = page.context.new_cdp_session(page)
    chrome.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _now(page, chrome)
    page.wait_for_timeout(SECONDS * 1_000)
    pictures, spent, passed = (after - start for after, start in zip(_now(page, chrome), before, strict=True))
    return {"milliseconds": 1_000 * spent / pictures, "a second": pictures / passed}


def _now(page: Any, chrome: Any) -> tuple[float, float, float]:
    """Pictures drawn, seconds of processor time of the page, seconds on the clock."""
    spent = {one["name"]: one["value"] for one in chrome.send("Performance.getMetrics")["metrics"]}["TaskDuration"]
    frames, clock = page.evaluate("() => [Number(document.querySelector('.sp').dataset.frames), performance.now()]")
    return frames, spent, clock / 1_000
