"""Waiting times against textbook formulas: one consumer is M/M/1, c workers that share one queue are M/M/c."""

import asyncio
import math

import numpy as np
import pytest
from waiting import UNIT, confidence, load, waits_of

from simlib import ConsumerGroup, Exponential, Service, run

pytestmark = pytest.mark.slow


def erlang_c(servers, utilisation):
    """The chance that an arrival has to wait."""
    offered = servers * utilisation
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) / (1 - utilisation)
    return last / (sum(terms) + last)


@pytest.mark.statement("T01")
@pytest.mark.parametrize("engine", ["events", "flow"])
@pytest.mark.parametrize(("utilisation", "mean_wait"), [(0.5, 1.0), (0.8, 4.0)])
def test_one_consumer_waits_as_m_m_1(utilisation, mean_wait, engine):
    group = ConsumerGroup("billing", "orders", service_time=Exponential(UNIT), enable_auto_commit=True)
    trace = run(load(utilisation, 15_000 if utilisation < 0.7 else 40_000, groups=[group]), engine=engine)
    waits = waits_of(trace.deliveries.set_index("message").time, trace)
    mean, margin = confidence(waits)
    assert len(waits) > 14_000 and margin < 0.3 * mean_wait
    assert mean == pytest.approx(mean_wait, abs=margin)
    share_at_once = (waits < 0.001).mean()  # P(N = 0)
    assert share_at_once == pytest.approx(1 - utilisation, abs=0.02)


@pytest.mark.statement("T01")
def test_little_holds_for_every_consumer():
    """Records waiting, averaged over time, = arrival rate x mean wait: an identity, so almost exact in any run."""
    group = ConsumerGroup("billing", "orders", consumers=2, service_time=Exponential(UNIT))
    trace = run(load(1.4, 5_000, partitions=2, groups=[group]))
    both = trace.deliveries.set_index("message").join(trace.records.set_index("message").appended).dropna(subset="time")
    arrivals, starts = np.sort(both.appended), np.sort(both.time)
    moments = np.linspace(0, trace.ended_at, 200_001)
    waiting = np.searchsorted(arrivals, moments) - np.searchsorted(starts, moments)
    rate, wait = len(both) / trace.ended_at, (both.time - both.appended).mean()
    assert waiting.mean() == pytest.approx(rate * wait, rel=0.01)


def sharing(workers):
    """One consumer that puts orders into a queue, from which this many tasks take them."""

    async def main(app):
        queue = asyncio.Queue()

        async def worker():
            while True:
                order = await queue.get()
                await app.effect("begin", order.message)
                await app.sleep(app.random.expovariate(1 / UNIT))

        tasks = [asyncio.create_task(worker()) for _ in range(workers)]
        async for order in app.consumer("orders", group_id="billing", auto_offset_reset="earliest"):
            queue.put_nowait(order)
        return tasks

    return main


@pytest.mark.statement("T04")
@pytest.mark.parametrize(("workers", "utilisation", "mean_wait", "chance"),
                         [(2, 0.5, 1 / 3, 1 / 3), (3, 0.8, 1.07865, 0.64719)])
def test_workers_that_share_a_queue_wait_as_m_m_c(workers, utilisation, mean_wait, chance):
    assert erlang_c(workers, utilisation) == pytest.approx(chance, abs=1e-5)  # the published table
    trace = run(load(workers * utilisation, 15_000, services=[Service("billing", sharing(workers))]))
    waits = waits_of(trace.effects.set_index("key").time, trace)[500:]  # the consumer joins three seconds late
    mean, margin = confidence(waits)
    assert len(waits) > 14_000 and margin < 0.35 * mean_wait
    assert mean == pytest.approx(mean_wait, abs=margin)
    assert (waits > 0.001).mean() == pytest.approx(chance, abs=0.03)


@pytest.mark.statement("T04")
def test_a_group_of_consumers_is_not_m_m_c_but_a_queue_for_each():
    """Two consumers, two partitions, utilisation 0.7: each waits as M/M/1 (2.33 units), not as M/M/2 (0.96)."""
    group = ConsumerGroup("billing", "orders", consumers=2, service_time=Exponential(UNIT))
    trace = run(load(1.4, 30_000, partitions=2, groups=[group]))
    mean, margin = confidence(waits_of(trace.deliveries.set_index("message").time, trace))
    assert mean == pytest.approx(7 / 3, abs=margin) and margin < 0.5
