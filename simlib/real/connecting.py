"""How every client here reaches a cluster, and who answers there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def answers(address: str) -> set[int]:
    """The ids of the brokers in service, as the broker at this address sees it; none while it does not answer."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    with quiet_client():
        try:
            admin = KafkaAdminClient(bootstrap_servers=[address], bootstrap_timeout_ms=1_000, request_timeout_ms=5_000)
        except KafkaError:
            return set()
        try:
            found: list[dict[str, Any]] = admin.describe_cluster()["brokers"]
            return {broker["broker_id"] for broker in found if not broker.get("is_fenced")}
        except KafkaError:
            return set()
        finally:
            admin.close()


@contextmanager
def quiet_client() -> Iterator[None]:
    """kafka-python logs every refused connection; whoever waits for one knows."""
    logger = logging.getLogger("kafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
