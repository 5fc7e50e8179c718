"""`app.consumer()` of a worker, over a stand-in for kafka-python's: what a service does not wait for is not lost."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import kafka
import kafka.errors
import pytest
from kafka import OffsetAndMetadata
from kafka import TopicPartition as RealPartition
from own_loop import run_apart

from simlib import TopicPartition
from simlib.real.worker import membership
from simlib.real.worker.consumer import RealConsumer
from simlib.services.errors import KafkaTimeoutError, NoOffsetForPartitionError

ONE, OTHER = RealPartition("run-notes", 0), RealPartition("run-notes", 1)


class Records:
    """kafka-python's consumer of two partitions, as far as ours asks for it; records come when they are put there."""

    def __init__(self, **config: Any) -> None:
        self.config = {"enable_auto_commit": False, "auto_offset_reset": "latest", "request_timeout_ms": 40_000,
                       **config}
        self.positions = {ONE: 0, OTHER: 0}
        self.there: dict[RealPartition, int] = {ONE: 0, OTHER: 0}
        self.stops: set[RealPartition] = set()
        self.commits: list[dict[tuple[str, int], int]] = []
        self.commit_within: list[float | None] = []
        self.polls: list[float] = []
        self.closed = 0
        self._iterator: Any = None
        self._coordinator = SimpleNamespace(rebalance_in_progress=lambda: False)
        self._subscription = SimpleNamespace(all_consumed_offsets=lambda: {
            tp: OffsetAndMetadata(at, "", -1) for tp, at in self.positions.items()})

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.listener = listener

    def topics(self) -> set[str]:
        return {"run-notes"}

    def assignment(self) -> set[RealPartition]:
        return set(self.positions)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1} if topic == "run-notes" else set()

    def pause(self, *partitions: RealPartition) -> None:
        self.stops |= {*partitions}

    def paused(self) -> set[RealPartition]:
        return self.stops

    def resume(self, *partitions: RealPartition) -> None:
        self.stops -= {*partitions}

    def poll(self, timeout_ms: float, max_records: int | None) -> dict[RealPartition, list[Any]]:
        self.polls.append(timeout_ms)
        until = time.monotonic() + timeout_ms / 1_000
        while not (found := self._found()) and time.monotonic() < until:
            time.sleep(0.005)
        return found

    def _found(self) -> dict[RealPartition, list[Any]]:
        found = {}
        for tp, at in self.positions.items():
            if tp not in self.stops and at < self.there[tp]:
                found[tp] = [a_record(tp, offset) for offset in range(at, self.there[tp])]
                self.positions[tp] = self.there[tp]
        return found

    def __next__(self) -> Any:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            for tp, at in self.positions.items():
                if at < self.there[tp]:
                    self.positions[tp] += 1
                    return a_record(tp, at)
            time.sleep(0.005)
        raise StopIteration

    def seek(self, tp: RealPartition, offset: int) -> None:
        self.positions[tp] = offset

    def position(self, tp: RealPartition, timeout_ms: float) -> int:
        if tp == OTHER and self.config["auto_offset_reset"] == "none":
            raise kafka.errors.NoOffsetForPartitionError(tp)
        return self.positions[tp]

    def committed(self, tp: RealPartition) -> None:
        return None

    def group_metadata(self) -> Any:
        return SimpleNamespace(generation_id=1, member_id="me", group_instance_id=None)

    def commit(self, offsets: dict[Any, Any], timeout_ms: float | None = None) -> None:
        self.commits.append({tuple(tp): each.offset for tp, each in offsets.items()})
        self.commit_within.append(timeout_ms)

    def close(self, autocommit: bool) -> None:
        self.closed += 1


def a_record(tp: RealPartition, offset: int) -> Any:
    return SimpleNamespace(topic=tp.topic, partition=tp.partition, offset=offset, timestamp=0, timestamp_type=0,
                           key=None, value=b"1", headers=[])


