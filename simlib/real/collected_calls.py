"""The calls of a real run: what both sides wrote down about each, as rows of the trace."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from simlib.trace.calls import Call
from simlib.trace.recorder import Recorder


class CollectedCalls:
    """The part of a collector that is about calls; a worker's number of a call says who made it."""

    recorder: Recorder
    _clock: Any
    _actors: dict[str, int]
    _numbers: dict[str, int]
    """A worker's number of a call -> the trace's."""

    def _on_called(self, name: str, life: int, call: str, service: str, text: str, deadline: int, parent: Any,
                   message: str | None) -> None:
        self._numbers[call] = number = self.recorder.call(
            Call(self._clock.now, self._actors[name], life, service, text, deadline, self._numbers.get(parent, -1),
                 *self._place_of(message)))
        self._event(self._clock.now, name, "called", a=number, detail=f"{service}: {text}")

    def _on_call_progress(self, name: str, life: int, call: str, what: str) -> None:
        row = self.recorder.calls[self._numbers[call]]
        row.instance = self._actors[name]
        setattr(row, what, self._clock.now)

    def _on_answered(self, name: str, life: int, call: str, outcome: int, detail: str, answer: str | None) -> None:
        number = self._numbers[call]
        row = self.recorder.calls[number]
        row.answered, row.outcome, row.answer = self._clock.now, outcome, answer
        self._event(self._clock.now, name, "answered", a=number, detail=detail)

    def _on_queued(self, name: str, life: int, call: str, waiting: int, detail: str) -> None:
        self._about("queued", name, call, waiting, detail)

    def _on_overloaded(self, name: str, life: int, call: str, b: int, detail: str) -> None:
        self._about("overloaded", name, call, b, detail)

    def _on_request(self, name: str, life: int, call: str, b: int, detail: str) -> None:
        self._about("request", name, call, b, detail)

    def _on_expired(self, name: str, life: int, call: str, b: int, detail: str) -> None:
        self._about("expired", name, call, b, detail)

    def _about(self, kind: str, name: str, call: str, b: int, detail: str) -> None:
        self._event(self._clock.now, name, kind, a=self._numbers[call], b=b, detail=detail)

    @abstractmethod
    def _event(self, at: int, process: str, kind: str, group: int = -1, tp: int = -1, a: int = -1, b: int = -1,
               detail: str = "") -> None: ...

    @abstractmethod
    def _place_of(self, message: str | None) -> tuple[int, int]: ...
