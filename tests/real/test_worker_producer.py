"""`app.producer()` of a worker, over a stand-in for kafka-python's: it is closed, and refuses what is no record."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import kafka
import kafka.errors
import pytest
from own_loop import run_apart

from simlib import Scenario, Service, Topic, run
from simlib.real.worker.declared import inputs, load
from simlib.real.worker.producer import RealProducer
from simlib.real.worker.records import Carried, carried, from_headers, to_headers
from simlib.scenario import Producer
from simlib.services.errors import MessageSizeTooLargeError, ProducerFencedError


class Sending:
    """kafka-python's producer, as far as ours asks for it; it answers when it is told to."""

    def __init__(self, **config: Any) -> None:
        self.config = {"acks": -1, **config}
        self.sent: list[tuple[Any, ...]] = []
        self.acks: list[Callable[[Any], None]] = []
        self.closed = 0

    def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def send(self, topic: str, value: bytes, key: bytes, headers: Any, partition: int, timestamp_ms: int) -> Any:
        if value and len(value) > 100:
            raise kafka.errors.MessageSizeTooLargeError("more than max_request_size")
        self.sent.append((topic, value, key, headers, partition, timestamp_ms))
        return SimpleNamespace(add_callback=self.acks.append, add_errback=lambda then: None)

    def answer(self) -> None:
        for ack in self.acks:
            ack(SimpleNamespace(topic="run-notes", partition=0, offset=7, timestamp=0))

    def init_transactions(self) -> None:
        """Nobody else has this transactional id yet."""

    begin_transaction = init_transactions

    def commit_transaction(self) -> None:
        raise kafka.errors.ProducerFencedError("somebody else has it")

    abort_transaction = commit_transaction

    def close(self) -> None:
        self.closed += 1


class Worker:
    """As much of `app` as a producer needs."""

    name = "writer-0"
    life = 0
    now = 1e9
    """Everything is due."""

    def __init__(self, scenario: Scenario | None = None, owner: str = "") -> None:
        self.loop = asyncio.get_running_loop()
        self.client: dict[str, Any] = {}
        self.time_of_day = 0
        self.written: list[tuple[Any, ...]] = []
        self.marks = SimpleNamespace(write=lambda *words: self.written.append(words))
        self.plan = SimpleNamespace(prefix="run-", real_topic=lambda topic: f"run-{topic}", scenario=scenario,
                                    topic=lambda real: real.removeprefix("run-"), owner=owner)
        self.made: list[RealProducer] = []
        self.steps: list[str] = []

    def producer(self, **config: Any) -> RealProducer:
        self.made.append(RealProducer(self, config))  # type: ignore[arg-type]
        return self.made[-1]

    def check_topic(self, what: str, topic: str) -> None:
        """All are there."""

    def next_number(self) -> int:
        return sum(words[0] == "produced" for words in self.written)

    async def step(self, kind: str, act: Callable[[], Coroutine[Any, Any, Any]], **_: Any) -> Any:
        self.steps.append(kind)
        return await act()


def tell(monkeypatch: pytest.MonkeyPatch, story: Callable[[RealProducer, Sending], Coroutine[Any, Any, None]],
         **config: Any) -> Sending:
    monkeypatch.setattr(kafka, "KafkaProducer", Sending)

    async def whole() -> Sending:
        async with Worker().producer(**config) as producer:
            await producer._made
            client: Sending = producer._client
            await story(producer, client)
        return client

    found: Sending = run_apart(whole())
    return found


def test_the_end_of_a_producer_closes_its_client(monkeypatch) -> None:
    async def story(producer: RealProducer, client: Sending) -> None:
        await producer.send("notes", 1, key="k")
        client.answer()
        await producer.stop()
        await producer.stop()
        with pytest.raises(RuntimeError, match="this producer is closed"):
            await producer.send("notes", 2, key="k")

    assert tell(monkeypatch, story).closed == 1


def test_a_fenced_producer_asks_nobody_any_more(monkeypatch) -> None:
    """Neither at the end of the block nor at its own end: there is nothing left that it could abort."""
    async def story(producer: RealProducer, client: Sending) -> None:
        with pytest.raises(ProducerFencedError, match="somebody else has it"):
            async with producer.transaction():
                await producer.commit_transaction()
        for act in (producer.begin_transaction, producer.abort_transaction, lambda: producer.send("notes", 1)):
            with pytest.raises(ProducerFencedError, match="somebody else has it"):
                await act()
        await producer.stop()
        assert producer._app.steps == ["commit", "commit", "send"]  # init, commit; what was refused at once

    assert tell(monkeypatch, story, transactional_id="one").closed == 1


