"""`app` on a real run: the same face as in virtual time, with real clients, a real clock and a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import cached_property
from random import Random
from typing import Any, NoReturn

from simlib.real.address import client_config
from simlib.real.errors import RealRunError
from simlib.real.plan import Plan
from simlib.real.worker.calls import RealCaller, RealServer
from simlib.real.worker.consumer import RealConsumer
from simlib.real.worker.database import RealDatabase
from simlib.real.worker.losses import Losses, Proxy
from simlib.real.worker.marks import Marks, earlier_lives
from simlib.real.worker.producer import RealProducer
from simlib.real.worker.redis import RealRedis
from simlib.real.worker.steps import Steps
from simlib.real.worker.wire import ask
from simlib.scenario.faults import STEP_KINDS
from simlib.scenario.settings import resolve_consumer
from simlib.services.asking import Outcome
from simlib.services.serving import NOTHING, Request
from simlib.services.talking import Talks
from simlib.trace.storage import to_json
from simlib.units import SECOND

EFFECT_TIMEOUT = 30.0
LONG_SLEEP = 5.0
"""A longer sleep is something a run waits for; a shorter one is a loop's heartbeat."""


class RealApp(Talks):
    """The one argument of a service's `main`."""

    def __init__(self, plan: Plan, life: int, marks: Marks, control: Any, loop: asyncio.AbstractEventLoop) -> None:
        """`control.began`: time 0 of the scenario on this machine's monotonic clock (ns), 0 until it is known."""
        before = earlier_lives(plan.folder, plan.name, life)
        self.plan, self.marks, self.loop, self.life = plan, marks, loop, life
        self.in_hand: ContextVar[str | None] = ContextVar("in_hand", default=None)
        self.handling: ContextVar[Request] = ContextVar("handling", default=NOTHING)
        self._caller, self.server = RealCaller(self), RealServer(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._control = control
        self._losses = Losses(plan, marks, before)
        self._steps = Steps(plan, life, marks, self._losses, before)
        self._number = sum(mark[1] == "produced" for mark in before)
        # Brokers make member ids of it, and assignors go by these: who gets which partition is as in virtual time.
        self.client = {**client_config([*plan.bootstrap]), "client_id": plan.name}
        if self._losses.on_the_wire:
            self.client["proxy_url"] = Proxy(self._losses).url

    @cached_property
    def random(self) -> Random:
        """This process's own random numbers, the same as in virtual time."""
        return Random(f"{self.plan.scenario.seed}/{self.name}/{self.life}")

    @property
    def name(self) -> str:
        """Which process this is: `<service>-<n>`."""
        return self.plan.name

    @property
    def now(self) -> float:
        """Seconds since the scenario's start."""
        return self.now_ns / SECOND

    @property
    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return time.monotonic_ns() - int(self._control.began)

    @property
    def time_of_day(self) -> int:
        """Time 0 of the scenario, on the clock of Kafka's timestamps (ms since 1970)."""
        return int(self._control.time_of_day)

    @property
    def stopping(self) -> bool:
        """Has it been asked to end (SIGTERM)?"""
        return bool(self._control.stopping)

    # -- clients

    def producer(self, **config: Any) -> RealProducer:
        """A Kafka producer; settings have kafka-python's names and defaults. Raises ConfigError."""
        key_serializer = config.pop("key_serializer", None)
        return RealProducer(self, config, key_serializer)

    def consumer(self, *topics: str, group_id: str, **config: Any) -> RealConsumer:
        """A Kafka consumer of one or several topics; settings as kafka-python's. Raises ConfigError."""
        for topic in topics:
            self.check_topic(f"consumer({topic!r})", topic)
        if not topics:
            raise ValueError("consumer(): name at least one topic to read")
        settings = resolve_consumer("kafka-python", config)
        if settings.group_protocol == "consumer":
            self._refuse("app.consumer(group_protocol='consumer')", "kafka-python speaks the classic protocol alone")
        session = settings.session_timeout_ms
        self.marks.write("consumes", group_id, session, settings.isolation_level)
        self._steps.session_timeout_ms = session
        return RealConsumer(self, topics, group_id, config)

    def check_topic(self, what: str, topic: str) -> None:
        """Raises ValueError with the topics there are."""
        known = [each.name for each in self.plan.scenario.topics]
        if topic not in known:
            raise ValueError(f"{what}: no such topic; this scenario has {', '.join(known)}")

    @cached_property
    def database(self) -> RealDatabase:
        """The database of this service: shared by its instances, still there after a crash."""
        return RealDatabase(self, self.plan.database)

    @cached_property
    def redis(self) -> RealRedis:
        """The scenario's one Redis, `redis-0`: shared by all services, as redis-py's asyncio client."""
        return RealRedis(self)

    def share_consumer(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse("app.share_consumer", "kafka-python has no share groups (KIP-932). Use app.consumer")

    def _refuse(self, what: str, instead: str) -> NoReturn:
        problem = f"{self.name} uses {what}, which a real run does not have: {instead}, or run it in virtual time"
        self.marks.write("refused", problem)
        raise RealRunError(problem)

    # -- the outside world

    async def effect(self, name: str, key: Any) -> None:
        """Do something in the outside world that cannot be undone: here, a line in a file."""
        if name in STEP_KINDS:
            raise ValueError(f"effect({name!r}): {', '.join(STEP_KINDS)} are kinds of steps; choose another name")
        _check_key(name, key)
        await self.step(name, lambda: self._happens(name, key), what=f"{name} {key}")

    async def _happens(self, name: str, key: Any) -> None:
        lost = self._losses.takes("effect")
        if lost != "request":
            self.marks.write("effect", name, key, self.in_hand.get())
        if lost:
            await asyncio.sleep(EFFECT_TIMEOUT)
            raise TimeoutError(f"no answer to effect({name!r}, {key!r}): it may have happened, or not")

    async def show(self, *lines: object) -> None:
        """Put these lines on the screen of whoever sits at this process."""
        await self.step("show", lambda: self._shown("\n".join(map(str, lines))))

    async def _shown(self, text: str) -> None:
        self.marks.write("shown", text)

    async def sleep(self, seconds: float) -> None:
        """Wait; other tasks of this process go on."""
        self._tell_of_long(seconds)
        await asyncio.sleep(seconds)

    async def work(self, seconds: float) -> None:
        """Compute for so long; nothing else of this process runs meanwhile."""
        if seconds < 0:
            raise ValueError(f"work({seconds}): a length of time cannot be negative")
        self._tell_of_long(seconds)
        time.sleep(seconds)

    def _tell_of_long(self, seconds: float) -> None:
        """The run does not end meanwhile."""
        if seconds > LONG_SLEEP:
            self.marks.write("sleeping", seconds)

    # -- steps

    async def step(self, kind: str, act: Callable[[], Awaitable[Any]], on: object = None, what: str = "",
                   wire: str | None = None) -> Any:
        """One interaction with the world: the process may be made to die just before it, or just after it.

        `on`, which steps have in common whose order may matter, is of use in virtual time only.
        """
        return await self._steps.take(kind, act, what, wire)

    async def ask(self, kind: str, target: str, payload: Any, within: int) -> Outcome:
        """Send a request to another process of the run; wait for its outcome, `within` nanoseconds at most.

        Of one that gets lost, or whose reply does, nothing is heard until the time is over.
        """
        until = self.now_ns + within
        if not self._losses.takes(kind, ("request",)):
            outcome = await ask(self.plan, target, payload, within / SECOND)
            if outcome.failure or not self._losses.takes(kind, ("reply",)):
                return outcome
        await asyncio.sleep((until - self.now_ns) / SECOND)
        return Outcome(None, "timed out")

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Something more this process does from now on."""
        task = self.loop.create_task(work)
        self._tasks.add(task)  # the event loop itself does not hold it
        task.add_done_callback(self._tasks.discard)

    def future(self) -> asyncio.Future[Any]:
        """Something to wait for."""
        return self.loop.create_future()

    def next_number(self) -> int:
        """The number of this producer's next message, over all its lives."""
        self._number += 1
        return self._number - 1


def _check_key(name: str, key: Any) -> None:
    """Raises TypeError for what cannot be written down."""
    try:
        to_json(key)
    except TypeError as error:
        raise TypeError(f"effect({name!r}, {key!r}): {error}; on a real run a key is text, bytes, a number, or a list, "
                        "tuple or dict of these: write str(key), say") from None
