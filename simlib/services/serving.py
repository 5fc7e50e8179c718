"""`app.serve`: the side of a call that answers. A few workers, a queue before them, and no more than fit in there."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from simlib.scenario.async_functions import is_async, takes_one
from simlib.scenario.check_calls import serve_problem
from simlib.services.producer import encode_value
from simlib.units import NEVER
from simlib.world.exchange import Exchange

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess

ANSWERED, RAISED, NOT_SERVING, OVERLOADED = "answered", "raised", "not serving", "overloaded"

Handler = Callable[[Any], Awaitable[Any]]


class Request(NamedTuple):
    """What travels: the number of the call, the request as JSON, its deadline (ns), the record in the caller's hand."""

    number: int
    text: str
    deadline: int
    lane: int
    ordinal: int


NOTHING = Request(-1, "", NEVER, -1, -1)
"""No request is being handled."""


class Server:
    """Each request is handled in a task of its own; as many at a time as there are workers."""

    def __init__(self, app: App, process: ServiceProcess) -> None:
        self._app = app
        self._process = process
        self._handler: Handler | None = None
        self._workers: int | None = None
        self._places: int | None = None
        self._open: dict[int, Exchange] = {}
        self._waiting: deque[int] = deque()
        self._busy = 0

    async def serve(self, handler: Handler, workers: int | None, queue: int | None) -> None:
        """Take requests until cancelled. Those that still wait then see their connection break."""
        check_handler(handler)
        if wrong := serve_problem(workers, queue):
            raise ValueError(wrong)
        if self._handler is not None:
            raise RuntimeError(f"{self._process.name} serves already; one process has one handler")
        self._handler, self._workers, self._places = handler, workers, queue
        try:
            await self._app.future()
        finally:
            self._handler = None
            while self._waiting:
                self._hang_up(self._next())

    # -- the queue

    def arrived(self, exchange: Exchange) -> None:
        """A request reaches this process."""
        request: Request = exchange.payload
        if self._handler is None:
            exchange.reply((NOT_SERVING, ""))
            return
        self._write_down(request.number, instance=self._process.code, arrived=self._process.clock.now)
        if self._all_busy and self._places is not None and len(self._waiting) >= self._places:
            self._tell("overloaded", exchange)
            exchange.reply((OVERLOADED, f"{self._process.name} has {self._busy} at work and {len(self._waiting)} "
                                        "waiting, as many as it takes"))
            return
        self._open[request.number] = exchange
        self._waiting.append(request.number)
        self._process.busy(1)
        if self._all_busy:
            self._tell("queued", exchange, len(self._waiting))
        self._take_up()

    @property
    def _all_busy(self) -> bool:
        return self._workers is not None and self._busy >= self._workers

    def _take_up(self) -> None:
        """Give the next requests to the workers that are free."""
        while self._waiting and self._handler is not None and not self._all_busy:
            number = self._next()
            if NEVER < self._open[number].payload.deadline <= self._process.clock.now:
                self._tell("expired", self._open.pop(number))
                continue
            self._busy += 1
            self._app.start_task(self._handled(number, self._handler))

    def _next(self) -> int:
        self._process.busy(-1)
        return self._waiting.popleft()

    def _hang_up(self, number: int) -> None:
        self._process.network.close_connection(self._open.pop(number))

    # -- the work

    async def _handled(self, number: int, handler: Handler) -> None:
        """Frames of dead processes are kept for ever: they hold the number of a request, not the request."""
        request: Request = self._open[number].payload
        self._app.in_hand.set((request.lane, request.ordinal))
        self._app.handling.set(request)
        try:
            answer = await self._answer(request, handler)
        except asyncio.CancelledError:
            self._hang_up(number)
            raise
        else:
            self._write_down(number, done=self._process.clock.now)
            self._open.pop(number).reply(answer)
        finally:
            self._busy -= 1
            if self._waiting:
                self._process.recorder.mark(self._process.clock.now, False)  # the next one begins
            self._take_up()

    async def _answer(self, request: Request, handler: Handler) -> tuple[str, str]:
        caller = self._open[request.number].source.name
        try:
            await self._app.step("receive", self._nothing, on=("callee", self._process.service.name),
                                 what=f"request from {caller}")
            self._write_down(request.number, taken_up=self._process.clock.now)
            self._tell("request", self._open[request.number])
            return ANSWERED, encode_value(await handler(json.loads(request.text)))
        except Exception as error:  # whatever the user's handler raises: the caller gets it, the server lives on
            return RAISED, f"{self._process.name} raised {self._process.handler_failed(error)}"

    async def _nothing(self) -> None:
        """A request is handed over: nothing else has to happen."""

    # -- the trace

    def _tell(self, kind: str, exchange: Exchange, b: int = -1) -> None:
        request: Request = exchange.payload
        self._process.recorder.event(kind, self._process, a=request.number, b=b,
                                     detail=f"{exchange.source.name}: {request.text}")

    def _write_down(self, number: int, **what: int) -> None:
        for name, value in what.items():
            setattr(self._process.recorder.calls[number], name, value)


def check_handler(handler: Any) -> None:
    """Raises TypeError for what is no `async def` of one argument."""
    if not is_async(handler):
        raise TypeError(f"serve({handler!r}): the handler must be an `async def` that takes the request")
    if not takes_one(handler):
        raise TypeError(f"serve({handler!r}): the handler must take exactly one argument, the request")
