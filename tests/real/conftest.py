"""One real Kafka for all tests that need one: it takes ten seconds to start."""

from collections.abc import Iterator

import pytest
from real_shop import SHORT

from simlib.real import KafkaUnavailable, LocalKafka
from simlib.real.programs import java, maven


@pytest.fixture(scope="session")
def java_and_maven() -> None:
    """Skips where a Kafka cannot be started. In CI a skip is a failure."""
    try:
        java()
        maven()
    except KafkaUnavailable as error:
        pytest.skip(f"what runs on a real Kafka is left out: {error}")


@pytest.fixture(scope="session")
def kafka(java_and_maven: None) -> Iterator[LocalKafka]:
    with LocalKafka(brokers=3, broker_config=SHORT) as kafka:
        yield kafka
