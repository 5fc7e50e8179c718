"""The outside world: the bank, the mail, the parcel service. What is done there stays done."""

from __future__ import annotations

from typing import Any

from simlib.trace.recorder import Recorder
from simlib.world.process import Process


class Outside(Process):
    """Takes effects, writes them down, answers. It never fails; the way to it can."""

    def __init__(self, recorder: Recorder, *identity: Any) -> None:
        super().__init__(*identity)
        self.recorder = recorder
        self._seen: set[tuple[int, Any]] = set()

    def handle(self, exchange: Any) -> None:
        name, key, lane, ordinal = exchange.payload
        now = self.clock.now
        code = self.recorder.code("effects", name)
        self.recorder.effect((now, exchange.source.code, exchange.life, code, key, lane, ordinal))
        self.recorder.mark(now, (code, repr(key)) not in self._seen)
        self._seen.add((code, repr(key)))
        exchange.reply(None)
