"""The real halves of all chosen tests run at the same time."""

from collections.abc import Iterator

import pytest
from both import TESTS, RealStories

from simlib import LocalKafka


@pytest.fixture(scope="session")
def real_stories(request: pytest.FixtureRequest, kafka: LocalKafka) -> Iterator[RealStories]:
    chosen = [TESTS[item.obj] for item in request.session.items
              if isinstance(item, pytest.Function) and item.obj in TESTS and item.callspec.params["backend"] == "real"]
    stories = RealStories(kafka, [test.story for test in chosen if not test.alone])
    yield stories
    stories.close()
