"""Arrivals are what they claim to be, and an outage takes as long to clear as arithmetic says."""

import numpy as np
import pytest

from simlib import Bursts, ConsumerGroup, Pause, Producer, Scenario, Topic, run

pytestmark = pytest.mark.slow

RATE = 20.0
WINDOWS = 500


def created(arrivals, seed=3, rate=RATE):
    load = Producer("shop", "orders", rate=rate, arrivals=arrivals)
    trace = run(Scenario([Topic("orders")], producers=[load], brokers=1, duration=WINDOWS, seed=seed), progress=False)
    return trace.records.created.to_numpy()


def variance_to_mean(times):
    """Of the number of arrivals in each second."""
    counts = np.histogram(times, bins=np.arange(WINDOWS + 1) - 1e-6)[0]
    return counts.var(ddof=1) / counts.mean()


@pytest.mark.statement("T01")
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_poisson_arrivals_have_variance_equal_to_mean_and_exponential_gaps(seed):
    times = created("poisson", seed)
    margin = 3.29 * np.sqrt(2 / (WINDOWS - 1))  # 99.9 %: (n - 1) x the ratio is chi-squared
    assert variance_to_mean(times) == pytest.approx(1, abs=margin)
    gaps = np.sort(np.diff(times)) * RATE
    distance = np.abs(1 - np.exp(-gaps) - np.arange(1, len(gaps) + 1) / len(gaps)).max()
    assert distance < 1.95 / np.sqrt(len(gaps))  # Kolmogorov and Smirnov, 99.9 %


@pytest.mark.statement("T01")
def test_constant_and_bursty_arrivals_are_not_poisson():
    assert variance_to_mean(created("constant")) == pytest.approx(0, abs=1e-9)
    bursts = created(Bursts(size=80, every=4.0), rate=None)  # 80, 0, 0, 0, 80, ...
    assert variance_to_mean(bursts) == pytest.approx(60, rel=0.01)


@pytest.mark.statement("T08")
@pytest.mark.parametrize(("rate", "speed", "outage"), [(100, 150, 30), (80, 100, 20)])
def test_a_backlog_takes_its_time_to_clear(rate, speed, outage):
    """Standing still for D seconds leaves L x D records; clearing them takes L x D / (M - L) seconds more."""
    backlog = rate * outage
    clear = backlog / (speed - rate)
    group = ConsumerGroup("billing", "orders", service_time=1 / speed, auto_commit_interval_ms=100,
                          max_poll_records=10)
    trace = run(Scenario([Topic("orders")], [Producer("shop", "orders", rate=rate)], [group], brokers=1,
                         faults=[Pause("billing-0", at=10, duration=outage)], duration=10 + outage + clear + 20))
    resumed = 10 + outage
    assert trace.lag.lag.max() == pytest.approx(backlog, abs=0.2 * rate + 10)  # and what was not committed yet
    handed = trace.deliveries.set_index("message")
    waits = (handed.time - trace.records.set_index("message").appended).dropna()
    behind = handed.time[waits > 2 / speed]
    assert behind.max() - resumed == pytest.approx(clear, rel=0.02)
    assert len(trace.duplicates) == 0 and trace.summary().lost == 0
