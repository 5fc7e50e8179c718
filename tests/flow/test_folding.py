"""A folded trace tells what the whole one tells: counts, duplicates and losses exactly, latencies within 1 %."""

import gc
import sys

import numpy as np
import pytest
from agreement import same_view
from flow_scenarios import calm_scenarios, scenarios, where_possible
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_agreement import shop

import simlib.flow.folded_world as folded_world
from simlib import ConsumerGroup, Crash, Given, Pause, Producer, Scenario, Topic, Trace, run
from simlib.trace.folded import Folded
from simlib.trace.summary import percentiles
from simlib.units import SECOND

compared = settings(max_examples=40, derandomize=True, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
many = settings(compared, max_examples=2_000, derandomize=False, print_blob=True)

DYING = shop(faults=[Crash("billing-1", at=30, restart_after=30)])
EXACT = ("delivered", "duplicates", "causes", "skipped", "passed_over", "missed", "backlog")


def folded(scenario, chunk=100):
    """Of many small parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folded_world, "CHUNK", chunk)
        patch.setattr(folded_world, "LOOKS", 12)
        return run(scenario, fold=True, progress=False)


def tell_the_same(scenario, chunk=100):
    with where_possible():
        whole = run(scenario, engine="flow", progress=False)
    sums = folded(scenario, chunk)
    the_same_summary(whole.summary(), sums.summary())
    same_view(in_order(whole.duplicates), in_order(sums.duplicates), "duplicates")
    same_view(in_order(whole.deliveries_at(late(whole))), in_order(sums.late), "late")
    same_view(in_order(whole.lost), in_order(sums.lost), "lost")
    for name in ("commits", "control", "skipped"):
        same_view(getattr(whole, name), getattr(sums, name), name)
    the_same_lag(whole, sums)
    return whole, sums


def in_order(frame):
    plain = frame.astype({name: object for name in frame.columns if frame[name].dtype == "category"})
    keys = [name for name in ("group", "message", "attempt") if name in frame]
    return plain.sort_values(keys, kind="stable").reset_index(drop=True)


def the_same_summary(whole, sums):
    for name in whole:
        if name != "groups":
            assert whole[name] == sums[name], name
    for group, expected in whole.groups.items():
        found = sums.groups[group]
        assert [getattr(expected, name) for name in EXACT] == [getattr(found, name) for name in EXACT]
        assert expected.lag == found.lag
        for latencies, sketch in ((expected.handed_after, found.handed_after), (expected.done_after, found.done_after)):
            assert latencies.keys() == sketch.keys()
            assert all(abs(sketch[p] - value) <= 0.01 * value + 1e-9 for p, value in latencies.items())


def late(trace):
    """First deliveries after that of a later record, found record by record."""
    highest, rows = {}, []
    handed = trace.handed
    for i in range(len(handed)):
        key = int(handed.group[i]), int(handed.tp[i])
        if handed.attempt[i] == 1 and handed.offset[i] < highest.get(key, -1):
            rows.append(i)
        highest[key] = max(highest.get(key, -1), int(handed.offset[i]))
    return np.array(rows, np.int64)


def the_same_lag(whole, sums):
    columns = whole.groups.lag
    for time, group, tp, lag in zip(*sums.groups.lag.values(), strict=True):
        mine = (columns["group"] == group) & (columns["tp"] == tp) & (columns["time"] <= time)
        assert np.r_[0, columns["lag"][mine]][-1] == lag


def test_a_consumer_that_dies():
    _, sums = tell_the_same(DYING)
    assert len(sums.duplicates) == 75 and sums.fidelity.folded and "duplicate" in sums.fidelity.kept


def test_a_zombie_reads_what_is_long_settled():
    group = ConsumerGroup("billing", "orders", 2, service_time=0.03, session_timeout_ms=6_000)
    whole, sums = tell_the_same(shop(groups=[group], faults=[Pause("billing-0", at=20, duration=12)], duration=60.0))
    assert "eviction" in set(sums.duplicates.cause_of_repeat)
    assert len(whole.handed) > 1_000


def test_what_waits_to_be_counted_is_not_forgotten():
    """A poll of the new owner goes beyond what the zombie had: it is counted a turn later, as a whole."""
    group = ConsumerGroup("billing", "orders", 3, service_time=Given([0, 0.05, 0.01]), auto_commit_interval_ms=1_000,
                          auto_offset_reset="earliest", session_timeout_ms=6_000, heartbeat_interval_ms=500,
                          max_poll_interval_ms=2_000)
    shops = [Producer("shop", "orders", rate=1), Producer("a-shop", "orders", rate=40.5, arrivals="poisson")]
    _, sums = tell_the_same(Scenario([Topic("orders", 3)], shops, [group], brokers=1, latency=0.0005, duration=20.0,
                                     faults=[Pause("billing-0", at=8, duration=15)], seed=0))
    assert len(set(sums.duplicates.message)) == len(sums.duplicates) > 10


def test_a_group_that_cannot_keep_up():
    group = ConsumerGroup("billing", "orders", service_time=0.1)
    _, sums = tell_the_same(shop(groups=[group], duration=60.0))
    assert sums.summary().backlog > 2_000


def test_two_producers_two_groups_and_a_topic_that_nobody_reads():
    _, sums = tell_the_same(Scenario(
        [Topic("orders", partitions=2), Topic("mails")],
        [Producer("shop", "orders", rate=70, keys=5), Producer("web", "orders", rate=30.7, keys=7, start=3.0),
         Producer("post", "mails", rate=5, acks=0, enable_idempotence=False)],
        [ConsumerGroup("billing", "orders", 2, service_time=0.002), ConsumerGroup("audit", ["orders"])], duration=40.0))
    assert sums.summary().produced == 2_800 + 1_136 + 200


def test_latencies_add_up_and_bracket_the_percentiles():
    whole, sums = run(DYING), folded(DYING)
    done = sums.latencies[sums.latencies.until == "done"]
    after = whole.handed.done - whole.messages.created[whole.handed.message]
    first = (whole.handed.attempt == 1) & (whole.handed.done >= 0)
    assert done.records.sum() == first.sum()
    exact = percentiles(after[first])
    assert sums.summary().groups["billing"].done_after["p50"] == pytest.approx(exact["p50"], rel=0.01)
    for _, row in done.groupby(["from", "below"], observed=True).records.sum().reset_index().iterrows():
        inside = ((after[first] / 1e9 >= row["from"] - 1e-12) & (after[first] / 1e9 < row["below"] - 1e-12)).sum()
        assert abs(inside - row.records) <= 1  # a value on the edge


@pytest.mark.parametrize("name", ["records", "deliveries", "events", "passed_over", "messages", "handed", "calls"])
def test_what_is_gone_is_refused_by_name(name):
    with pytest.raises(Folded, match=rf"no trace\.{name}\. It has summary\(\)"):
        getattr(folded(shop(duration=5.0)), name)


def test_pictures():
    sums = folded(DYING)
    assert "billing" in str(sums.plot.lag().description)
    with pytest.raises(Folded, match=r"no trace\.plot\.timeline"):
        sums.plot.timeline()
    with pytest.raises(Folded, match=r"no trace\.groups\.deliveries"):
        sums.groups.logs_of(0)


def test_it_survives_the_disk(tmp_path):
    sums = folded(DYING)
    sums.save(tmp_path / "day.trace")
    again = Trace.load(tmp_path / "day.trace")
    assert again.summary() == sums.summary() and again.fidelity == sums.fidelity
    same_view(sums.duplicates, again.duplicates, "duplicates")


def test_a_long_run_takes_no_more_memory_than_a_short_one(monkeypatch):
    monkeypatch.setattr(folded_world, "CHUNK", 500)
    world = folded_world.FoldedWorld(shop(duration=1_200.0, producers=[Producer("shop", "orders", rate=5, keys=30)],
                                          groups=[ConsumerGroup("billing", "orders", 3, auto_commit_interval_ms=500)]))
    blocks = {}

    def watch(world):
        begun = world.clock.now // (200 * SECOND)
        if begun not in blocks:
            gc.collect()
            blocks[begun] = sys.getallocatedblocks()

    world.run(watch)
    assert len(world.recorder.rows["commits"]) > 6 * 3_000 and blocks[5] - blocks[1] < 2_000


def test_the_lag_is_looked_at_in_regular_intervals_however_long_the_parts_are():
    times = run(shop(duration=50.0), fold=True, progress=False).lag.time.unique()
    assert np.allclose(np.diff(times[1:-1]), 0.1) and len(times) == 501


def test_nothing_depends_on_the_parts():
    small, large = folded(DYING, 100), folded(DYING, 1_700)
    assert small.summary() == large.summary()
    same_view(small.lag, large.lag, "lag")


@pytest.mark.slow
@compared
@given(scenarios(), st.sampled_from([100, 400]))
def test_random_scenarios(scenario, chunk):
    tell_the_same(scenario, chunk)


@pytest.mark.slow
@compared
@given(calm_scenarios(), st.sampled_from([100, 400]))
def test_random_calm_scenarios(scenario, chunk):
    tell_the_same(scenario, chunk)


@pytest.mark.soak
@many
@given(scenarios(), st.sampled_from([100, 400]))
def test_many_random_scenarios(scenario, chunk):
    tell_the_same(scenario, chunk)
