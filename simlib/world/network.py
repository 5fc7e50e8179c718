"""Links with latency, requests and replies, connections that break.

A request is already on the wire when its sender dies: it still arrives. A killed process's connections are
seen to break by its peers one latency later (the operating system closes them); behind a cut link nothing is seen at
all, and only time-outs help.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from simlib.scenario.distributions import Constant, as_distribution
from simlib.scenario.draws import Sampler, Stream
from simlib.units import NEVER, SECOND, nanoseconds
from simlib.world.clock import MESSAGE, Call, Clock, Entry
from simlib.world.exchange import PARKED_KINDS, Exchange, Reply, Told
from simlib.world.process import Alarm, Process

CONNECT_TIMEOUT = 10 * SECOND
"""socket.connection.setup.timeout.ms: how long a client tries to reach a host that does not answer at all."""


class Network:
    """All links. The latency is one-way and the same on every link, or drawn anew for each message of a link."""

    def __init__(self, clock: Clock, scenario: Any, recorder: Any) -> None:
        self.clock = clock
        self.seed = scenario.seed
        self.distribution = as_distribution(scenario.latency)
        self.latency = nanoseconds(self.distribution.mean)
        self._drawn = not isinstance(self.distribution, Constant)
        self._samplers: dict[tuple[str, str], tuple[Sampler, Iterator[int]]] = {}
        self.recorder = recorder
        self.requests = 0
        self.losses: list[Any] = []
        self.awaited_until = 0
        """When the last of the requests that were lost will be given up: until then a run is not quiet."""
        self.wire: list[tuple[Any, ...]] | None = None
        self._open: defaultdict[Process, dict[Exchange, None]] = defaultdict(dict)
        self._watched: dict[Process, dict[Process, int]] = {}
        self._deadlines: dict[tuple[Process, int, int], tuple[deque[Exchange], Alarm]] = {}
        self._slow: dict[tuple[str, str], int] = {}
        self._cut: dict[tuple[str, str], int] = {}
        self._last_arrival: dict[tuple[str, str], int] = {}
        self._disturbed = self._drawn
        self.on_request, self.on_reply = (self.arrive,), (self.replied,)

    # -- asking and answering

    def request(self, source: Process, target: Process, kind: str, payload: Any, on_reply: Callable[[Any], None],
                on_error: Callable[[str], None], timeout: int | None = None) -> Exchange:
        """Send a request. Exactly one of `on_reply(answer)` and `on_error(reason)` is called, if the source lives on.

        `timeout` in nanoseconds; None: only a broken connection ends it.
        """
        now = self.clock.now
        if timeout is None and (target.paused or (self._disturbed and self.is_cut(source, target))):
            timeout = source.give_up_after
        exchange = Exchange(self, source, target, kind, payload, on_reply, on_error,
                            NEVER if timeout is None else now + timeout)
        self.requests += 1
        if exchange.keeps_alive:
            self.clock.pending += 1
        self._open[source][exchange] = None
        if timeout is not None:
            self._watch(exchange, timeout)
        if self.wire is not None:
            self.wire.append((now, "request", kind, source.code, target.code))
        if not (self.losses and self._lost("request", exchange)):
            arrival = self._arrival_on_disturbed_link(source, target) if self._disturbed else now + self.latency
            self.clock.enter(arrival, MESSAGE + source.rank, exchange)
        return exchange

    def tell_request(self, source: Process, target: Process, kind: str, payload: Any,
                     on_broken: Callable[[str], None]) -> None:
        """A request whose sender does not want an answer; `on_broken(reason)` if its connection breaks."""
        exchange = Told(self, source, target, kind, payload, _ignore, on_broken, NEVER)
        exchange.done = True
        self.requests += 1
        if not (self.losses and self._lost("request", exchange)):
            self._carry(source, target, exchange)

    def watch_connection(self, source: Process, target: Process) -> None:
        """`target.connection_closed(source)` is to be called when the process `source` is gone."""
        self._watched.setdefault(source, {})[target] = target.incarnation

    def close_connection(self, exchange: Exchange) -> None:
        """The server closes the connection on which a request came."""
        self._carry(exchange.target, exchange.source, Call(self._refused, (exchange, "disconnected")))

    def tell(self, source: Process, target: Process, function: Callable[..., None], *args: Any) -> None:
        """Send something that is not answered; a dead target does not notice."""
        self._carry(source, target, Call(target.receive, (target.incarnation, function, args)))

    def arrive(self, exchange: Exchange) -> None:
        """A request is there."""
        target = exchange.target
        if exchange.abandoned:  # still held back by a cut or slow link when its connection was closed
            return
        if target.without_power:
            self.clock.at(self.clock.now + CONNECT_TIMEOUT, MESSAGE + exchange.source.rank, self._refused, exchange,
                          "connection attempt timed out")
        elif not target.alive or target.incarnation != exchange.server_life:
            self._carry(target, exchange.source, Call(self._refused, (exchange, "connection refused")))
        elif target.paused:
            target.receive(target.incarnation, target.handle, (exchange,))
        else:
            target.handle(exchange)

    def _refused(self, exchange: Exchange, reason: str) -> None:
        source = exchange.source
        source.receive(exchange.life, exchange.fail, (reason,))

    def carry_reply(self, exchange: Exchange, answer: Any) -> None:
        source, asker = exchange.target, exchange.source
        if not source.alive or source.incarnation != exchange.server_life:
            return
        now = self.clock.now
        if self.wire is not None:
            self.wire.append((now, "reply", exchange.kind, source.code, asker.code))
        if not (self.losses and self._lost("reply", exchange)):
            arrival = self._arrival_on_disturbed_link(source, asker) if self._disturbed else now + self.latency
            self.clock.enter(arrival, MESSAGE + source.rank, Reply(self, exchange, answer))

    def carries_surely(self) -> bool:
        """Nothing can get lost or come late just now, and nobody writes down what is on the wire."""
        return not self._disturbed and not self.losses and self.wire is None

    def replied(self, reply: Reply) -> None:
        """An answer is there."""
        exchange = reply.exchange
        source = exchange.source
        if exchange.done:
            return
        if source.paused:
            source.receive(exchange.life, self.replied, (reply,))
        elif source.alive and source.incarnation == exchange.life:
            self.close(exchange)
            exchange.on_reply(reply.answer)

    def close(self, exchange: Exchange) -> None:
        exchange.done = True
        if exchange.keeps_alive:
            self.clock.pending -= 1
        del self._open[exchange.source][exchange]

    def under_way(self) -> list[Exchange]:
        """Every request that has not been answered yet."""
        return [exchange for exchanges in self._open.values() for exchange in exchanges]

    def stall(self, exchange: Exchange, timeout: int) -> None:
        """A parked request whose answer cannot come any more is given up after `timeout`."""
        if not exchange.done and exchange.deadline == NEVER:
            exchange.deadline = self.clock.now + timeout
            self._watch(exchange, timeout)

    def stall_all(self, target: Process) -> None:
        """Nothing comes from `target` for now (paused, or its host is gone)."""
        for source in sorted(self._open, key=lambda one: one.rank):
            for exchange in list(self._open[source]):
                if exchange.target is target:
                    self.stall(exchange, source.give_up_after)

    def unstall(self, target: Process, source: Process | None = None) -> None:
        """`target` answers again: what is still parked there waits without a limit, as before."""
        for requester in sorted(self._open, key=lambda one: one.rank):
            for exchange in self._open[requester]:
                in_this_life = exchange.target is target and exchange.server_life == target.incarnation
                parked = in_this_life and exchange.kind in PARKED_KINDS and not exchange.lost
                if parked and source in (None, requester):
                    exchange.deadline = NEVER

    # -- time-outs: one agenda entry for each process and length

    def _watch(self, exchange: Exchange, timeout: int) -> None:
        source = exchange.source
        key = (source, exchange.life, timeout)
        if key not in self._deadlines:
            self._deadlines[key] = (deque(), Alarm(source, lambda: self._expire(key)))
        waiting, alarm = self._deadlines[key]
        waiting.append(exchange)
        if alarm.deadline is None:
            alarm.set(exchange.deadline)

    def _expire(self, key: tuple[Process, int, int]) -> None:
        waiting, alarm = self._deadlines[key]
        now = self.clock.now
        while waiting and (waiting[0].done or waiting[0].deadline <= now):
            exchange = waiting.popleft()
            if exchange.deadline != NEVER:
                exchange.fail("timed out")
        if waiting:
            alarm.set(waiting[0].deadline)

    # -- processes that go away

    def process_killed(self, process: Process) -> None:
        """Its own requests are forgotten; servers and waiting clients see the connection break, one latency later."""
        for exchange in list(self._open.pop(process, {})):
            exchange.done = True
            if exchange.keeps_alive:
                self.clock.pending -= 1
            self._carry(process, exchange.target, Call(self._client_gone, (exchange,)))
        for source in sorted(self._open, key=lambda one: one.rank):
            for exchange in list(self._open[source]):
                if exchange.target is process and exchange.server_life == process.incarnation:
                    self._carry(process, source, Call(self._refused, (exchange, "disconnected")))
        for target, life in self._watched.pop(process, {}).items():
            self._carry(process, target, Call(target.receive, (life, target.connection_closed, (process,))))

    def host_lost(self, process: Process) -> None:
        """Power is gone: nobody closes its connections. Only its own requests end with it."""
        for exchange in list(self._open.pop(process, {})):
            exchange.done = True
            if exchange.keeps_alive:
                self.clock.pending -= 1
        self._watched.pop(process, None)
        self.stall_all(process)

    def _client_gone(self, exchange: Exchange) -> None:
        target = exchange.target
        target.receive(exchange.server_life, target.client_gone, (exchange,))

    # -- links

    def _carry(self, source: Process, target: Process, entry: Entry) -> None:
        """As requests and replies are carried, which do it themselves: they are nearly all there is."""
        now = self.clock.now
        arrival = self._arrival_on_disturbed_link(source, target) if self._disturbed else now + self.latency
        self.clock.enter(arrival, MESSAGE + source.rank, entry)

    def _arrival_on_disturbed_link(self, source: Process, target: Process) -> int:
        """A cut link holds data back until it heals (TCP sends again); one link never reorders."""
        link = (source.name, target.name)
        leaves = max(self.clock.now, self._cut.get(link, NEVER))
        latency = self._draw(link) if self._drawn else self.latency
        arrival = max(leaves + self._slow.get(link, latency), self._last_arrival.get(link, NEVER))
        self._last_arrival[link] = arrival
        return arrival

    def _draw(self, link: tuple[str, str]) -> int:
        """The latency of the next message of this link: draw number n of (from, to)."""
        if link not in self._samplers:
            self._samplers[link] = Sampler(self.distribution, Stream(self.seed, *link, "latency")), count()
        sampler, numbers = self._samplers[link]
        return nanoseconds(sampler.at(next(numbers)))

    def cut(self, a: Process, b: Process, until: int) -> None:
        self._disturbed = True
        for source, target in ((a, b), (b, a)):
            self._cut[source.name, target.name] = max(until, self._cut.get((source.name, target.name), NEVER))
            for exchange in list(self._open.get(source, ())):
                if exchange.target is target:
                    self.stall(exchange, source.give_up_after)

    def is_cut(self, source: Process, target: Process) -> bool:
        return self._disturbed and self._cut.get((source.name, target.name), NEVER) > self.clock.now

    def slow(self, a: Process, b: Process, latency: int | None) -> None:
        self._disturbed = True
        for link in ((a.name, b.name), (b.name, a.name)):
            if latency is None:
                self._slow.pop(link, None)
            else:
                self._slow[link] = latency

    # -- messages that get lost

    def _lost(self, what: str, exchange: Exchange) -> bool:
        lost = any([loss.takes(what, exchange) for loss in self.losses])
        if lost:
            if not (exchange.keeps_alive or exchange.done):
                self.clock.pending += 1  # a time-out is pending now, and it will be asked again
                exchange.keeps_alive = True
            exchange.lost = True
            self.recorder.event(f"{what}_lost", exchange.source, detail=f"{exchange.kind} to {exchange.target.name}")
            self.stall(exchange, exchange.source.give_up_after)
            if exchange.keeps_alive:
                self.awaited_until = max(self.awaited_until, exchange.deadline)
        return lost


def _ignore(answer: Any) -> None:
    """Nobody waits for this answer."""
