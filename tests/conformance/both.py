"""One test written once, run on both: in virtual time, and on a real Kafka.

    @pytest.mark.statement("K72")
    @on_both
    def test_a_commit_names_the_next_record():
        trace = yield scenario                  # or: yield scenario, "crash-after:billing-0.0/commit#1"
        assert ...

All chosen tests run their real half at the same time, some side by side, each with topics and groups of its own.
`on_both(alone=True)`: it harms brokers, so nothing may run beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from real_shop import SIDE_BY_SIDE, run_for_real

from simlib import LocalKafka, Scenario, Trace, run

Asked = Scenario | tuple[Scenario, str]
Story = Callable[[], Generator[Asked, Trace, None]]


class Both(NamedTuple):
    """What stands behind a test of two halves."""

    story: Story
    alone: bool


TESTS: dict[Callable[..., None], Both] = {}
"""Test -> what stands behind it."""


def on_both(story: Story | None = None, *, alone: bool = False) -> Any:
    """Make a test of each backend from one story."""
    if story is None:
        return lambda given: on_both(given, alone=alone)

    @pytest.mark.parametrize("backend", ["virtual", pytest.param("real", marks=pytest.mark.real)])
    def test(backend: str, request: pytest.FixtureRequest) -> None:
        if backend == "virtual":
            tell(story, None)
        else:
            request.getfixturevalue("real_stories").tell(story, alone)

    test.__name__, test.__doc__, test.__module__ = story.__name__, story.__doc__, story.__module__
    TESTS[test] = Both(story, alone)
    return test


def tell(story: Story, on: str | None) -> None:
    """Run what the story asks for, one after the other, and let it judge."""
    going = story()
    try:
        asked = next(going)
        while True:
            scenario, schedule = asked if isinstance(asked, tuple) else (asked, None)
            virtual = on is None
            asked = going.send(run(scenario, schedule=schedule, progress=False) if virtual
                               else run_for_real(scenario, on, schedule))
    except StopIteration:
        return


class RealStories:
    """The real halves of all chosen tests."""

    def __init__(self, kafka: LocalKafka, stories: list[Story]) -> None:
        self._kafka = kafka
        self._threads = ThreadPoolExecutor(SIDE_BY_SIDE)
        self._told: dict[Story, Future[None]] = {
            story: self._threads.submit(tell, story, kafka.url) for story in stories}

    def tell(self, story: Story, alone: bool) -> None:
        """How it ended; one that harms brokers begins when all others are over."""
        if alone:
            self._threads.shutdown(wait=True)
            tell(story, self._kafka.url)
        else:
            self._told[story].result()

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
