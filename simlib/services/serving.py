"""`app.serve`: the side of a call that answers, in virtual time as on a real Kafka.

A few workers, a queue before them, and no more than fit in there.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from simlib.scenario.async_functions import is_async, takes_one
from simlib.scenario.check_calls import serve_problem
from simlib.services.producer import encode_value
from simlib.units import NEVER

ANSWERED, RAISED, NOT_SERVING, OVERLOADED = "answered", "raised", "not serving", "overloaded"

Handler = Callable[[Any], Awaitable[Any]]


class Request(NamedTuple):
    """What travels: the number of the call, the request as JSON, its deadline (ns), the record in the caller's hand."""

    number: Any
    text: str
    deadline: int
    in_hand: Any


NOTHING = Request(-1, "", NEVER, (-1, -1))
"""No request is being handled."""


class Named(Protocol):
    """A process."""

    @property
    def name(self) -> str: ...


class Asked(Protocol):
    """A request that came, and the way back for its answer."""

    @property
    def payload(self) -> Any: ...

    @property
    def source(self) -> Named: ...

    def reply(self, answer: Any) -> None: ...


class ServingApp(Protocol):
    """What a server needs of its `app`."""

    in_hand: ContextVar[Any]
    handling: ContextVar[Request]

    @property
    def name(self) -> str: ...

    async def step(self, kind: str, act: Callable[[], Awaitable[Any]], on: object = None, what: str = "") -> Any: ...

    def start_task(self, work: Coroutine[Any, Any, None]) -> None: ...

    def future(self) -> asyncio.Future[Any]: ...


async def nothing() -> None:
    """A request is handed over: nothing else has to happen."""


class Serving(ABC):
    """Each request is handled in a task of its own; as many at a time as there are workers."""

    def __init__(self, app: ServingApp, service: str) -> None:
        self._app = app
        self._service = service
        self._handler: Handler | None = None
        self._workers: int | None = None
        self._places: int | None = None
        self._open: dict[Any, Asked] = {}
        self._waiting: deque[Any] = deque()
        self._busy = 0

    async def serve(self, handler: Handler, workers: int | None, queue: int | None) -> None:
        """Take requests until cancelled. Those that still wait then see their connection break."""
        check_handler(handler)
        if wrong := serve_problem(workers, queue):
            raise ValueError(wrong)
        if self._handler is not None:
            raise RuntimeError(f"{self._app.name} serves already; one process has one handler")
        self._handler, self._workers, self._places = handler, workers, queue
        try:
            await self._listen()
        finally:
            self._handler = None
            while self._waiting:
                self._hang_up(self._open.pop(self._next()))

    # -- the queue

    def arrived(self, exchange: Asked) -> None:
        """A request reaches this process."""
        request: Request = exchange.payload
        if self._handler is None:
            exchange.reply((NOT_SERVING, ""))
            return
        self._write_down(request.number, "arrived")
        if self._all_busy and self._places is not None and len(self._waiting) >= self._places:
            self._tell("overloaded", exchange)
            exchange.reply((OVERLOADED, f"{self._app.name} has {self._busy} at work and {len(self._waiting)} "
                                        "waiting, as many as it takes"))
            return
        self._open[request.number] = exchange
        self._waiting.append(request.number)
        self._one_waits(1)
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
            if NEVER < self._open[number].payload.deadline <= self._now:
                self._tell("expired", self._open.pop(number))
                continue
            self._busy += 1
            self._app.start_task(self._handled(number, self._handler))

    def _next(self) -> Any:
        self._one_waits(-1)
        return self._waiting.popleft()

    # -- the work

    async def _handled(self, number: Any, handler: Handler) -> None:
        """Frames of dead processes are kept for ever: they hold the number of a request, not the request."""
        request: Request = self._open[number].payload
        self._app.in_hand.set(request.in_hand)
        self._app.handling.set(request)
        try:
            answer = await self._answer(request, handler)
        except asyncio.CancelledError:
            self._hang_up(self._open.pop(number))
            raise
        else:
            self._write_down(number, "done")
            self._open.pop(number).reply(answer)
        finally:
            self._busy -= 1
            if self._waiting:
                self._next_begins()
            self._take_up()

    async def _answer(self, request: Request, handler: Handler) -> tuple[str, str]:
        caller = self._open[request.number].source.name
        try:
            await self._app.step("receive", nothing, on=("callee", self._service),
                                 what=f"request from {caller}")
            self._write_down(request.number, "taken_up")
            self._tell("request", self._open[request.number])
            return ANSWERED, encode_value(await handler(json.loads(request.text)))
        except Exception as error:  # whatever the user's handler raises: the caller gets it, the server lives on
            return RAISED, f"{self._app.name} raised {self._failed(error)}"

    # -- what a backend adds

    @property
    @abstractmethod
    def _now(self) -> int:
        """Nanoseconds since the scenario's start."""

    @abstractmethod
    async def _listen(self) -> None:
        """Until cancelled."""

    @abstractmethod
    def _hang_up(self, exchange: Asked) -> None:
        """Close the connection on which a request came."""

    @abstractmethod
    def _failed(self, error: Exception) -> str:
        """Write down that a handler raised: the error in words."""

    @abstractmethod
    def _tell(self, kind: str, exchange: Asked, b: int = -1) -> None:
        """Write down an event about a request."""

    @abstractmethod
    def _write_down(self, number: Any, what: str) -> None:
        """Now the request of this number has "arrived" here, was "taken_up", or is "done"."""

    @abstractmethod
    def _one_waits(self, change: int) -> None:
        """One more request, or one less, waits for its turn."""

    @abstractmethod
    def _next_begins(self) -> None:
        """A worker is free for one that waited."""


def check_handler(handler: Any) -> None:
    """Raises TypeError for what is no `async def` of one argument."""
    if not is_async(handler):
        raise TypeError(f"serve({handler!r}): the handler must be an `async def` that takes the request")
    if not takes_one(handler):
        raise TypeError(f"serve({handler!r}): the handler must take exactly one argument, the request")
