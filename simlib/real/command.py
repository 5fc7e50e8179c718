"""`python lab.py kafka` and `kafka-stop`: a Kafka that stands until it is stopped."""

from __future__ import annotations

import sys
from typing import Any

from simlib.real.artifacts import is_fetched
from simlib.real.errors import KafkaUnavailable
from simlib.real.local_kafka import LocalKafka
from simlib.real.standing import Standing, standing

PORT = 9092
BROKERS = 3


def start(port: int = PORT) -> int:
    """Three brokers at `port`, `port + 1`, `port + 2`; 0 when they serve."""
    for each in _ours():
        if each.alive:
            print(f"A Kafka runs already: kafka://{each.addresses[0]}. To end it:  python lab.py kafka-stop")
            return 1
        print(f"A Kafka that was not stopped had left {each.folder}; it is cleared away.")
        each.clear_away()
    print("Fetching Apache Kafka (43 MB, once) ..." if not is_fetched() else "Starting three brokers ...", flush=True)
    kafka = LocalKafka(BROKERS, port=port).start(outlive_me=True)
    print(f"{kafka!r} is ready. Use it with  run(scenario, on={kafka.url!r})\n"
          f"To end it and throw its data away:  python lab.py kafka-stop\nIts folder: {kafka.folder}")
    return 0


def stop() -> int:
    """End what `start` began, and what killed programs left; nothing else."""
    found = _ours()
    for each in found:
        each.clear_away()
        print(f"The Kafka at {each.addresses[0]} has ended; its data is gone.")
    if not found:
        print("No Kafka of ours runs here.")
    return 0


def _ours() -> list[Standing]:
    """Clusters of running programs (`with LocalKafka()`) are theirs."""
    return [each for each in standing() if each.owner is None or each.orphaned]


def _number(word: str) -> Any:
    """What is none is refused as a port by its name."""
    return int(word) if word.isdecimal() else word


def main(words: list[str]) -> int:
    """`start [PORT]` or `stop`."""
    try:
        if words[:1] == ["start"]:
            return start(*map(_number, words[1:]))
        return stop()
    except (KafkaUnavailable, ValueError) as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
