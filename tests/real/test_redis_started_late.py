"""Redis on a real run is started when somebody first uses it: that takes a part of the time the caller gives it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from own_loop import run_apart

from simlib.real.worker.redis import RealRedis
from simlib.services.asking import Outcome

WITHIN = 1_000


class Caller:
    """As much of `app` as a command needs; a clock that goes on by 100 at each look."""

    def __init__(self, port: Path, there_at: int) -> None:
        self.plan = SimpleNamespace(port_of=lambda name: port)
        self.marks = SimpleNamespace(write=lambda *words: None)
        self.asked: list[int] = []
        self._port, self._there_at, self._now = port, there_at, 0

    @property
    def now_ns(self) -> int:
        self._now += 100
        if self._now >= self._there_at:
            self._port.touch()
        return self._now

    async def ask(self, kind: str, target: str, payload: Any, within: int) -> Outcome:
        self.asked.append(within)
        return Outcome("OK")


def test_the_time_it_takes_to_start_counts(tmp_path: Path) -> None:
    caller = Caller(tmp_path / "redis-0.port", there_at=500)
    assert run_apart(RealRedis(caller)._ask(("PING",), WITHIN)) == Outcome("OK")  # type: ignore[arg-type]
    assert len(caller.asked) == 1 and caller.asked[0] < WITHIN - 300
