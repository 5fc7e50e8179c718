"""`live_kafka`: three real brokers for a lesson, where somebody asks for them and they can be had."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from simlib.course.check import folded

if TYPE_CHECKING:
    from simlib.real.local_kafka import LocalKafka

OFF = ("No real brokers: the cells below that need them do nothing. start=True starts three on this computer. It needs "
       "Java 17 and Maven, and fetches Apache Kafka once (43 MB).")
NO_CLIENT = "No real brokers: the client is missing. Type  pip install 'event-driven-lab[kafka]'  and restart the kernel."


def live_kafka(start: bool = False) -> "LocalKafka | None":
    """Three running brokers, or None; one line says which, and what is missing. End them with `.stop()`."""
    if not start:
        return _none(OFF)
    if any(find_spec(name) is None for name in ("kafka", "psutil", "platformdirs")):
        return _none(NO_CLIENT)
    from simlib.real.errors import KafkaUnavailable
    from simlib.real.local_kafka import LocalKafka

    try:
        kafka = LocalKafka(brokers=3).start()
    except KafkaUnavailable as missing:
        return _none(f"No real brokers: {missing}")
    print(f"{kafka!r} is ready.")
    return kafka


def _none(why: str) -> None:
    print(folded(why))
