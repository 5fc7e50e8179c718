"""The service steps of a run: numbered, written down, and hit where a schedule says so.

Only `explore` and the replay of one of its schedules number steps; an ordinary run does not pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from simlib.scenario.schedules import Hit, Schedule, StepId
from simlib.units import MS, SECOND, millis
from simlib.world.clock import FAULT
from simlib.world.losses import StepLoss, WireLoss

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.world.process import Process
    from simlib.world.world import World

STALL_MORE = 15 * SECOND
"""A process that stands still does so for its session time-out and this much longer: it comes back as a zombie."""

USUAL_SESSION_MS = 45_000
"""The session time-out taken for a process that is in no group."""

LONGEST_HOLD = 15 * SECOND
"""No request is held longer than half the time-out of whoever made it (an effect: 30 s)."""

SHORT_HOLD = 2_500 * MS
"""A statement may hold a lock that others wait for only 5 s; a call's own time-out is often as short."""

BROKER_BACK_AFTER = 20.0
"""Seconds after which a broker that a schedule kills is started again."""

ON_THE_WIRE = {"send": "produce", "commit": "commit", "acknowledge": "share_acknowledge", "call": "call",
               "redis": "redis"}
"""The request a step makes, by its kind; an effect's is called effect."""


def longest_hold(on: Any) -> int:
    """How long a request for this thing may be held (ns)."""
    return SHORT_HOLD if isinstance(on, tuple) and on[0] in ("database", "callee") else LONGEST_HOLD


class Step:
    """One step that was taken: plain data, kept when the run is gone.

    `on` is what it touches, `what` says so in words, `applied` is its place among the applied steps (None: never, as
    far as its process knows), `began` and `ended` are times (ns), `wire` is the request it makes (None: by its kind).
    """

    __slots__ = ("applied", "began", "ended", "id", "message", "on", "what", "wire")

    def __init__(self, id: StepId, on: Any, began: int) -> None:
        self.id = id
        self.on = on
        self.began = began
        self.ended: int | None = None
        self.applied: int | None = None
        self.what = ""
        self.message = ""
        self.wire: str | None = None


class Steps:
    """All service steps of one run, and the hits aimed at them."""

    def __init__(self, world: World, schedule: Schedule) -> None:
        self.world = world
        self.taken: list[Step] = []
        self.unreached: dict[Hit, None] = dict.fromkeys(schedule)
        self.hit_brokers = any(hit.kind in ("broker", "wire") for hit in schedule)
        self._hits: dict[StepId, list[Hit]] = {}
        for hit in schedule:
            if hit.kind == "wire":
                self._lose_on_the_wire(hit)
            else:
                self._hits.setdefault(hit.step, []).append(hit)
        self._counts: dict[tuple[str, int, str], int] = {}
        self._applied = 0
        self._done: dict[StepId, None] = {}
        self._held: dict[StepId, list[tuple[Process, int, asyncio.Future[None]]]] = {}

    async def take(self, app: App, kind: str, act: Callable[[], Awaitable[Any]], on: Any, what: str,
                   again: Callable[[Any], None] | None, wire: str | None = None) -> Any:
        """Carry out one step of a process, with all that befalls it."""
        step = self._begin(app, kind, on, what)
        step.wire = wire
        hits = self._hits.get(step.id, ())
        for hit in hits:
            await self._before(hit, app, step)
        result = await act()
        self._end(app, step, result)
        for hit in hits:
            await self._after(hit, app, result, again)
        return result

    def _begin(self, app: App, kind: str, on: Any, what: str) -> Step:
        process = app.process
        place = process.name, process.incarnation, kind
        self._counts[place] = nth = self._counts.get(place, 0) + 1
        step = Step(StepId(*place, nth), on, process.clock.now)
        step.what = what
        self.taken.append(step)
        return step

    def _end(self, app: App, step: Step, result: Any) -> None:
        step.applied, self._applied = self._applied, self._applied + 1
        step.ended = app.process.clock.now
        step.message = received(result) if step.id.kind == "receive" else ""
        self._done[step.id] = None
        for process, life, future in self._held.pop(step.id, ()):
            if process.incarnation == life:
                process.after(0, _let_go, future)

    # -- hits

    async def _before(self, hit: Hit, app: App, step: Step) -> None:
        if hit.fault in ("crash-before", "stall-before"):
            await self._strike(hit, app)
        elif hit.fault == "hold":
            await self._hold(hit, app, step)
        elif hit.fault != "twice" and not hit.fault.endswith("-after"):
            self._lose(hit, app, step)

    async def _after(self, hit: Hit, app: App, result: Any, again: Callable[[Any], None] | None) -> None:
        if hit.fault in ("crash-after", "stall-after"):
            await self._strike(hit, app)
        elif hit.fault == "twice" and again is not None:
            self._reached(hit)
            again(result)

    async def _strike(self, hit: Hit, app: App) -> None:
        self._reached(hit)
        if hit.kind == "crash":
            self._kill(app)
            await asyncio.Future()  # dead: this never goes on
        self._stall(app)
        await asyncio.sleep(0)

    def _kill(self, app: App) -> None:
        process = app.process
        self.world.failures.crash(process, process.service.restart_after)

    def _stall(self, app: App) -> None:
        process = app.process
        settings = process.settings
        session = millis(getattr(settings, "session_timeout_ms", USUAL_SESSION_MS))
        self.world.failures.pause(process, session + STALL_MORE)

    async def _hold(self, hit: Hit, app: App, step: Step) -> None:
        """Wait for the other step, but never so long that a time-out would be the story."""
        assert hit.until is not None
        self._reached(hit)
        if hit.until in self._done:
            return
        waiting = app.future()
        app.process.busy(1)
        self._held.setdefault(hit.until, []).append((app.process, app.process.incarnation, waiting))
        app.process.after(longest_hold(step.on), _let_go, waiting)
        await waiting
        app.process.busy(-1)

    def _lose(self, hit: Hit, app: App, step: Step) -> None:
        """The request this step is about to make, or its reply, gets lost; a broker may die with it."""
        what = "request" if hit.fault == "lose-request" else "reply"
        kind = step.wire or ON_THE_WIRE.get(step.id.kind, "effect")
        loss = StepLoss(app.process, what, kind, lambda exchange: self._lost(hit, loss, exchange))
        loss.spares = hit.fault == "kill-after-ack"
        self.world.network.losses.append(loss)

    def _lose_on_the_wire(self, hit: Hit) -> None:
        self.world.network.losses.append(WireLoss(hit, lambda exchange: self._reached(hit)))

    def _lost(self, hit: Hit, loss: StepLoss, exchange: Any) -> None:
        self._reached(hit)
        if hit.kind == "broker":
            clock = self.world.clock
            clock.at(clock.now, FAULT, self.world.failures.crash, exchange.target, BROKER_BACK_AFTER)

    def _reached(self, hit: Hit) -> None:
        self.unreached.pop(hit, None)


def received(result: Any) -> str:
    """The message that was handed over, or the first and last of several."""
    if isinstance(result, dict):
        names = [record.message for records in result.values() for record in records]
        return " to ".join(dict.fromkeys((names[0], names[-1]))) if names else ""
    return str(getattr(result, "message", ""))


def _let_go(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
