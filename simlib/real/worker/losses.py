"""Requests and replies that get lost between a worker and the brokers: a small SOCKS5 proxy inside the worker.

kafka-python connects through it to every broker. A request that is lost is not passed on; of a lost reply the request
is. In both cases the connection then breaks, as it does when a machine between the two goes away.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterable
from types import NoneType
from typing import Any

from simlib.real.plan import Plan
from simlib.real.worker.marks import Marks
from simlib.real.worker.wire import read_frame
from simlib.scenario.draws import Stream
from simlib.scenario.faults import Crash, LoseRequest, request_kind
from simlib.world.steps import ON_THE_WIRE

API_KEYS = {0: "produce", 1: "fetch", 3: "metadata", 8: "commit", 10: "find_coordinator", 11: "join", 12: "heartbeat",
            13: "leave", 14: "sync", 22: "init_producer_id", 24: "add_partitions_to_txn", 25: "add_offsets_to_txn",
            26: "end_txn", 28: "txn_offset_commit"}
"""Kafka's numbers of the kinds of requests that can be lost."""

TO_BROKERS = ("send", "commit")
"""Steps whose requests pass through the proxy."""

HEADER = struct.Struct(">hhi")
"""API key, version, correlation id: how every request begins."""


class Losses:
    """Decides which request or reply is lost: the next of a kind (a schedule), the nth, or a share of them."""

    def __init__(self, plan: Plan, marks: Marks, before: Iterable[list[Any]]) -> None:
        self._marks = marks
        self._next: list[tuple[str, str]] = []
        self._faults = [(place, fault) for place, fault in plan.faults if not isinstance(fault, Crash)]
        self._counts = dict.fromkeys((place for place, _ in self._faults), 0)
        for mark in before:
            if mark[1] == "counted":
                self._counts[mark[2]] = mark[3]
        self._draws = {place: Stream(plan.scenario.seed, fault.who, "lose", _what(fault), request_kind(fault.kind))
                       for place, fault in self._faults}
        hit_steps = [hit.step.kind for hit in plan.hits if hit.fault.startswith("lose-")]
        self.on_the_wire = any(kind in TO_BROKERS for kind in hit_steps) or any(
            request_kind(fault.kind) in API_KEYS.values() for _, fault in self._faults)
        """Does this process need the proxy?"""

    def lose_next(self, step: str, what: str, wire: str | None) -> None:
        """The request that a step is about to make, or its reply. `wire`: its kind, where the step does not say."""
        self._next.append((wire or ON_THE_WIRE.get(step, "effect"), what))

    def takes(self, kind: str, only: tuple[str, ...] = ("request", "reply")) -> str | None:
        """What of this request is lost: "request", "reply" or nothing; `only`: what it is about to travel as."""
        for one in self._next:
            if one[0] == kind and one[1] in only:
                self._next.remove(one)
                return self._lost(one[1], kind)
        for place, fault in self._faults:
            if request_kind(fault.kind) == kind and _what(fault) in only and self._counted(place, fault):
                self._marks.write("fired", place)
                return self._lost(_what(fault), kind)
        return None

    def _counted(self, place: int, fault: Any) -> bool:
        self._counts[place] += 1
        count = self._counts[place]
        self._marks.write("counted", place, count)
        if fault.share is not None:
            return self._draws[place].uniform(count - 1) < fault.share
        return bool(count == (fault.nth or 1))

    def _lost(self, what: str, kind: str) -> str:
        self._marks.write(f"{what}_lost", kind)
        return what


def _what(fault: Any) -> str:
    return "request" if isinstance(fault, LoseRequest) else "reply"


class Proxy:
    """Listens on loopback, in a thread of its own; `url` is kafka-python's `proxy_url`."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        threading.Thread(target=self._run, name="proxy", daemon=True).start()
        self._listening.wait()

    @property
    def url(self) -> str:
        return f"socks5://127.0.0.1:{self._port}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await _greet(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        lost_replies: set[int] = set()
        ways = [asyncio.create_task(self._requests(reader, upstream[1], lost_replies)),
                asyncio.create_task(_replies(upstream[0], writer, lost_replies))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, upstream[1]):
            end.close()
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if not isinstance(outcome, (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, NoneType)):
                raise outcome  # no connection that broke: a mistake of ours

    async def _requests(self, reader: asyncio.StreamReader, broker: asyncio.StreamWriter,
                        lost_replies: set[int]) -> None:
        """Pass requests on, until one is lost."""
        while True:
            frame = await read_frame(reader)
            key, _version, correlation = HEADER.unpack_from(frame, 4)
            lost = self._losses.takes(API_KEYS[key]) if key in API_KEYS else None
            if lost == "request":
                return
            if lost == "reply":
                lost_replies.add(correlation)
            broker.write(frame)
            await broker.drain()


async def _replies(broker: asyncio.StreamReader, writer: asyncio.StreamWriter, lost_replies: set[int]) -> None:
    """Pass replies on, until one is lost."""
    while True:
        frame = await read_frame(broker)
        (correlation,) = struct.unpack_from(">i", frame, 4)
        if correlation in lost_replies:
            return
        writer.write(frame)
        await writer.drain()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter
                 ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """SOCKS5 (RFC 1928), as much of it as a client without a password needs; the connection to the broker."""
    _version, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    _version, _command, _reserved, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(map(str, await reader.readexactly(4)))
    else:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii")
    port = int.from_bytes(await reader.readexactly(2), "big")
    try:
        upstream = await asyncio.open_connection(host, port)
    except OSError:
        writer.write(b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")  # connection refused
        raise
    writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
    return upstream
