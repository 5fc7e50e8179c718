"""How workers of a real run begin and end, what they say, and how they find each other: without a Kafka."""

import asyncio
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from own_loop import run_apart
from without_kafka import run_without_kafka

from simlib import Scenario, Service, Shutdown, run
from simlib.real.plan import Plan
from simlib.real.processes import Worker, wait_for
from simlib.real.supervision import Supervision
from simlib.real.worker import __main__ as worker_main
from simlib.real.worker import wire
from simlib.real.worker.marks import Marks, read_marks
from simlib.scenario import Crash, Pause
from simlib.services.asking import Outcome
from simlib.trace.storage import from_json, to_json

# -- the end


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker's ears, and the mouth of whoever watches over it."""
    ours, theirs = os.pipe()
    exits: list[int] = []
    monkeypatch.setattr(worker_main, "os", SimpleNamespace(_exit=exits.append))
    with os.fdopen(ours) as ears, os.fdopen(theirs, "w", buffering=1) as mouth:
        monkeypatch.setattr(sys, "stdin", ears)
        control = worker_main.Control()
        control.mouth = mouth
        yield control
        mouth.close()
        assert wait_for(lambda: exits == [3], 5)


def test_a_stop_that_comes_while_a_worker_still_begins_is_not_forgotten(control: Any) -> None:
    stops: list[bool] = []
    control.mouth.write("go 1 2\nstop\n")
    assert wait_for(lambda: control.stopping, 5)
    control.on_stop(lambda: stops.append(True))
    assert stops == [True] and control.began == 1


def test_a_stop_that_comes_later_is_heard_once(control: Any) -> None:
    stopped = threading.Event()
    control.on_stop(stopped.set)
    assert not control.stopping and not stopped.is_set()
    control.mouth.write("stop\n")
    assert stopped.wait(5)


async def raises_at_the_end(app) -> None:
    try:
        await app.sleep(4)
    finally:
        raise RuntimeError("no time for that")


async def ends_well(app) -> None:
    try:
        await app.sleep(4)
    finally:
        await app.effect("ended", app.name)


async def stands_still(app) -> None:
    while True:
        await app.sleep(0.1)


ENDS = Scenario([], services=[Service("bad", raises_at_the_end, restart_after=0.2), Service("good", ends_well),
                          Service("still", stands_still, restart_after=None)],
                faults=[Shutdown("bad-0", at=0.5), Shutdown("good-0", at=0.5, restart_after=0.2),
                        Shutdown("good-0", at=2.5),
                        Pause("still-0", at=0.5, duration=1), Crash("still-0", at=1, restart_after=0.1)],
                duration=3.5)


@pytest.mark.skipif(os.name == "nt", reason="cannot run on this system: a Pause needs SIGSTOP")
def test_who_was_asked_to_end_is_back_when_the_fault_says_so_and_not_otherwise() -> None:
    """Whatever it raises at its end. And who was killed while it stood still does not go on."""
    real, simulated = run_without_kafka(ENDS), run(ENDS)
    for name in ("bad-0", "good-0", "still-0"):
        assert happened(real, name) == happened(simulated, name)
    assert happened(real, "bad-0") == ["exception", "shutdown"]
    assert real.effects["key"].tolist() == simulated.effects["key"].tolist() == ["good-0", "good-0"]


def happened(trace: Any, name: str) -> list[str]:
    rows = trace.events[trace.events["process"] == name]
    return [kind for kind in rows["kind"].tolist() if kind not in ("started", "effect")]


def test_what_was_printed_before_a_kill_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    worker = Worker(Plan("billing-0", "service", "billing", Scenario([]), tmp_path, "run-", ()))
    worker.life = 0
    Marks(worker.plan.marks_of(0))
    worker.plan.output_of(0).write_text("last words", encoding="utf-8")
    Supervision(Scenario([]), {}, None, None, "run-")._killed(worker, 0)  # type: ignore[arg-type]
    assert capsys.readouterr().out == "last words"


# -- what they say


@pytest.mark.parametrize("value", ["half of \ud83d", {"$bytes": "no base64"}, {"$tuple": 5}, {"$dict": {"$bytes": ""}},
                                   {"$bytes": b"\xff", "n": 1}, [("a", {"$tuple": (1, b"")})]])
def test_a_mark_brings_back_whatever_was_given(tmp_path: Path, value: Any) -> None:
    Marks(tmp_path / "m").write("produced", value)
    assert read_marks(tmp_path / "m")[0][2] == value
    assert from_json(to_json(value)) == value


# -- calls


def a_plan(folder: Path, name: str) -> Plan:
    return Plan(name, "service", name, Scenario([]), folder, "run-", ())


def test_a_port_that_answers_nonsense_is_somebody_else_s(tmp_path: Path) -> None:
    """Whom we asked is gone, and its port was given to another program."""
    async def whole() -> Outcome:
        async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await wire.read_frame(reader)
            writer.write(b"\x00\x00\x00\x02hi")
            writer.close()

        server = await asyncio.start_server(nonsense, wire.HOST, 0)
        caller = a_plan(tmp_path, "shop-0")
        caller.port_of("billing-0").write_text(str(server.sockets[0].getsockname()[1]), encoding="utf-8")
        async with server:
            return await wire.ask(caller, "billing-0", (), 5)

    assert run_apart(whole()) == Outcome(None, "connection refused")


@pytest.mark.skipif(sys.platform != "linux", reason="cannot run on this system: Linux lets a socket meet itself")
def test_who_meets_himself_at_a_port_was_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port a connection starts from may be the very one it goes to; here it always is."""
    connect = asyncio.open_connection

    async def from_there(host: str, port: int) -> Any:
        return await connect(host, port, local_addr=(host, port))

    async def whole() -> Outcome:
        server = await asyncio.start_server(lambda *_: None, wire.HOST, 0)
        caller = a_plan(tmp_path, "shop-0")
        caller.port_of("billing-0").write_text(str(server.sockets[0].getsockname()[1]), encoding="utf-8")
        server.close()
        await server.wait_closed()
        monkeypatch.setattr(asyncio, "open_connection", from_there)
        return await wire.ask(caller, "billing-0", (), 5)

    assert run_apart(whole()) == Outcome(None, "connection refused")


async def strange_key(app) -> None:
    await app.effect("charge", {1, 2})


def test_an_effect_whose_key_cannot_be_written_down_says_what_can() -> None:
    trace = run_without_kafka(Scenario([], services=[Service("odd", strange_key, restart_after=None)], duration=1.5))
    (told,) = [line for line in trace.events["detail"].tolist() if "TypeError" in line]
    assert "effect('charge', {1, 2}): set is not JSON; on a real run a key is text" in told
