"""Calls between services in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from simlib.services.asking import Outcome, ask
from simlib.services.calls import Calls
from simlib.services.serving import Request
from simlib.trace import calls as rows

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class Caller(Calls):
    """The calls of one life of a process."""

    _app: App

    def __init__(self, app: App, process: ServiceProcess) -> None:
        super().__init__(app)
        self._process = process

    @property
    def _now(self) -> int:
        return self._process.clock.now

    @property
    def _own_service(self) -> str:
        return self._process.service.name

    def _services(self) -> list[str]:
        return [one.name for one in self._process.world.scenario.services]

    def _instances(self, service: str) -> Sequence[str]:
        members: Sequence[str] = self._process.world.scenario.members_of(service)
        return members

    def _ask(self, instance: str, request: Request, within: int) -> Awaitable[Outcome]:
        return ask(self._app, self._process, self._process.world.processes[instance], "call", request, within)

    # -- the trace

    def _begin(self, service: str, text: str, deadline: int) -> int:
        process, handling = self._process, self._app.handling.get()
        number = process.recorder.call(rows.Call(
            process.clock.now, process.code, process.incarnation, service, text, deadline, handling.number,
            *self._app.in_hand.get()))
        process.recorder.event("called", process, a=number, detail=f"{service}: {text}")
        return number

    def _end(self, number: int, outcome: int, detail: str, answer: str | None = None) -> None:
        process = self._process
        row = process.recorder.calls[number]
        row.answered, row.outcome, row.answer = process.clock.now, outcome, answer
        process.recorder.event("answered", process, a=number, detail=detail)
        if answer is not None:
            process.recorder.mark(process.clock.now, outcome == rows.ANSWERED)
