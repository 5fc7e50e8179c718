"""Requests between the processes of a run: for each of them a TCP connection on loopback, a frame there and one back.

Who listens leaves its port in the run's folder. A port that nobody listens at any more refuses the connection, as the
machine of a dead process does; one that belongs to somebody else by now refuses whom it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from simlib.real.plan import Plan
from simlib.services.asking import Outcome
from simlib.trace.storage import from_json, to_json

HOST = "127.0.0.1"
REFUSED = None
"""The answer of a process that is not the one that was asked."""


class Source(NamedTuple):
    """Who asks."""

    name: str


class Incoming:
    """A request that came, and the way back for its answer. Who asked may be gone by then."""

    def __init__(self, source: str, payload: Any, writer: asyncio.StreamWriter) -> None:
        self.source = Source(source)
        self.payload = payload
        self._writer = writer

    def reply(self, answer: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(framed(answer))
        self.hang_up()

    def hang_up(self) -> None:
        self._writer.close()


@asynccontextmanager
async def listening(plan: Plan, take: Callable[[Incoming], None]) -> AsyncIterator[None]:
    """As long as the block lasts, `take` is given each request to this process."""
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target, source, payload = from_json((await read_frame(reader))[4:].decode("utf-8"))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            writer.close()
            return
        incoming = Incoming(source, payload, writer)
        if target == _known_as(plan, plan.name):
            take(incoming)
        else:
            incoming.reply(REFUSED)

    server = await asyncio.start_server(connected, HOST, 0)
    _publish(plan.port_of(plan.name), server.sockets[0].getsockname()[1])
    try:
        yield
    finally:
        server.close()


def _publish(file: Path, port: int) -> None:
    """All of it at once: others may look at any moment."""
    beside = file.with_suffix(".new")
    beside.write_text(str(port), encoding="utf-8")
    beside.replace(file)


async def ask(plan: Plan, target: str, payload: Any, within: float) -> Outcome:
    """Send a request to a process, and wait at most so many seconds for its answer."""
    try:
        async with asyncio.timeout(within):
            return await _exchanged(plan, target, payload)
    except TimeoutError:
        return Outcome(None, "timed out")


async def _exchanged(plan: Plan, target: str, payload: Any) -> Outcome:
    try:
        port = int(plan.port_of(target).read_text(encoding="utf-8"))
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:  # nobody ever listened, or nobody listens now
        return Outcome(None, "connection refused")
    try:
        if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
            return Outcome(None, "connection refused")  # it met itself: on loopback TCP can, where nobody listens
        writer.write(framed([_known_as(plan, target), plan.name, payload]))
        answer = from_json((await read_frame(reader))[4:].decode("utf-8"))
    except (OSError, asyncio.IncompleteReadError):
        return Outcome(None, "disconnected")
    except ValueError:  # no process of ours answers like that
        return Outcome(None, "connection refused")
    finally:
        writer.close()
    return Outcome(None, "connection refused") if answer is REFUSED else Outcome(answer)


def _known_as(plan: Plan, name: str) -> str:
    """Two runs may have processes of one name."""
    return plan.prefix + name


# -- frames

def framed(value: Any) -> bytes:
    """A value as JSON, after four bytes with its length."""
    content = to_json(value).encode("utf-8")
    return len(content).to_bytes(4, "big") + content


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Four bytes of length, then so many: Kafka's frames are like that too. Raises IncompleteReadError at the end."""
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "big"))
