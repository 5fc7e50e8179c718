"""A sweep: every combination with the same seeds, a tidy table with intervals; refused before it runs; interrupted."""

import math
import signal
import threading
import time
import warnings

import joblib
import numpy as np
import pytest

import simlib.supervision as supervision
import simlib.sweeping.trials as trials
from simlib import ConsumerGroup, Exponential, Producer, Scenario, Service, Topic, replace, run, sweep
from simlib.sweeping import SweepError
from simlib.sweeping.intervals import interval, student_t

SHOP = Scenario([Topic("orders", 4)], [Producer("shop", "orders", rate=20, arrivals="poisson")],
                [ConsumerGroup("billing", "orders", service_time=Exponential(0.05))], duration=5)
CONSUMERS, RATE = "groups.billing.consumers", "producers.shop.rate"


def mean_wait(trace):
    handed = trace.deliveries.merge(trace.records[["message", "created"]])
    return (handed.time - handed.created).mean()


@pytest.fixture(scope="module")
def table():
    return sweep(SHOP, {CONSUMERS: range(1, 4), RATE: [10, 20]}, seeds=4, progress=False)


def test_a_row_for_each_setting_and_measure_with_its_interval(table):
    assert list(table.columns[:2]) == [CONSUMERS, RATE]
    names = ["produced", "lost", "delivered", "duplicates", "backlog", "p50", "p95", "p99"]
    assert list(table.measure.unique()) == names and len(table) == 3 * 2 * len(names)
    assert (table.runs == 4).all() and (table.low <= table["mean"]).all() and (table["mean"] <= table.high).all()
    assert table.attrs["units"] == {CONSUMERS: "", RATE: "records/s"} and not table.attrs["interrupted"]


def test_a_number_of_the_table_is_the_mean_of_these_runs(table):
    row = table[(table[CONSUMERS] == 2) & (table[RATE] == 20) & (table.measure == "p99")].iloc[0]
    runs = [run(replace(SHOP, {CONSUMERS: 2, RATE: 20, "seed": seed})) for seed in range(4)]
    p99 = [trace.summary().groups["billing"].done_after["p99"] for trace in runs]
    half = 3.182446 * np.std(p99, ddof=1) / math.sqrt(4)  # Student's t, 3 degrees of freedom, 95 % two-sided
    assert row["mean"] == pytest.approx(np.mean(p99))
    assert (row.low, row.high) == pytest.approx((np.mean(p99) - half, np.mean(p99) + half))


def test_all_settings_meet_the_same_arrivals_so_that_differences_are_surer_than_means():
    one_queue = replace(SHOP, {"topics.orders.partitions": 1, "producers.shop.stop": 4, "duration": 8})
    table = sweep(one_queue, {"groups.billing.service_time": [Exponential(0.03), Exponential(0.031)]}, seeds=8,
                  measure=mean_wait, progress=False)
    produced = sweep(SHOP, {CONSUMERS: [1, 4]}, seeds=3, progress=False).query("measure == 'produced'")
    assert (produced.change == 0).all() and produced["mean"].nunique() == 1
    slower = table.iloc[1]
    assert slower.change == pytest.approx(slower["mean"] - table["mean"].iloc[0])
    assert slower.change > 0
    apart = math.hypot(slower.high - slower["mean"], table.high[0] - table["mean"].iloc[0])
    assert slower.change_high - slower.change < 0.3 * apart


def test_a_measure_of_ones_own_gives_one_number_or_several():
    one = sweep(SHOP, {CONSUMERS: [1]}, seeds=[3, 8], measure=mean_wait, progress=False)
    assert list(one.measure) == ["mean_wait"] and one.runs.item() == 2
    assert one["mean"].item() == pytest.approx(np.mean([mean_wait(run(replace(SHOP, "seed", s))) for s in (3, 8)]))
    several = sweep(SHOP, {CONSUMERS: [1]}, seeds=1, progress=False,
                    measure=lambda trace: {"sent": len(trace.records), "nothing": math.nan})
    assert list(several.measure) == ["sent", "nothing"] and list(several.runs) == [1, 0]
    assert np.isnan(several.low).all()  # one run says nothing about the others


