"""`live_kafka`: three real brokers for a lesson, where somebody asks for them and they can be had."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from simlib.course.check import folded

if TYPE_CHECKING:
    from simlib.real.local_kafka import LocalKafka

OFF = ("No real brokers: the cells below take recordings, or do nothing. start=True starts three on this computer. It "
       "needs Java 17 and Maven, and fetches Apache Kafka once (43 MB).")
CLIENT = ("kafka", "psutil", "platformdirs")
"""The packages that a real run imports."""

NO_CLIENT = """No real brokers: their client is missing. Type this in a terminal, then restart the kernel:
    pip install 'event-driven-lab[kafka]'"""


def live_kafka(start: bool = False) -> "LocalKafka | None":
    """Three running brokers, or None; one line says which, and what is missing. End them with `.stop()`."""
    missing = OFF if not start else NO_CLIENT if any(find_spec(name) is None for name in CLIENT) else ""
    if missing:
        print(folded(missing))
        return None
    from simlib.real.errors import KafkaUnavailable
    from simlib.real.local_kafka import LocalKafka

    try:
        kafka = LocalKafka(brokers=3).start()
    except KafkaUnavailable as error:
        print(folded(f"No real brokers. {error}"))
        return None
    print(f"{kafka!r} is ready.")
    return kafka