class Worker:
    """As much of `app` as a consumer needs."""

    name = "reader-0"

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.client: dict[str, Any] = {}
        self.time_of_day = 0
        self.in_hand: ContextVar[str | None] = ContextVar("in_hand", default=None)
        self.written: list[tuple[Any, ...]] = []
        self.marks = SimpleNamespace(write=lambda *words: self.written.append(words))
        self.plan = SimpleNamespace(prefix="run-", real_topic=lambda topic: f"run-{topic}",
                                    topic=lambda real: real.removeprefix("run-"))

    @property
    def now_ns(self) -> int:
        return time.monotonic_ns()

    async def step(self, kind: str, act: Callable[[], Coroutine[Any, Any, Any]], **_: Any) -> Any:
        return await act()


Story = Callable[[RealConsumer, Records], Coroutine[Any, Any, None]]


def tell(monkeypatch: pytest.MonkeyPatch, story: Story, **config: Any) -> Records:
    """What becomes of the records when a service does this."""
    made: list[Records] = []

    def make(**settings: Any) -> Records:
        made.append(Records(**settings))
        return made[0]

    async def whole() -> None:
        async with RealConsumer(Worker(), ("notes",), "readers", config) as consumer:  # type: ignore[arg-type]
            await consumer._made
            await story(consumer, made[0])

    monkeypatch.setattr(kafka, "KafkaConsumer", make)
    run_apart(whole())
    return made[0]


def offsets(found: dict[TopicPartition, list[Any]]) -> dict[int, list[int]]:
    return {tp.partition: [record.offset for record in records] for tp, records in found.items()}


async def gives_up(waiting: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await waiting


@pytest.mark.parametrize("ask", ["getone", "getmany"])
def test_a_record_that_comes_when_nobody_waits_any_more_is_handed_to_the_next_who_asks(monkeypatch, ask: str) -> None:
    """And is not committed before."""
    async def story(consumer: RealConsumer, records: Records) -> None:
        await gives_up(consumer.getone() if ask == "getone" else consumer.getmany(timeout_ms=10_000))
        records.there[ONE] = 1
        await asyncio.sleep(0.2)
        assert records.positions[ONE] == 1 and consumer.position(TopicPartition("notes", 0)) == 0
        await consumer.commit()
        assert records.commits == [{ONE: 0, OTHER: 0}]
        assert (await consumer.getone()).offset == 0
        await consumer.commit()
        assert records.commits[1] == {ONE: 1, OTHER: 0}

    tell(monkeypatch, story)


def test_what_nobody_was_handed_is_not_committed_at_the_end_either(monkeypatch) -> None:
    async def story(consumer: RealConsumer, records: Records) -> None:
        await gives_up(consumer.getmany(timeout_ms=10_000))
        records.there[ONE] = 3
        await asyncio.sleep(0.2)

    records = tell(monkeypatch, story, enable_auto_commit=True)
    assert records.commits == [{ONE: 0, OTHER: 0}] and records.closed == 1


def test_the_end_waits_for_no_coordinator_for_ever(monkeypatch) -> None:
    async def story(consumer: RealConsumer, records: Records) -> None:
        await consumer.getmany()

    assert tell(monkeypatch, story, enable_auto_commit=True).commit_within == [40_000]


def test_nobody_waits_for_the_whole_of_a_long_poll(monkeypatch) -> None:
    """Neither another question nor the end."""
    async def story(consumer: RealConsumer, records: Records) -> None:
        long = asyncio.ensure_future(consumer.getmany(timeout_ms=600_000))
        await asyncio.sleep(0.05)
        assert consumer.assignment() == {TopicPartition("notes", 0), TopicPartition("notes", 1)}
        assert records.polls == [membership.LOOK_MS]  # asked while the thread was busy
        assert consumer.position(TopicPartition("notes", 0)) == 0
        long.cancel()

    assert max(tell(monkeypatch, story).polls) <= membership.LOOK_MS


def test_after_a_seek_nothing_old_comes(monkeypatch) -> None:
    async def story(consumer: RealConsumer, records: Records) -> None:
        await gives_up(consumer.getone())
        records.there[ONE] = 1  # it is fetched, and nobody has heard of it yet
        consumer.seek(TopicPartition("notes", 0), 1)
        await asyncio.sleep(0.2)
        assert await consumer.getmany() == {}

    tell(monkeypatch, story)


def test_what_is_taken_away_is_not_handed_over(monkeypatch) -> None:
    async def story(consumer: RealConsumer, records: Records) -> None:
        await gives_up(consumer.getmany(timeout_ms=10_000))
        records.there[ONE] = records.there[OTHER] = 1
        await asyncio.sleep(0.2)
        records.listener.on_partitions_revoked([ONE])
        assert offsets(await consumer.getmany()) == {1: [0]}

    tell(monkeypatch, story)


def test_getmany_of_one_partition(monkeypatch) -> None:
    """The others are not read meanwhile."""
    async def story(consumer: RealConsumer, records: Records) -> None:
        records.there[ONE], records.there[OTHER] = 2, 1
        assert offsets(await consumer.getmany(TopicPartition("notes", 1))) == {1: [0]}
        assert records.positions == {ONE: 0, OTHER: 1} and not records.stops
        assert await consumer.getmany(TopicPartition("notes", 1), timeout_ms=10) == {}
        assert offsets(await consumer.getmany(max_records=5)) == {0: [0, 1]}
        with pytest.raises(ValueError, match="not assigned to reader-0"):
            await consumer.getmany(TopicPartition("notes", 7))

    tell(monkeypatch, story)


def test_what_cannot_be_asked_is_refused_as_in_virtual_time(monkeypatch) -> None:
    async def story(consumer: RealConsumer, records: Records) -> None:
        one, none = TopicPartition("notes", 0), TopicPartition("notes", 7)
        with pytest.raises(ValueError, match="not assigned to reader-0"):
            await consumer.commit({none: 1})
        with pytest.raises(ValueError, match="not assigned to reader-0"):
            await consumer.seek_to_end(none)
        with pytest.raises(TypeError, match="a list of partitions is needed"):
            await consumer.end_offsets(one)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="no such partition; 'notes' has 2"):
            await consumer.end_offsets([none])
        for offset in (-5, 1.5, True, "3", None):
            with pytest.raises(ValueError, match="an offset is a whole number from 0"):
                consumer.seek(one, offset)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="an offset is a whole number from 0"):
                await consumer.commit({one: offset})  # type: ignore[dict-item]
        with pytest.raises(ValueError, match="a time is a whole number"):
            await consumer.offsets_for_times({one: -1})
        with pytest.raises(NoOffsetForPartitionError, match="auto_offset_reset='none'"):
            await consumer.seek_to_committed(one)
        with pytest.raises(NoOffsetForPartitionError, match="run-notes"):  # not kafka-python's error of this name
            consumer.position(TopicPartition("notes", 1))
        assert await consumer.end_offsets([]) == {} and consumer.partitions_for_topic("nix") is None

    tell(monkeypatch, story, auto_offset_reset="none")


