"""The proxy between a worker and the brokers: what it passes on, and what it loses. Without a Kafka."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest
from own_loop import run_apart

from simlib.real.processes import wait_for
from simlib.real.worker.losses import Proxy

METADATA, UNKNOWN = 3, 60


class Chosen:
    """Loses what it is told to lose, by the kind of request."""

    def __init__(self, **lost: str) -> None:
        self.takes: Callable[[str], str | None] = lost.get


class Broken:
    def takes(self, kind: str) -> None:
        raise ZeroDivisionError("a mistake of ours")


class Broker:
    """Answers each request with its correlation id."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                _key, _version, correlation = struct.unpack_from(">hhi", await reader.readexactly(size))
                self.asked.append(correlation)
                writer.write(struct.pack(">ii", 4, correlation))
        except asyncio.IncompleteReadError:
            writer.close()


async def connected(proxy: Proxy, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """As kafka-python connects through a SOCKS5 proxy; what the proxy says to the request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    writer.write(b"\x05\x01\x00")
    assert await reader.readexactly(2) == b"\x05\x00"
    writer.write(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"))
    return reader, writer, await reader.readexactly(10)


def told(losses: Any, *requests: int) -> tuple[list[int], list[int]]:
    """What the broker was asked, and which answers came, of requests of these kinds; their numbers are 0, 1, ..."""
    async def whole() -> tuple[list[int], list[int]]:
        broker, answers = Broker(), []
        server = await asyncio.start_server(broker.answer, "127.0.0.1", 0)
        async with server:
            reader, writer, said = await connected(Proxy(losses), server.sockets[0].getsockname()[1])
            assert said[1] == 0
            try:
                for correlation, key in enumerate(requests):
                    writer.write(struct.pack(">ihhi", 8, key, 0, correlation))
                    answers.append(struct.unpack(">ii", await reader.readexactly(8))[1])
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            writer.close()
        return broker.asked, answers

    found: tuple[list[int], list[int]] = run_apart(whole())
    return found


def test_what_is_not_lost_is_passed_on() -> None:
    assert told(Chosen(produce="request"), METADATA, UNKNOWN, METADATA) == ([0, 1, 2], [0, 1, 2])


def test_a_lost_request_reaches_nobody_and_the_connection_breaks() -> None:
    assert told(Chosen(metadata="request"), UNKNOWN, METADATA, UNKNOWN) == ([0], [0])


def test_of_a_lost_reply_the_request_was_carried_out() -> None:
    assert told(Chosen(metadata="reply"), UNKNOWN, METADATA, UNKNOWN) == ([0, 1], [0])


def test_where_nobody_listens_the_client_is_told() -> None:
    async def whole() -> bytes:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        _, writer, said = await connected(Proxy(Chosen()), port)  # type: ignore[arg-type]
        writer.close()
        return said

    assert run_apart(whole())[1] == 5


def test_a_mistake_of_ours_does_not_pass_for_a_connection_that_broke(caplog: pytest.LogCaptureFixture) -> None:
    assert told(Broken(), METADATA) == ([], [])
    assert wait_for(lambda: "ZeroDivisionError: a mistake of ours" in caplog.text, 5)
