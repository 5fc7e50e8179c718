"""A server of calls in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.services.serving import Request, Serving

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess


class Server(Serving):
    """The requests that one life of a process answers."""

    def __init__(self, app: App, process: ServiceProcess) -> None:
        super().__init__(app, process.service.name)
        self._process = process

    @property
    def _now(self) -> int:
        return self._process.clock.now

    async def _listen(self) -> None:
        await self._app.future()

    def _hang_up(self, exchange: Any) -> None:
        self._process.network.close_connection(exchange)

    def _failed(self, error: Exception) -> str:
        return self._process.handler_failed(error)

    def _one_waits(self, change: int) -> None:
        self._process.busy(change)

    def _next_begins(self) -> None:
        self._process.recorder.mark(self._process.clock.now, False)

    # -- the trace

    def _tell(self, kind: str, exchange: Any, b: int = -1) -> None:
        request: Request = exchange.payload
        self._process.recorder.event(kind, self._process, a=request.number, b=b,
                                     detail=f"{exchange.source.name}: {request.text}")

    def _write_down(self, number: int, what: str) -> None:
        row = self._process.recorder.calls[number]
        row.instance = self._process.code
        setattr(row, what, self._process.clock.now)
