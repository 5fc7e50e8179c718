"""`app.redis`: the scenario's one Redis, with the names and meanings of redis-py's asyncio client, on both backends.

Values come back as bytes, as they do there unless told otherwise. Unlike newer redis-py clients this one never sends a
command again by itself: a lost answer is the caller's to deal with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from simlib.services.asking import Outcome, ask, no_answer
from simlib.services.errors import DataError, ResponseError
from simlib.units import SECOND
from simlib.world.redis import in_words

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess

ANSWER_WITHIN = 30 * SECOND
"""redis-py waits for ever unless it is given a `socket_timeout`; nobody should."""

Text = str | bytes


class TakesSteps(Protocol):
    """What the commands need of their `app`."""

    async def step(self, kind: str, act: Callable[[], Awaitable[Any]], on: object = None, what: str = "") -> Any: ...


class Commands(ABC):
    """Raises TimeoutError when a request or its answer is lost, ConnectionError when Redis is down."""

    def __init__(self, app: TakesSteps) -> None:
        self._app = app

    async def set(self, name: Text, value: Text | float, ex: int | timedelta | None = None,
                  px: int | timedelta | None = None, nx: bool = False, xx: bool = False) -> bool | None:
        """True, or None where `nx` (only if it is not there) or `xx` (only if it is) kept it from being set.

        It expires after `ex` seconds or `px` milliseconds; without either it stays, also where it would have expired.
        """
        if nx and xx or ex is not None and px is not None:
            raise DataError(f"set({name!r}): give nx or xx, and ex or px, not both of them")
        millis = _whole(px, "px", 1) if ex is None else _whole(ex, "ex", 1_000)
        done: bool | None = await self._carried_out("SET", _text(name), encoded(value), bool(nx), bool(xx), millis)
        return done

    async def get(self, name: Text) -> bytes | None:
        """Its value, None if there is none (any more)."""
        value: bytes | None = await self._carried_out("GET", _text(name))
        return value

    async def delete(self, *names: Text) -> int:
        """How many of the names were there."""
        if not names:
            raise DataError("delete(): name at least one key")
        count: int = await self._carried_out("DEL", *map(_text, names))
        return count

    async def incr(self, name: Text, amount: int = 1) -> int:
        """Its value after the addition; what was not there counts from 0. Raises ResponseError for other texts."""
        if isinstance(amount, bool) or not isinstance(amount, int):
            raise DataError(f"incr({name!r}, {amount!r}): the amount must be a whole number")
        value: int = await self._carried_out("INCRBY", _text(name), amount)
        return value

    async def _carried_out(self, *words: Any) -> Any:
        keys = words[1:] if words[0] == "DEL" else words[1:2]
        return await self._app.step("redis", lambda: self._asked(words), on=("redis", *keys), what=in_words(*words))

    async def _asked(self, words: tuple[Any, ...]) -> Any:
        outcome = await self._ask(words, ANSWER_WITHIN)
        if outcome.failure:
            raise no_answer(f"redis {in_words(*words)}", outcome.failure)
        succeeded, answer = outcome.answer
        if not succeeded:
            raise ResponseError(answer)
        return answer

    @abstractmethod
    def _ask(self, words: tuple[Any, ...], within: int) -> Awaitable[Outcome]:
        """Send a command, and wait at most so many nanoseconds for the outcome: (succeeded, answer)."""


class ServiceRedis(Commands):
    """In virtual time."""

    _app: App

    def __init__(self, app: App, process: ServiceProcess) -> None:
        super().__init__(app)
        self._process = process

    def _ask(self, words: tuple[Any, ...], within: int) -> Awaitable[Outcome]:
        return ask(self._app, self._process, self._process.world.stores.redis, "redis", words, within)


def encoded(value: Any) -> bytes:
    """What Redis keeps. Raises DataError for what redis-py would not encode."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise DataError(f"{value!r} is of type {type(value).__name__}; Redis keeps bytes, str, int or float")
    return (value if isinstance(value, str) else repr(value)).encode("utf-8")


def _text(name: Any) -> str:
    return encoded(name).decode("utf-8")


def _whole(length: Any, name: str, millis: int) -> int | None:
    if isinstance(length, timedelta):
        return length // timedelta(milliseconds=millis) * millis
    if length is None or isinstance(length, int) and not isinstance(length, bool):
        return None if length is None else length * millis
    raise DataError(f"{name}={length!r} must be a whole number or a timedelta")
