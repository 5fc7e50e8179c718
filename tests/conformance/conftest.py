"""The real halves of all chosen tests run at the same time."""

from collections.abc import Iterator

import pytest
from both import RealStories

from simlib import LocalKafka


@pytest.fixture(scope="session")
def real_stories(request: pytest.FixtureRequest, kafka: LocalKafka) -> Iterator[RealStories]:
    chosen = [item for item in request.session.items if hasattr(getattr(item, "obj", None), "story")
              and item.callspec.params["backend"] == "real" and not item.obj.alone]
    stories = RealStories(kafka, [item.obj.story for item in chosen])
    yield stories
    stories.close()
