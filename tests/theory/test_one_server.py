"""One consumer whose work is not exponential, consumers side by side, and what holds record by record."""

import numpy as np
import pytest
from waiting import UNIT, confidence, load, waits_of

from simlib import Constant, ConsumerGroup, Exponential, Lognormal, Service, run

pytestmark = pytest.mark.slow


def group(service_time, consumers=1):
    return ConsumerGroup("billing", "orders", consumers=consumers, service_time=service_time)


def waits(trace):
    return waits_of(trace.deliveries.set_index("message").time, trace)


@pytest.mark.statement("T02")
@pytest.mark.parametrize(("utilisation", "mean_wait"), [(0.5, 0.5), (0.8, 2.0)])
def test_even_work_halves_the_wait(utilisation, mean_wait):
    found = waits(run(load(utilisation, 12_000 if utilisation < 0.7 else 25_000, groups=[group(Constant(UNIT))])))
    mean, margin = confidence(found)
    assert len(found) > 11_000 and margin < 0.25 * mean_wait
    assert mean == pytest.approx(mean_wait, abs=margin)


@pytest.mark.statement("T03")
@pytest.mark.parametrize(("squared_variation", "mean_wait"), [(0.5, 0.75), (2.0, 1.5)])
def test_uneven_work_makes_the_wait_longer(squared_variation, mean_wait):
    work = Lognormal(UNIT, squared_variation**0.5)
    found = waits(run(load(0.5, 16_000, groups=[group(work)])))
    mean, margin = confidence(found)
    assert margin < 0.25 * mean_wait
    assert mean == pytest.approx(mean_wait, abs=margin)


@pytest.mark.statement("T05")
def test_four_partitions_are_four_queues():
    """At utilisation 0.8 a record stays 5 units on average, as with one consumer; one shared queue would take 1.75."""
    trace = run(load(3.2, 40_000, partitions=4, groups=[group(Exponential(UNIT), consumers=4)]))
    handed = trace.deliveries.set_index("message")
    stays = waits_of(handed.done, trace)
    mean, margin = confidence(stays)
    assert set(handed.groupby("member").partition.nunique()) == {1}
    assert margin < 1
    assert mean == pytest.approx(5.0, abs=margin)


@pytest.mark.statement("T01")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_single_record_starts_when_it_can(seed):
    """Lindley: work starts when the record is there and the one before is done. A free consumer learns of a record by
    the answer to its fetch, one latency after the append; a busy one takes it from a poll or asks again: two."""
    trace = run(load(0.8, 3_000, seed=seed, groups=[group(Exponential(UNIT))]))
    handed = trace.deliveries.dropna(subset="done").sort_values("offset")
    there = trace.records.set_index("message").appended.reindex(handed.message).to_numpy()
    free = np.r_[-np.inf, handed.done.to_numpy()[:-1]]
    late = handed.time.to_numpy() - np.maximum(there, free)
    latency = trace.scenario.latency
    assert len(late) > 2_900 and late.min() >= 0
    assert late.max() <= 3 * latency + 1e-9, f"{late.max():g} s"


async def settle_each(app):
    """Commits every order when it is done."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for _ in consumer:
        await app.work(app.random.expovariate(1 / UNIT))
        await consumer.commit()


@pytest.mark.statement("T01")
def test_little_connects_the_lag_with_the_time_a_record_takes():
    """Lag, averaged over time, = arrival rate x mean time from append to commit."""
    trace = run(load(0.5, 6_000, services=[Service("billing", settle_each)]))
    lag = trace.lag[trace.lag.time >= 0]
    lasted = np.diff(np.r_[lag.time, trace.ended_at])
    in_system = (lag.lag * lasted).sum() / trace.ended_at
    stays = waits_of(trace.deliveries.set_index("message").done, trace)
    rate = len(stays) / trace.ended_at * UNIT
    assert in_system == pytest.approx(rate * stays.mean(), rel=0.005)
    mean, margin = confidence(stays[500:])  # the consumer joins three seconds late
    assert mean == pytest.approx(2.0, abs=margin) and margin < 0.4
