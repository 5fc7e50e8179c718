"""Reading a run's topics at its end, without a Kafka: slow brokers are waited for, silent ones have no empty topics."""

from types import SimpleNamespace

import pytest

from simlib.real import final_logs
from simlib.real.errors import RealRunError


class Slow:
    """A consumer of ten records. `gives`: how many seconds each poll takes, and how many records it brings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *gives: tuple[float, int]) -> None:
        self.now, self.read, self.gives = 0.0, 0, list(gives)
        monkeypatch.setattr(final_logs, "time", SimpleNamespace(monotonic=lambda: self.now))

    def position(self, tp: str) -> int:
        return self.read

    def poll(self, timeout_ms: float) -> dict[str, list[int]]:
        seconds, count = self.gives.pop(0) if self.gives else (timeout_ms / 1000, 0)
        self.now += seconds
        self.read += count
        return {"orders-0": [*range(self.read - count, self.read)]} if count else {}


def test_a_slow_topic_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Slow(monkeypatch, (25, 4), (25, 4), (25, 2))
    assert [*final_logs._records(consumer, {"orders-0": 10})] == [*range(10)]


def test_a_topic_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was not read would be called lost."""
    consumer = Slow(monkeypatch, (25, 4))
    with pytest.raises(RealRunError, match="30 s without a record.*orders-0: 4 of 10"):
        list(final_logs._records(consumer, {"orders-0": 10}))
