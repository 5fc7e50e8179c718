"""What a caller can do about a service that is slow, full or gone. Each form pays with something else:

    retry.again             outlives a short failure        asks more of a service that is in trouble
    RetryBudget             repeats are a share of all      gives up sooner when much fails
    Breaker                 asks nothing of who is down     refuses for a while what would succeed again
    Bulkhead                a slow callee holds few of us   refuses what would only have to wait
    all_of                  slow as the slowest             fails when one fails
    quorum                  slow as the n-th fastest        asks for more answers than it needs
    hedged                  seldom slow                     does some work twice: for what may be done twice

A repeat of a request that timed out may be carried out twice: send an idempotency key along (`idempotency.py`).
Whoever waits should say until when: `app.call(..., deadline=app.now + 2)` tells all who work for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from simlib.patterns.retry import again, is_transient
from simlib.services.errors import Overloaded

Act = Callable[[], Awaitable[Any]]
"""What is to be done, such as `lambda: app.call("bank", order, timeout=2)`."""


# -- repeat, but not without end


class RetryBudget:
    """Lets repeats through while they are at most `share` of the calls made; `most` may come at once.

    Each call puts `share` into a purse that holds `most`, each repeat takes 1 out. It begins full.
    """

    def __init__(self, share: float = 0.1, most: float = 10.0) -> None:
        if not (0 <= share <= 1 and most >= 1):
            raise ValueError(f"RetryBudget(share={share}, most={most}): share is from 0 to 1, most at least 1")
        self._share, self._most, self._purse = share, most, most

    async def again(self, app: Any, act: Act, attempts: int = 4, base: float = 0.1, cap: float = 20.0,
                    worth: Callable[[Exception], bool] = is_transient) -> Any:
        """`retry.again`, as long as the budget lasts; then the failure is raised at once."""
        self._purse = min(self._most, self._purse + self._share)
        return await again(app, act, attempts, base, cap, worth=lambda error: worth(error) and self._spend())

    def _spend(self) -> bool:
        affordable = self._purse > 1 - 1e-9  # ten times 0.1 is a little less than 1
        self._purse -= affordable
        return affordable


# -- do not ask who is down


class CircuitOpen(ConnectionError):
    """The breaker is open: nobody was asked, nothing was done."""


class Breaker:
    """After `failures` in a row nobody is asked for `rest` seconds; then one call may try, and decides.

    A failure is that nobody answered (`retry.is_transient`); an error that the callee raises is an answer. One breaker
    for each callee, kept for the life of the process.
    """

    def __init__(self, app: Any, failures: int = 5, rest: float = 10.0) -> None:
        if failures < 1 or not rest > 0:
            raise ValueError(f"Breaker(failures={failures}, rest={rest}): at least 1 failure, and a rest above 0 s")
        self._app, self._limit, self._rest = app, failures, rest
        self._failed = 0
        self._rests_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the next call is refused."""
        return bool(self._app.now < self._rests_until - 1e-9)  # the sum of two times may be off by less than the clock

    async def call(self, act: Act) -> Any:
        """Do it, unless the breaker is open. Raises CircuitOpen, and what `act` raises."""
        if self.is_open:
            raise CircuitOpen(f"open until {self._rests_until:g} s, after {self._failed} failures in a row")
        if self._failed >= self._limit:
            self._open()  # half open: this call tries, the others go on resting
        try:
            answer = await act()
        except Exception as error:
            self._learn(failed=is_transient(error))
            raise
        self._learn(failed=False)
        return answer

    async def rested(self) -> None:
        """Wait until somebody may try: for a caller that must succeed and has nothing else to do."""
        await self._app.sleep(max(0.0, self._rests_until - self._app.now))

    def _learn(self, failed: bool) -> None:
        self._failed = self._failed + 1 if failed else 0
        self._rests_until = 0.0
        if self._failed >= self._limit:
            self._open()

    def _open(self) -> None:
        self._rests_until = self._app.now + self._rest


# -- do not let one callee hold all of us


class Bulkhead:
    """At most `places` calls at a time, one bulkhead for each callee; who finds no place is refused at once."""

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError(f"Bulkhead({places}): at least 1 place")
        self._places = asyncio.Semaphore(places)

    async def call(self, act: Act) -> Any:
        """Do it, if there is a place. Raises Overloaded, and what `act` raises."""
        if self._places.locked():
            raise Overloaded("the bulkhead has no place left: not asked")
        async with self._places:
            return await act()


# -- ask several


async def all_of(*acts: Act) -> list[Any]:
    """Do all at once; their answers, in the order of `acts`. The first failure is raised, and the rest is cancelled."""
    tasks = _begin(acts)
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        _cancel(tasks)


async def quorum(needed: int, *acts: Act) -> list[Any]:
    """Do all at once; the first `needed` answers, in the order of their arrival. The rest is cancelled.

    When too many have failed, the last failure is raised. What is cancelled may have been carried out.
    """
    if not 1 <= needed <= len(acts):
        raise ValueError(f"quorum({needed}): of {len(acts)} asked, 1 to {len(acts)} can be needed")
    tasks, answers, failed = _begin(acts), list[Any](), 0
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                answers.append(await finished)
            except Exception:
                failed += 1
                if len(acts) - failed < needed:
                    raise
            if len(answers) == needed:
                break
    finally:
        _cancel(tasks)
    return answers


async def hedged(app: Any, after: float, *acts: Act) -> Any:
    """The first answer: the next of `acts` is asked each time `after` seconds have gone by without one.

    With `after` at the 95th percentile of the time an answer takes, one request in twenty is made twice.
    """
    return (await quorum(1, *(partial(_later, app, n * after, act) for n, act in enumerate(acts))))[0]


async def _later(app: Any, seconds: float, act: Act) -> Any:
    if seconds:
        await app.sleep(seconds)
    return await act()


def _begin(acts: Iterable[Act]) -> list[asyncio.Future[Any]]:
    return [asyncio.ensure_future(act()) for act in acts]


def _cancel(tasks: list[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
