"""`app`: everything a service can do to the world. Every await on it is a step at which the process can die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import cached_property, partial
from random import Random
from typing import TYPE_CHECKING, Any

from simlib.scenario.errors import ConfigError
from simlib.scenario.faults import STEP_KINDS
from simlib.scenario.group_protocols import as_brokers_say
from simlib.scenario.settings import resolve_consumer, resolve_producer
from simlib.scenario.share_groups import ShareSettings, lock_problem, resolve_share_consumer
from simlib.scenario.share_groups import as_brokers_say as as_brokers_say_to_sharers
from simlib.services.caller import Caller
from simlib.services.consumer import ServiceConsumer
from simlib.services.database import ServiceDatabase
from simlib.services.producer import ServiceProducer
from simlib.services.redis import ServiceRedis
from simlib.services.server import Server
from simlib.services.serving import NOTHING, Request
from simlib.services.share_consumer import ServiceShareConsumer
from simlib.services.talking import Talks
from simlib.units import SECOND
from simlib.world.event_loop import VirtualLoop, forget
from simlib.world.faults import dies

if TYPE_CHECKING:
    from simlib.services.process import ServiceProcess

EFFECT_TIMEOUT = 30 * SECOND


class App(Talks):
    """The one argument of a service's `main`."""

    def __init__(self, process: ServiceProcess, loop: VirtualLoop) -> None:
        self._process = process
        self._loop = loop
        self._producers: list[ServiceProducer] = []
        self._consumers: list[ServiceConsumer | ServiceShareConsumer] = []
        self._database: ServiceDatabase | None = None
        self._redis: ServiceRedis | None = None
        self._on_screen: str | None = None
        self._caller = Caller(self, process)
        self.server = Server(self, process)
        self.in_hand: ContextVar[tuple[int, int]] = ContextVar("in_hand", default=(-1, -1))
        self.handling: ContextVar[Request] = ContextVar("handling", default=NOTHING)

    @cached_property
    def random(self) -> Random:
        """This process's own random numbers: the same in every run of one seed."""
        return Random(f"{self._process.world.scenario.seed}/{self._process.name}/{self._process.incarnation}")

    @property
    def process(self) -> ServiceProcess:
        """The process this runs in."""
        return self._process

    @property
    def name(self) -> str:
        """Which process this is: `<service>-<n>`."""
        return self._process.name

    @property
    def now(self) -> float:
        """Seconds since the scenario's start."""
        return self._process.clock.now / SECOND

    def producer(self, **config: Any) -> ServiceProducer:
        """A Kafka producer; settings have kafka-python's names and defaults. Raises ConfigError.

        `key_serializer` turns keys into bytes that are neither str nor bytes.
        """
        key_serializer = config.pop("key_serializer", None)
        settings = resolve_producer(self._process.world.scenario.client, config)
        producer = ServiceProducer(self, self._process, settings, len(self._producers), key_serializer)
        self._producers.append(producer)
        return producer

    def consumer(self, *topics: str, group_id: str, **config: Any) -> ServiceConsumer:
        """A Kafka consumer of one or several topics; settings as kafka-python's. Raises ConfigError."""
        self._check_topics("consumer", topics)
        settings = as_brokers_say(resolve_consumer(self._process.world.scenario.client, config),
                                  self._process.cluster.settings)
        consumer = ServiceConsumer(self, self._process, topics, group_id, settings)
        self._consumers.append(consumer)
        return consumer

    def share_consumer(self, *topics: str, group_id: str, **config: Any) -> ServiceShareConsumer:
        """A member of a share group (KIP-932), simulated only: records are locked for one member at a time, which
        answers for each.

        `share_auto_offset_reset`, `share_isolation_level` and `share_record_lock_duration_ms` are the group's: all its
        members must give the same. Raises ConfigError.
        """
        self._check_topics("share_consumer", topics)
        settings = self._share_settings(group_id, config)
        consumer = ServiceShareConsumer(self, self._process, topics, group_id, settings)
        self._consumers.append(consumer)
        return consumer

    def _share_settings(self, group: str, config: dict[str, Any]) -> ShareSettings:
        cluster = self._process.cluster
        wanted = resolve_share_consumer(self._process.world.scenario.client, config)
        if problem := lock_problem(wanted, cluster.settings):
            raise ConfigError(problem)
        settings = as_brokers_say_to_sharers(wanted, cluster.settings)
        known = cluster.share_groups.setdefault(group, settings).group_config()
        for name, value in settings.group_config().items():
            if value != known[name]:
                raise ConfigError(f"{name}={value!r}: share group {group!r} has {known[name]!r}; it is the group's, so "
                                  "all its members must give the same")
        return settings

    def _check_topics(self, what: str, topics: tuple[str, ...]) -> None:
        known = self._process.cluster.partitions_of
        for topic in topics:
            if topic not in known:
                names = ", ".join(name for name in known if not name.startswith("__"))
                raise ValueError(f"{what}({topic!r}): no such topic; this scenario has {names}")
        if not topics:
            raise ValueError(f"{what}(): name at least one topic to read")

    @property
    def database(self) -> ServiceDatabase:
        """The SQLite database of this service: shared by its instances, and still there after a crash."""
        if self._database is None:
            self._database = ServiceDatabase(self, self._process)
        return self._database

    @property
    def redis(self) -> ServiceRedis:
        """The scenario's one Redis, `redis-0`: shared by all services, as redis-py's asyncio client."""
        if self._redis is None:
            self._redis = ServiceRedis(self, self._process)
        return self._redis

    async def effect(self, name: str, key: Any) -> None:
        """Do something in the outside world that cannot be undone: charge a card, send a mail.

        `key` names the act (an order id, say). Raises TimeoutError when no answer comes: it may have happened or not.
        """
        if name in STEP_KINDS:
            raise ValueError(f"effect({name!r}): {', '.join(STEP_KINDS)} are kinds of steps; choose another name")
        await self.step(name, lambda: self._ask_the_world(name, key), on=("effect", name, repr(key)),
                        what=f"{name} {key}")

    async def show(self, *lines: object) -> None:
        """Put these lines on the screen of whoever sits at this process, in place of what stood there.

        A screen is no network: nothing gets lost on the way to it.
        """
        text = "\n".join(map(str, lines))
        await self.step("show", lambda: self._shown(text), what=f"show {text!r}")

    async def _shown(self, text: str) -> None:
        self._process.recorder.event("shown", self._process, detail=text)
        if text != self._on_screen:  # the same once more is no news
            self._on_screen = text
            self._process.recorder.mark(self._process.clock.now)

    async def sleep(self, seconds: float) -> None:
        """Wait; other tasks of this process go on."""
        await asyncio.sleep(seconds)

    async def work(self, seconds: float) -> None:
        """Compute for so long; nothing else of this process runs meanwhile."""
        if seconds < 0:
            raise ValueError(f"work({seconds}): a length of time cannot be negative")
        await self._loop.work(seconds)

    # -- steps

    async def step(self, kind: str, act: Callable[[], Awaitable[Any]], on: object = None, what: str = "",
                   again: Callable[[Any], None] | None = None, wire: str | None = None) -> Any:
        """One interaction with the world: the process may be made to die just before it, or just after it.

        `on` names what it touches: two steps on the same thing can depend on their order. `what` says in words what
        is done; `again(result)` makes the same thing be handed over once more. `wire`: the request it makes, where its
        kind does not say.
        """
        steps = self._process.world.steps
        if self._process.aims:
            act = partial(self._aimed_at, kind, act)
        return await (act() if steps is None else steps.take(self, kind, act, on, what, again, wire))

    async def _aimed_at(self, kind: str, act: Callable[[], Awaitable[Any]]) -> Any:
        if dies(self._process, "before", kind):
            await asyncio.Future()
        result = await act()
        if dies(self._process, "after", kind):
            await asyncio.Future()
        return result

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Something more this process does from now on."""
        self._loop.create_task(work)

    def future(self) -> asyncio.Future[Any]:
        """Something to wait for."""
        return self._loop.create_future()

    def _ask_the_world(self, name: str, key: Any) -> asyncio.Future[None]:
        process, answer = self._process, self.future()
        lane, ordinal = self.in_hand.get()
        process.network.request(process, process.world.outside, "effect", (name, key, lane, ordinal),
                                lambda reply: _resolve(answer), lambda reason: _timed_out(answer, name, key),
                                EFFECT_TIMEOUT)
        return answer

    def limit_poll(self, limit: asyncio.Timeout, seconds: float) -> None:
        """End a poll after so long."""
        self._loop.limit_poll(limit, seconds)

    # -- the end

    def died(self) -> None:
        """Killed: what its producers had not sent is lost."""
        for producer in self._producers:
            producer.client.died()

    def abandon(self) -> None:
        """Suspended coroutines refer to these objects for ever; these must not refer to the run."""
        if self._database is not None:
            self._database.abandon()
        for consumer in self._consumers:
            consumer.abandon()
        for thing in (*self._producers, self._redis, self._caller, self.server, self):
            if thing is not None:
                forget(thing)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _timed_out(future: asyncio.Future[None], name: str, key: Any) -> None:
    if not future.done():
        future.set_exception(TimeoutError(f"no answer to effect({name!r}, {key!r}): it may have happened, or not"))