def test_who_stops_waiting_for_a_flush_takes_no_answer_from_others(monkeypatch) -> None:
    async def story(producer: RealProducer, client: Sending) -> None:
        answer = await producer.send("notes", 1, key="k")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(producer.flush(), 0.01)
        client.answer()
        assert (await answer).offset == 7

    tell(monkeypatch, story)


async def gives_a_flush_up(app) -> None:
    producer = app.producer(linger_ms=1_000)
    answer = await producer.send("notes", 1, key="k")
    try:
        await asyncio.wait_for(producer.flush(), 0.01)
    except TimeoutError:
        await app.effect("offset", (await answer).offset)


def test_and_neither_does_he_in_virtual_time() -> None:
    trace = run(Scenario([Topic("notes")], services=[Service("writer", gives_a_flush_up, restart_after=None)]))
    assert trace.effects["key"].tolist() == [0]


REFUSED = [
    ({"timestamp_ms": -5}, ValueError, "a whole number of milliseconds from 0"),
    ({"timestamp_ms": True}, ValueError, "a whole number of milliseconds from 0"),
    ({"timestamp_ms": 1.5}, ValueError, "a whole number of milliseconds from 0"),
    ({"partition": 9}, ValueError, "partition 9 of 'notes': it has partitions 0 to 1"),
    ({"partition": -1}, ValueError, "partition -1 of 'notes': it has partitions 0 to 1"),
    ({"headers": [("n", 5)]}, TypeError, "names to str or bytes"),
    ({"headers": {"n": None}}, TypeError, "names to str or bytes"),
    ({"value": None, "key": None}, ValueError, "kafka-python sends no record that has neither"),
]


@pytest.mark.parametrize("given, error, said", REFUSED)
def test_what_is_no_record_is_refused_and_was_never_produced(monkeypatch, given, error, said) -> None:
    async def story(producer: RealProducer, client: Sending) -> None:
        with pytest.raises(error, match=said):
            await producer.send_and_wait("notes", **{"value": 1, "key": "k", **given})
        assert not client.sent and [words[0] for words in producer._app.written] == ["produces"]

    tell(monkeypatch, story)


@pytest.mark.parametrize("given, error, said", REFUSED)
def test_and_so_it_is_in_virtual_time(given, error, said) -> None:
    async def writer(app) -> None:
        try:
            await app.producer().send_and_wait("notes", **{"value": 1, "key": "k", **given})
        except (ValueError, TypeError) as refusal:
            await app.effect(type(refusal).__name__, str(refusal))

    trace = run(Scenario([Topic("notes", partitions=2)], services=[Service("writer", writer, restart_after=None)]))
    assert trace.effects["name"].tolist() == [error.__name__] and said in trace.effects["key"].tolist()[0]
    assert len(trace.records) == 0


def test_the_java_client_sends_what_has_neither_key_nor_value() -> None:
    async def writer(app) -> None:
        await app.producer().send_and_wait("notes", None)

    trace = run(Scenario([Topic("notes")], client="java", services=[Service("writer", writer, restart_after=None)]))
    assert len(trace.records) == 1


def test_a_record_that_is_too_large_for_the_client_fails_as_one_that_is_too_large_for_the_brokers(monkeypatch) -> None:
    async def story(producer: RealProducer, client: Sending) -> None:
        answer = await producer.send("notes", "x" * 200, key="k")
        with pytest.raises(MessageSizeTooLargeError):
            await answer

    tell(monkeypatch, story)


@pytest.mark.parametrize("role", [inputs, load])
def test_what_is_too_large_stops_no_declared_load(monkeypatch, role) -> None:
    """It is written down as failed, and the next one is sent."""
    monkeypatch.setattr(kafka, "KafkaProducer", Sending)
    large, small = {"value": "x" * 200, "at": 0}, {"value": 1, "at": 1}
    scenario = Scenario([Topic("notes")], inputs={"notes": [large, small]}, duration=2,
                        producers=[Producer("load", "notes", rate=1, value_bytes=200)])

    async def whole() -> list[str]:
        app = Worker(scenario, "load")
        whole = asyncio.ensure_future(role(app))
        while not whole.done():
            for producer in app.made:
                if producer._client is not None:
                    producer._client.answer()
            await asyncio.sleep(0.01)
        await whole
        return [words[0] for words in app.written]

    written = run_apart(whole())
    assert written.count("produced") >= 2
    assert written.count("failed") == (1 if role is inputs else written.count("produced"))


def test_a_header_of_the_name_we_use_is_the_service_s_own() -> None:
    given = [("simlib", "text"), ("n", b"\x00"), ("simlib", b"[]")]
    pairs, texts = to_headers(given)
    raw = [*pairs, Carried("writer-0:1", False, texts).header()]
    assert carried(raw).message == "writer-0:1"
    assert from_headers(raw, texts) == tuple(given)
    assert carried([("other", b"x")]) == Carried("") == carried([])