def test_groups_are_told_apart_by_name_and_services_can_be_swept():
    async def audit(app):
        async for _ in app.consumer("orders", group_id="audit", auto_offset_reset="earliest"):
            await app.work(0.001)

    two = replace(SHOP, {"services": [Service("audit", audit)], "duration": 2})
    table = sweep(two, {"services.audit.instances": [1, 2]}, seeds=1, progress=False)
    assert {"billing p99", "audit p99", "lost"} <= set(table.measure)


# -- refused


def test_everything_wrong_is_said_at_once_before_anything_runs(monkeypatch):
    monkeypatch.setattr(trials, "run", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(SweepError) as refused:
        sweep(SHOP, {"groups.biling.consumers": [1], RATE: [], "topics.orders.partitions": 3, "seed": [1],
                     "client": "java", CONSUMERS: [1, 1], "duration": {5, 6}}, seeds=0)
    assert refused.value.problems == (
        "'groups.biling': no such path; did you mean billing? (after 'groups' there is: billing)",
        "'seed': a sweep gives every setting the same seeds; say how many with seeds=",
        "seeds=0: each setting gets at least one run",
        "'producers.shop.rate': the list of values is empty; give at least one",
        "'topics.orders.partitions': a list of values is needed, such as [3], not 3",
        "'client': a list of values is needed, such as ['java'], not 'java'",
        "'groups.billing.consumers': 1 is there twice",
        "'duration': a set has no order; give a list of values")


def test_values_that_the_scenario_refuses_are_named_once_each_before_anything_runs(monkeypatch):
    monkeypatch.setattr(trials, "run", lambda *_, **__: pytest.fail("it ran"))
    session, heartbeat = "groups.billing.session_timeout_ms", "groups.billing.heartbeat_interval_ms"
    with pytest.raises(SweepError) as refused:
        sweep(SHOP, {CONSUMERS: [0, 1, 2], RATE: [-1, 20], session: [10_000, 6_000], heartbeat: [3_000, 7_000]})
    told = refused.value.problems
    assert [text.split(": ")[0] for text in told] == [
        f"{CONSUMERS}=0", f"{RATE}=-1", f"{CONSUMERS}=0, {RATE}=-1, {session}=6000, {heartbeat}=7000 (and 5 more)"]
    assert "at least 1" in told[0] and "above 0" in told[1] and "heartbeat_interval_ms=7000 must be lower" in told[2]


@pytest.mark.parametrize("settings", [{}, [CONSUMERS], None, CONSUMERS])
def test_settings_that_are_no_mapping_are_refused(settings):
    with pytest.raises(SweepError, match="give the values of each path"):
        sweep(SHOP, settings)


@pytest.mark.parametrize("seeds", [1.5, "20", [], [1, "2"], True, [3, 3], -1])
def test_seeds_that_are_none_are_refused(seeds):
    with pytest.raises(SweepError, match="seeds="):
        sweep(SHOP, {CONSUMERS: [1]}, seeds=seeds)


def test_a_scenario_that_is_wrong_whatever_the_setting_says_so_once():
    with pytest.raises(SweepError) as refused:
        sweep(replace(SHOP, "duration", -1), {CONSUMERS: [1, 2]})
    assert len(refused.value.problems) == 1 and refused.value.problems[0].startswith("Scenario: duration=-1")
    with pytest.raises(SweepError, match="a Scenario is needed, not str"):
        sweep("shop", {CONSUMERS: [1]})


@pytest.mark.parametrize(("measure", "says"), [
    (lambda trace: trace.lag, "gave a DataFrame for 'value'"), (lambda trace: {}, "empty mapping"),
    (lambda trace: {"wait": "long"}, "'long' for 'wait'"), (lambda trace: 1 / 0, "ZeroDivisionError")])
def test_a_measure_that_fails_says_under_which_setting(measure, says):
    with pytest.raises(trials.RunFailed, match=rf"^{CONSUMERS}=1, seed 0: .*{says}"):
        sweep(SHOP, {CONSUMERS: [1]}, measure=measure, progress=False)


# -- interrupted, shared


def test_what_is_done_is_kept_when_somebody_presses_ctrl_c(monkeypatch, capsys):
    """The runs are so short that each would be over before it could notice."""
    monkeypatch.setattr(supervision, "PROGRESS_AFTER", 0.05)
    asked = []

    def pressed_in_the_fifth(trace):
        asked.append(trace)
        if len(asked) == 5:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.5)  # the caller's thread, which gets it, has time to look
        return len(trace.records)

    table = sweep(SHOP, {CONSUMERS: [1, 2, 3]}, seeds=40, measure=pressed_in_the_fifth, n_jobs=1, progress=False)
    assert table.attrs["interrupted"] and len(table) == 3
    assert 5 <= (done := table.runs.sum()) < 120 and table.runs.max() - table.runs.min() <= 1
    assert capsys.readouterr().out == f"sweep: interrupted after {done} of 120 runs; the table has what is done\n"


