"""`app.call`: one service asks another and waits for the answer, in virtual time as on a real Kafka.

A caller goes round the instances of a service. An instance that is down or does not serve refuses the connection, and
the next one is tried; only when all refuse does the caller learn of it. A request that was taken is never sent again.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any, Protocol

from simlib.scenario.check_calls import DEFAULT_TIMEOUT, callee_problem, is_time, timeout_problem
from simlib.services.asking import NOT_REACHED, Outcome, no_answer
from simlib.services.errors import Overloaded, RemoteError
from simlib.services.producer import encode_value
from simlib.services.serving import ANSWERED, NOT_SERVING, OVERLOADED, RAISED, Request
from simlib.trace import calls as rows
from simlib.units import NEVER, SECOND

LEARNED = {ANSWERED: rows.ANSWERED, RAISED: rows.RAISED, OVERLOADED: rows.OVERLOADED, "timed out": rows.TIMED_OUT,
           "disconnected": rows.RESET, **dict.fromkeys(NOT_REACHED, rows.REFUSED)}
"""What the trace calls an answer, or the lack of one."""


class CallingApp(Protocol):
    """What a caller needs of its `app`."""

    in_hand: ContextVar[Any]
    handling: ContextVar[Request]

    async def step(self, kind: str, act: Callable[[], Awaitable[Any]], on: object = None, what: str = "") -> Any: ...


class Calls(ABC):
    """The side that asks. Each backend says who can be asked, carries the request, and writes down how it ended."""

    def __init__(self, app: CallingApp) -> None:
        self._app = app
        self._turns: dict[str, Iterator[int]] = {}

    async def call(self, service: str, request: Any, timeout: float | None, deadline: float | None) -> Any:
        """One request, one answer."""
        self._check(service, timeout, deadline)
        text = encode_value(request)
        return await self._app.step("call", lambda: self._asked(service, text, timeout, deadline),
                                    on=("callee", service), what=f"call {service}: {text}")

    def _check(self, service: str, timeout: Any, deadline: Any) -> None:
        wrong = callee_problem(service, self._own_service, self._services()) or timeout_problem(service, timeout)
        if wrong:
            raise ValueError(wrong)
        if deadline is not None and not is_time(deadline):
            raise ValueError(f"call({service!r}, deadline={deadline!r}): an instant in seconds, such as app.now + 2")

    # -- how long

    def _deadline(self, deadline: float | None) -> int:
        """The caller's own, or that of the request it is handling, whichever is earlier (ns)."""
        inherited = self._app.handling.get().deadline
        if deadline is None:
            return inherited
        own = max(round(deadline * SECOND), NEVER + 1)
        return own if inherited == NEVER else min(own, inherited)

    def _latest(self, began: int, timeout: float | None, deadline: int) -> int:
        """When a caller that began so gives up (ns). A real clock says something else each time it is asked."""
        if timeout is None and deadline != NEVER:
            return deadline
        latest = began + round((DEFAULT_TIMEOUT if timeout is None else timeout) * SECOND)
        return latest if deadline == NEVER else min(latest, deadline)

    # -- asking

    async def _asked(self, service: str, text: str, timeout: float | None, deadline: float | None) -> Any:
        until = self._deadline(deadline)
        began = self._now
        latest = self._latest(began, timeout, until)
        what = f"call({service!r})"
        if latest <= began:
            raise TimeoutError(f"{what}: not sent, for its deadline has passed ({latest / SECOND:g} s)")
        number = self._begin(service, text, until)
        try:
            outcome = await self._taken(service, Request(number, text, until, self._app.in_hand.get()), latest)
        except asyncio.CancelledError:
            self._end(number, rows.CANCELLED, f"{service}: cancelled by the caller")
            raise
        if outcome.failure:
            self._end(number, LEARNED[outcome.failure], f"{service}: {outcome.failure}")
            within = f"{what} within {(latest - began) / SECOND:g} s"
            raise no_answer(within if outcome.failure == "timed out" else what, outcome.failure)
        return self._understood(number, service, *outcome.answer)

    def _understood(self, number: Any, service: str, kind: str, answer: str) -> Any:
        self._end(number, LEARNED[kind], f"{service}: {answer}", answer)
        if kind == RAISED:
            raise RemoteError(answer)
        if kind == OVERLOADED:
            raise Overloaded(f"call({service!r}): {answer}")
        return json.loads(answer)

    async def _taken(self, service: str, request: Request, latest: int) -> Outcome:
        """The outcome at the first instance that takes the request."""
        outcome = Outcome(None, "connection refused")
        for instance in self._in_turn(service):
            left = latest - self._now
            if left <= 0:
                return Outcome(None, "timed out")
            outcome = await self._ask(instance, request, left)
            if outcome.answer and outcome.answer[0] == NOT_SERVING:
                outcome = Outcome(None, "connection refused")
            if outcome.failure not in NOT_REACHED:
                return outcome
        return outcome

    def _in_turn(self, service: str) -> list[str]:
        """All instances; each call begins with another one."""
        instances = self._instances(service)
        first = next(self._turns.setdefault(service, count())) % len(instances)
        return [*instances[first:], *instances[:first]]

    # -- what a backend adds

    @property
    @abstractmethod
    def _now(self) -> int:
        """Nanoseconds since the scenario's start."""

    @property
    @abstractmethod
    def _own_service(self) -> str: ...

    @abstractmethod
    def _services(self) -> list[str]:
        """The names of all services."""

    @abstractmethod
    def _instances(self, service: str) -> Sequence[str]:
        """The names of a service's processes."""

    @abstractmethod
    def _ask(self, instance: str, request: Request, within: int) -> Awaitable[Outcome]:
        """Send a request, and wait at most so many nanoseconds for the outcome: (kind, answer)."""

    @abstractmethod
    def _begin(self, service: str, text: str, deadline: int) -> Any:
        """Write down that a call begins: its number."""

    @abstractmethod
    def _end(self, number: Any, outcome: int, detail: str, answer: str | None = None) -> None:
        """Write down how it ended; `answer` is None where none came."""
