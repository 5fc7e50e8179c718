"""What a scenario does not program - members of groups, producers, inputs, Redis - as services that do it for real."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from simlib.real.worker.app import RealApp
from simlib.real.worker.load_transactions import LoadTransactions, until
from simlib.real.worker.producer import RealProducer, as_bytes
from simlib.real.worker.redis import redis
from simlib.scenario.distributions import as_distribution
from simlib.scenario.draws import Sampler, Stream
from simlib.scenario.loads import arrival_blocks, key_codes, key_names
from simlib.scenario.scenario import Scenario
from simlib.scenario.topology import ConsumerGroup, Producer
from simlib.services.errors import KafkaError
from simlib.services.producer import encode_key
from simlib.units import SECOND

POLL_MS = 500


async def member(app: RealApp) -> None:
    """One member of a declared group: poll, work each record, poll again."""
    group = app.plan.scenario.group(app.plan.owner)
    assert isinstance(group, ConsumerGroup)  # the rest is refused
    times = WorkTimes(group, app.plan.scenario.seed)
    async with app.consumer(*group.topics, group_id=group.name, **group.overrides(app.name)) as consumer:

        async def handed(raw: Any) -> Any:
            return consumer.hand_over(raw)

        while not app.stopping:
            for raw in await consumer.poll(POLL_MS):
                record = await app.step("receive", partial(handed, raw))
                await app.work(times.of(record))
                consumer.finish_records_in_hand()


class WorkTimes:
    """The same draws as in virtual time; a member that was restarted counts its attempts anew (simplified)."""

    def __init__(self, group: ConsumerGroup, seed: int) -> None:
        self._group, self._seed = group, seed
        self._distribution = as_distribution(group.service_time)
        self._seen: dict[tuple[str, int, int], int] = {}

    def of(self, record: Any) -> float:
        """Seconds of work on a record."""
        place = record.topic, record.partition, record.offset
        attempt = self._seen[place] = self._seen.get(place, 0) + 1
        stream = Stream(self._seed, self._group.name, "service", record.topic, record.partition, attempt)
        return float(Sampler(self._distribution, stream).at(record.offset))


async def load(app: RealApp) -> None:
    """A declared producer: records come at a rate, whatever the brokers do. Those due while it was down never come."""
    declared = app.plan.scenario.producer(app.plan.owner)
    content = b"x" * declared.value_bytes
    async with app.producer(**declared.overrides()) as producer:
        if declared.transactional_id is not None:
            await _load_in_transactions(app, producer, declared, content)
            return
        for at, key in _due(app, declared):
            await until(app, at)
            with suppress(KafkaError):  # it is written down as failed; the next one may do
                await _hand_over(producer, declared, content, key)


async def _load_in_transactions(app: RealApp, producer: RealProducer, declared: Producer, content: bytes) -> None:
    """A clean end commits what is open."""
    await producer.init_transactions()
    transactions = LoadTransactions(app, producer, declared.transaction_duration)
    try:
        for at, key in _due(app, declared):
            await transactions.wait_until(at)
            await transactions.send(partial(_hand_over, producer, declared, content, key))
        await transactions.finish()
    except asyncio.CancelledError:
        await transactions.end()
        raise


def _due(app: RealApp, declared: Producer) -> Iterator[tuple[float, Any]]:
    """(at, key) of each record that is to come in this life."""
    scenario, names, began, number = app.plan.scenario, key_names(declared.keys), _beginning(app), -1
    keys = Stream(scenario.seed, declared.name, "key")
    for block in arrival_blocks(declared, Stream(scenario.seed, declared.name, "arrival"), scenario.duration):
        for at in block.tolist():
            number += 1
            if at / SECOND >= began:
                yield at / SECOND, names[int(key_codes(declared, keys, number, 1)[0])] if names else None


async def _hand_over(producer: RealProducer, declared: Producer, content: bytes, key: Any) -> None:
    await producer.hand_over(declared.topic, content, encode_key(key), key, None, None, None, load=True)


async def inputs(app: RealApp) -> None:
    """The rows of `Scenario.inputs`, each at its time; those due while it was down never come."""
    began = _beginning(app)
    async with app.producer() as producer:
        for at, topic, row in rows_in_order(app.plan.scenario):
            if at >= began:
                await until(app, at)
                with suppress(KafkaError):
                    await producer.hand_over(topic, as_bytes(row["value"]), encode_key(row.get("key")), row.get("key"),
                                             row.get("headers"), row.get("partition"), row["value"])


def _beginning(app: RealApp) -> float:
    """Its first life may begin a moment late, and yet sends what was due at 0."""
    return app.now if app.life else -math.inf


def rows_in_order(scenario: Scenario) -> list[tuple[float, str, Mapping[str, Any]]]:
    """(at, topic, row), by time; rows of one time in the order they were given."""
    rows = [(float(row.get("at", 0)), topic, row) for topic, given in scenario.inputs.items() for row in given]
    return sorted(rows, key=lambda each: each[0])


DECLARED = {"group": member, "producer": load, "inputs": inputs, "redis": redis}