def test_a_long_run_is_not_waited_for_and_does_not_go_on_in_the_dark(monkeypatch):
    monkeypatch.setattr(supervision, "PATIENCE", 0.1)
    pressed = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    pressed.start()
    table = sweep(replace(SHOP, {RATE: 200, "duration": 10_000}), {CONSUMERS: [1]}, progress=False)
    assert table.attrs["interrupted"] and len(table) == 0
    for thread in threading.enumerate():
        if thread.name == "simlib":
            thread.join(20)
            assert not thread.is_alive()


def test_an_interrupt_that_reaches_another_process_ends_the_sweep_too(monkeypatch):
    real = trials.measure_one
    monkeypatch.setattr(trials, "measure_one", lambda grid, trial, how: None if trial[1] else real(grid, trial, how))
    table = sweep(SHOP, {CONSUMERS: [1, 2, 3]}, seeds=2, progress=False)
    assert list(table.runs.unique()) == [1] and table.attrs["interrupted"]


def test_interrupted_before_the_first_run_is_done_the_table_is_empty(monkeypatch, capsys):
    real = run

    def interrupted(*arguments, **named):
        trace = real(*arguments, **named)
        trace.data.meta["ended"] = "interrupted"  # what run does with Ctrl-C
        return trace

    monkeypatch.setattr(trials, "run", interrupted)
    table = sweep(SHOP, {CONSUMERS: [1, 2]}, progress=False)
    assert len(table) == 0 and CONSUMERS in table.columns and "after 0 of 40 runs" in capsys.readouterr().out


@pytest.mark.slow
def test_two_processes_answer_as_one(table):
    shared = sweep(SHOP, {CONSUMERS: range(1, 4), RATE: [10, 20]}, seeds=4, n_jobs=2, progress=False)
    assert shared.equals(table)


@pytest.mark.slow
def test_a_local_dask_cluster_answers_as_one_process(table):
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, distributed.Client(cluster) as client, joblib.parallel_config(backend="dask"):
            there = sweep(SHOP, {CONSUMERS: range(1, 4), RATE: [10, 20]}, seeds=4, progress=False)
            worked = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert there.equals(table) and sum(worked.values()) > 0


# -- intervals


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622),
                                            (19, 2.0930), (30, 2.0423), (120, 1.9799)])
def test_student_s_t_is_that_of_the_tables(freedom, t):
    assert student_t(freedom) == pytest.approx(t, abs=5e-5)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth():
    samples = np.random.default_rng(1).normal(10, 3, size=(4_000, 5))
    bounds = [interval(sample)[1:] for sample in samples]
    assert np.mean([low <= 10 <= high for low, high in bounds]) == pytest.approx(0.95, abs=3.29 * 0.0035)