def test_a_consumer_that_is_not_made_yet_is_in_no_group(monkeypatch) -> None:
    ready = threading.Event()

    def make(**settings: Any) -> Records:
        ready.wait(10)
        return Records(**settings)

    async def whole() -> None:
        async with RealConsumer(Worker(), ("notes",), "readers", {}) as consumer:  # type: ignore[arg-type]
            assert tuple(consumer.group_metadata()) == ("readers", -1, "", None)
            ready.set()
            await consumer._made
            assert consumer.group_metadata().generation_id == 1

    monkeypatch.setattr(kafka, "KafkaConsumer", make)
    run_apart(whole())


def test_topics_that_nobody_knows_are_an_error(monkeypatch) -> None:
    monkeypatch.setattr(membership, "KNOWN_WITHIN", 0.1)

    async def whole() -> None:
        async with RealConsumer(Worker(), ("nix", "notes"), "readers", {}) as consumer:  # type: ignore[arg-type]
            await consumer.getone()

    monkeypatch.setattr(kafka, "KafkaConsumer", Records)
    with pytest.raises(KafkaTimeoutError, match="no broker has heard of run-nix"):
        run_apart(whole())


def test_a_consumer_joins_when_it_is_first_polled(monkeypatch) -> None:
    async def story(consumer: RealConsumer, records: Records) -> None:
        await consumer.end_offsets([])
        written = consumer._app.written
        assert written == [("made", "readers")]
        await consumer.getmany()
        await consumer.getmany()
        await consumer.stop()
        assert [words[0] for words in written] == ["made", "joining", "left"]

    tell(monkeypatch, story)
