"""Lesson 03's town for its judges: somebody tells a story of events, and readers make something of them."""

from collections.abc import Sequence
from typing import Any

from simlib import Scenario, Service, Topic

TOPIC = "orders"
START = 10.0
"""Seconds: by then every reader has joined its group."""


def teller(events: Sequence[Any], every: float = 0.5) -> Service:
    """Writes these events in turn, keyed by their ids, one each `every` seconds from START on."""

    async def main(app: Any) -> None:
        producer = app.producer()
        for number, event in enumerate(events):
            at = START + number * every
            if at >= app.now:
                await app.sleep(at - app.now)
                await producer.send_and_wait(TOPIC, event, key=event["id"])

    return Service("checkout", main)


def reader(name: str, handle: Any, instances: int = 1, database: str = "") -> Service:
    """A service with the lesson's loop: receive, handle, commit."""

    async def main(app: Any) -> None:
        consumer = app.consumer(TOPIC, group_id=name, enable_auto_commit=False, auto_offset_reset="earliest")
        async for event in consumer:
            await handle(app, event.value)
            await consumer.commit()

    return Service(name, main, instances, database=database)


def town(*services: Service, **more: Any) -> Scenario:
    """These services and one topic."""
    return Scenario((Topic(TOPIC),), services=services, **more)
