"""T20, T22 and T32: how much a crash repeats, and how long a partition stands still, against their formulas."""

from math import ceil, sqrt

import pytest
from consumer_scenarios import load, of

from simlib import ConsumerGroup, Crash, run
from simlib.scenario.draws import Stream

SHORT_SESSION = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 2_000, "auto_offset_reset": "earliest"}


def repeated(group, at, **shop):
    """How many records are worked again after a crash at this instant."""
    crash = Crash("billing-0", at=at, restart_after=1)
    return len(run(load(group, partitions=1, duration=at + 22, faults=[crash], **shop)).duplicates)


@pytest.mark.statement("T20")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_a_crash_repeats_half_an_interval_on_average_and_any_part_of_it(client):
    """Thirty crashes at random: uniform between 0 and rate x interval, so mean and deviation are known."""
    rate, interval, runs = 40, 2.0, 30
    group = ConsumerGroup("billing", "orders", auto_commit_interval_ms=1_000 * interval, **SHORT_SESSION)
    moments = Stream(20, "crashes").block(0, runs) * 5 * interval + 2
    found = [repeated(group, round(float(at), 6), rate=rate, stop=13, client=client) for at in moments]
    most, deviation = rate * interval, rate * interval / sqrt(12)
    assert abs(sum(found) / runs - most / 2) < 3.3 * deviation / sqrt(runs)
    assert 0 <= min(found) < most / 10 and most * 0.9 < max(found) <= most + 2
    spread = sqrt(sum((one - most / 2) ** 2 for one in found) / runs)
    assert 0.8 * deviation < spread < 1.2 * deviation


@pytest.mark.statement("T22", "K75")
@pytest.mark.parametrize("seconds_a_poll", [0.5, 2, 3, 7])
def test_a_slow_loop_stretches_the_interval_to_whole_polls(seconds_a_poll):
    """Twenty records a second are worked without a pause, so many to a poll that it takes these seconds.

    The thousand records are fetched at once (they are 100 bytes each), so that no poll is short of them.
    """
    rate, interval = 20, 5
    stretched = seconds_a_poll * ceil(interval / seconds_a_poll)
    group = ConsumerGroup("billing", "orders", service_time=1 / rate, max_poll_records=int(rate * seconds_a_poll),
                          fetch_min_bytes=100_000, fetch_max_wait_ms=5_000, **SHORT_SESSION)
    crashes = [20 + stretched * (k + 0.5) / 12 for k in range(12)]
    found = [repeated(group, at, rate=2_000, stop=0.5) for at in crashes]
    half_a_step = rate * stretched / 24
    assert sum(found) / 12 == pytest.approx(rate * stretched / 2, abs=half_a_step + 1)
    assert max(found) - min(found) > 0.8 * rate * stretched


@pytest.mark.statement("T32", "K86")
@pytest.mark.parametrize(("session", "heartbeat"), [(45, 3), (10, 3), (6, 1)])
def test_a_killed_member_is_missed_a_session_after_its_last_heartbeat(session, heartbeat):
    group = ConsumerGroup("billing", "orders", consumers=2, enable_auto_commit=False,
                          session_timeout_ms=1_000 * session, heartbeat_interval_ms=1_000 * heartbeat)
    stalls = []
    for tenth in range(10):
        at = 10 + heartbeat * (tenth + 0.5) / 10
        trace = run(load(group, stop=1, duration=at + session + 1, faults=[Crash("billing-0", at=at)]))
        stalls.append(of(trace, "evicted").time.iloc[0] - at)
    assert all(session - heartbeat <= stall <= session + 0.01 for stall in stalls)
    assert sum(stalls) / 10 == pytest.approx(session - heartbeat / 2, abs=heartbeat / 10)
