"""`app.call` and `app.serve`: one service asks another and waits for the answer.

A caller goes round the instances of a service. An instance that is down or does not serve refuses the connection, and
the next one is tried; only when all refuse does the caller learn of it. A request that was taken is never sent again.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from simlib.scenario.errors import what_exists
from simlib.services.asking import NOT_REACHED, Outcome, ask, no_answer
from simlib.services.errors import RemoteError
from simlib.services.producer import encode_value
from simlib.units import SECOND
from simlib.world.exchange import Exchange

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess

DEFAULT_TIMEOUT = 30.0
"""Seconds a caller waits when it says nothing else."""

ANSWERED, RAISED, NOT_SERVING = "answered", "raised", "not serving"

Handler = Callable[[Any], Awaitable[Any]]


class Caller:
    """The side that asks."""

    def __init__(self, app: App, process: ServiceProcess) -> None:
        self._app = app
        self._process = process
        self._turns: dict[str, Iterator[int]] = {}

    async def call(self, service: str, request: Any, timeout: float | None) -> Any:
        """One request, one answer."""
        self._check(service, timeout)
        text = encode_value(request)
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        return await self._app.step("call", lambda: self._asked(service, text, seconds), on=("callee", service),
                                    what=f"call {service}: {text}")

    def _check(self, service: str, timeout: float | None) -> None:
        known = [one.name for one in self._process.world.scenario.services]
        own = self._process.service.name
        if service not in known:
            raise ValueError(f"call({service!r}): no such service{what_exists(service, known)}")
        if service == own:
            raise ValueError(f"call({service!r}): this is {own} itself; await the function that handles requests")
        if timeout is not None and (isinstance(timeout, bool) or not timeout > 0):
            raise ValueError(f"call({service!r}, timeout={timeout!r}): seconds above 0, or None for "
                             f"{DEFAULT_TIMEOUT:g} s")

    async def _asked(self, service: str, text: str, seconds: float) -> Any:
        self._note("called", f"{service}: {text}")
        outcome = await self._taken(service, text, seconds)
        what = f"call({service!r})"
        if outcome.failure:
            self._note("answered", f"{service}: {outcome.failure}")
            raise no_answer(f"{what} within {seconds:g} s" if outcome.failure == "timed out" else what, outcome.failure)
        kind, answer = outcome.answer
        self._note("answered", f"{service}: {answer}")
        self._process.recorder.mark(self._process.clock.now, kind == ANSWERED)
        if kind == RAISED:
            raise RemoteError(answer)
        return json.loads(answer)

    async def _taken(self, service: str, text: str, seconds: float) -> Outcome:
        """The outcome at the first instance that takes the request."""
        latest = self._process.clock.now + round(seconds * SECOND)
        outcome = Outcome(None, "connection refused")
        for instance in self._in_turn(service):
            left = latest - self._process.clock.now
            if left <= 0:
                return Outcome(None, "timed out")
            outcome = await ask(self._app, self._process, self._process.world.processes[instance], "call",
                                (text, *self._app.in_hand.get()), left)
            if outcome.answer == (NOT_SERVING, ""):
                outcome = Outcome(None, "connection refused")
            if outcome.failure not in NOT_REACHED:
                return outcome
        return outcome

    def _in_turn(self, service: str) -> list[str]:
        """All instances; each call begins with another one."""
        instances = self._process.world.scenario.members_of(service)
        first = next(self._turns.setdefault(service, count())) % len(instances)
        return [*instances[first:], *instances[:first]]

    def _note(self, kind: str, detail: str) -> None:
        self._process.recorder.event(kind, self._process, detail=detail)


class Server:
    """The side that answers. Each request is handled in a task of its own."""

    def __init__(self, app: App, process: ServiceProcess) -> None:
        self._app = app
        self._process = process
        self._handler: Handler | None = None
        self._open: dict[int, Exchange] = {}
        self._numbers = count()

    async def serve(self, handler: Handler) -> None:
        """Take requests until cancelled."""
        check_handler(handler)
        if self._handler is not None:
            raise RuntimeError(f"{self._process.name} serves already; one process has one handler")
        self._handler = handler
        try:
            await self._app.future()
        finally:
            self._handler = None

    def arrived(self, exchange: Exchange) -> None:
        """A request reaches this process."""
        if self._handler is None:
            exchange.reply((NOT_SERVING, ""))
            return
        number = next(self._numbers)
        self._open[number] = exchange
        self._app.start_task(self._handled(number, self._handler))

    async def _handled(self, number: int, handler: Handler) -> None:
        """Frames of dead processes are kept for ever: they hold the number of a request, not the request."""
        text, lane, ordinal = self._open[number].payload
        self._app.in_hand.set((lane, ordinal))
        caller = self._open[number].source.name
        try:
            await self._app.step("receive", self._nothing, on=("callee", self._process.service.name),
                                 what=f"request from {caller}")
            self._process.recorder.event("request", self._process, detail=f"{caller}: {text}")
            answer = ANSWERED, encode_value(await handler(json.loads(text)))
        except asyncio.CancelledError:
            self._process.network.close_connection(self._open.pop(number))
            raise
        except Exception as error:  # whatever the user's handler raises: the caller gets it, the server lives on
            answer = RAISED, f"{self._process.name} raised {self._process.handler_failed(error)}"
        self._open.pop(number).reply(answer)

    async def _nothing(self) -> None:
        """A request is handed over: nothing else has to happen."""


def check_handler(handler: Any) -> None:
    """Raises TypeError for what is no `async def` of one argument."""
    if not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))):  # noqa: B004
        raise TypeError(f"serve({handler!r}): the handler must be an `async def` that takes the request")
    try:
        inspect.signature(handler).bind(object())
    except TypeError:
        raise TypeError(f"serve({handler!r}): the handler must take exactly one argument, the request") from None
