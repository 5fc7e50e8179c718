"""Runs that look at no record tell what the others tell: counts exactly, latencies within what they say."""

import numpy as np
import pytest
from agreement import same_view
from flow_scenarios import faults, groups, producers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import one_of
from test_agreement import shop
from test_folding import EXACT, folded, in_order, late, the_same_lag

import simlib.flow.folded_world as folded_world
from simlib import (
    ConfigError,
    ConsumerGroup,
    Crash,
    EngineError,
    Exponential,
    InOrder,
    Pause,
    Producer,
    Scenario,
    Shutdown,
    Topic,
    Trace,
    replace,
    run,
)
from simlib.flow.arrivals import shares
from simlib.flow.evenly import Reckoned, cycle, lanes
from simlib.flow.tally import Tally
from simlib.scenario.errors import CohortError
from simlib.scenario.loads import Replay, key_names
from simlib.scenario.settings import resolve_producer
from simlib.trace.histogram import counted, counted_evenly

compared = settings(max_examples=60, derandomize=True, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
many = settings(compared, max_examples=2_000, derandomize=False, print_blob=True)


def even(**more):
    """A producer that can be reckoned."""
    parts = {"rate": 900, "keys": 30, "key_distribution": InOrder(), "linger_ms": 20}
    return Producer("shop", "orders", **parts | more)


BUSY = shop(producers=[even()], groups=[ConsumerGroup("billing", "orders", 3, service_time=0.001)], duration=30.0)
DYING = shop(producers=[even(rate=90)], faults=[Crash("billing-1", at=30, restart_after=30)])


def cohorts(scenario, chunk=100):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folded_world, "CHUNK", chunk)
        patch.setattr(folded_world, "LOOKS", 12)
        return run(scenario, fold="batches", progress=False)


def tell_the_same(scenario, chunk=100):
    whole, sums = run(scenario, engine="flow", progress=False), cohorts(scenario, chunk)
    spread = max(len(key_names(producer.keys)) / producer.rate for producer in scenario.producers)
    one, other = whole.summary(), sums.summary()
    assert all(one[name] == other[name] for name in one if name != "groups")
    for group, expected in one.groups.items():
        found = other.groups[group]
        assert all(getattr(expected, name) == getattr(found, name) for name in (*EXACT, "lag"))
        for exact, sketch in ((expected.handed_after, found.handed_after), (expected.done_after, found.done_after)):
            assert exact.keys() == sketch.keys()
            assert all(abs(sketch[p] - value) <= 0.01 * value + spread for p, value in exact.items())
    same_view(in_order(whole.duplicates), in_order(sums.duplicates), "duplicates")
    same_view(in_order(whole.deliveries_at(late(whole))), in_order(sums.late), "late")
    same_view(in_order(whole.lost), in_order(sums.lost), "lost")
    for name in ("commits", "control", "skipped"):
        same_view(getattr(whole, name), getattr(sums, name), name)
    the_same_lag(whole, sums)
    return whole, sums


@st.composite
def even_producers(draw, name, topic, client, partitions):
    drawn = draw(producers(name, topic, client))
    keys = draw(st.one_of(st.integers(1, 12), st.just(("a", "b", b"c"))))
    parts = {name: getattr(drawn, name) for name in drawn.__dataclass_fields__}
    return Producer(**parts | {"arrivals": "constant", "rate": draw(one_of(7.3, 50, 60, 100, 300, 1_000)), "keys": keys,
                               "key_distribution": InOrder() if partitions > 1 or draw(st.booleans()) else None})


@st.composite
def even_scenarios(draw):
    brokers, client = draw(one_of(1, 2, 3)), draw(one_of("kafka-python", "java"))
    partitions = draw(one_of(1, 1, 2, 3, 5))
    senders = [draw(even_producers(name, "orders", client, partitions))
               for name in ["shop", "web"][:draw(one_of(1, 1, 2))]]
    readers = [replace(draw(groups(name, ["orders"])), "service_time", draw(one_of(0.0, 0.0003, 0.004)))
               for name in ["billing", "mail"][:draw(one_of(1, 1, 2))]]
    end = float(draw(st.integers(5, 25)))
    members = [member for group in readers for member in group.members]
    return Scenario([Topic("orders", partitions, draw(st.integers(1, brokers)))], senders, readers, brokers=brokers,
                    client=client, latency=draw(one_of(0.0005, 0.002)), duration=end, seed=draw(st.integers(0, 1_000)),
                    faults=draw(st.one_of(st.just([]), faults(members, end))))


# -- agreement

def test_several_records_a_batch():
    whole, sums = tell_the_same(BUSY)
    assert len(whole.messages) > 5 * len(whole.data.tables["appends"]["time"])
    assert sums.fidelity.folded and "of a batch" in sums.fidelity.kept


def test_a_fetch_of_a_member_that_stands_still_outlives_its_consumer():
    """The log keeps what it asked for: the answer finds nobody, but it has to be found."""
    tell_the_same(shop(topics=[Topic("orders", 2)], brokers=1, producers=[even(rate=7.3, keys=2, linger_ms=None)],
                       groups=[ConsumerGroup("billing", "orders", 2, service_time=0.0, auto_commit_interval_ms=100)],
                       faults=[Shutdown("billing-0", 2.0), Pause("billing-0", 2.0, 2.0)], duration=5.0), 50)


def test_with_batches_of_one_record_nothing_is_lost():
    scenario = replace(replace(BUSY, "producers.shop.linger_ms", 0), "producers.shop.batch_size", 0)
    whole, sums = tell_the_same(replace(scenario, "producers.shop.rate", 90))
    assert len(whole.messages) == 2_700
    exact = folded(replace(scenario, "producers.shop.rate", 90))
    same_view(in_order(exact.latencies), in_order(sums.latencies), "latencies")


def test_a_consumer_that_dies():
    _, sums = tell_the_same(DYING)
    assert len(sums.duplicates) > 50


def test_keys_that_are_drawn_but_all_go_to_one_partition():
    scenario = shop(topics=[Topic("orders")], producers=[even(rate=90, key_distribution=None)],
                    groups=[ConsumerGroup("billing", "orders", service_time=0.002)],
                    faults=[Crash("billing-0", at=28.7, restart_after=30)])
    _, sums = tell_the_same(scenario)
    assert sums.duplicates.key.nunique() > 5


def test_every_record_lies_between_the_first_and_the_last_of_its_cohort(monkeypatch):
    seen, add = {}, Tally.add_cohorts

    def note(tally, first, last, count, work):
        seen.setdefault(tally.tp, []).append((first, last, count))
        add(tally, first, last, count, work)

    monkeypatch.setattr(Tally, "add_cohorts", note)
    whole, _ = run(BUSY, engine="flow", progress=False), cohorts(BUSY, 50)
    handed, spread, checked = whole.handed, 30 / 900 * 1e9, 0
    for tp, parts in seen.items():
        first, last, count = (np.concatenate(column) for column in zip(*parts, strict=True))
        mine = (handed.tp == tp).nonzero()[0][:count.sum()]
        after = handed.time[mine] - whole.messages.created[handed.message[mine]]
        starts = np.cumsum(count) - count
        assert (after[starts] == first).all() and (after[starts + count - 1] == last).all()
        low, high = np.repeat(np.minimum(first, last), count), np.repeat(np.maximum(first, last), count)
        assert (after >= low - spread).all() and (after <= high + spread).all()
        checked += len(after)
    assert checked > 26_000


def test_no_record_is_looked_at(monkeypatch):
    """A quarter of a second at 66 million a second: 16.5 million records."""
    asked = []

    def note(values):
        return lambda self, *places: asked.append(np.size(found := values(self, *places))) or found

    for name in ("between", "__getitem__"):
        monkeypatch.setattr(Reckoned, name, note(getattr(Reckoned, name)))
    scenario = Scenario([Topic("orders", 30, 3)], [even(rate=66_000_000, keys=3_000, batch_size=1_000_000)],
                        [ConsumerGroup("billing", "orders", 30, service_time=2e-7, max_poll_records=100_000)],
                        brokers=30, duration=0.25)
    found = run(scenario, fold="batches", progress=False).summary()
    assert found.produced == 16_500_000 and found.delivered > 15_000_000 and found.duplicates == 0
    assert sum(asked) < 600_000  # of polls that were cut short by the end, and of batches


@pytest.mark.slow
@compared
@given(even_scenarios(), st.sampled_from([50, 400]))
def test_random_scenarios(scenario, chunk):
    tell_the_same(scenario, chunk)


@pytest.mark.soak
@many
@given(even_scenarios(), st.sampled_from([50, 400]))
def test_many_random_scenarios(scenario, chunk):
    tell_the_same(scenario, chunk)


# -- the parts

@compared
@given(one_of(0.7, 3, 60, 7_000.1, 1e6, 66e6, 7e8), st.integers(1, 4), st.integers(1, 9), one_of(None, 0, 5, 100),
       one_of(0.0, 0.25), one_of(None, 0.5, 2.0))
def test_reckoned_records_are_those_that_would_be_laid_out(rate, partitions, keys, records, start, stop):
    producer = Producer("shop", "orders", rate=rate, keys=keys, key_distribution=InOrder(), records=records,
                        start=start, stop=stop)
    until = min(3.0, start + 5_000 / rate)
    drawn = resolve_producer("kafka-python", producer.overrides())
    expected = {partition: rest for _, partition, *rest in shares(producer, drawn, partitions, 1, until, 1)}
    codes, found = np.arange(keys), cycle(producer, drawn, partitions, 1)
    for partition, columns in lanes(producer, found, codes, 1, until):
        created, number, key = expected.pop(partition)
        for column, whole in zip(columns, (created, number, key), strict=True):
            assert len(column) == len(whole) and (column.between(0, len(whole)) == whole).all()
        assert [columns[0][i] for i in range(min(50, len(created)))] == created[:50].tolist()
        for time in (created[0] - 1, *created[:20], created[-1] + 1):
            assert columns[0].upto(int(time), 0, len(created)) == np.searchsorted(created, time, side="right")
    assert not expected


@given(st.lists(st.tuples(st.integers(0, 10**11), st.integers(0, 10**11), st.integers(1, 300)), max_size=6))
def test_values_along_a_line_are_counted_as_if_each_were_there(rows):
    first, last, count = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    last = np.where(count == 1, first, last)
    lines = [np.linspace(min(a, b), max(a, b), n) for a, b, n in zip(first, last, count, strict=True)]
    each = counted(np.concatenate([np.empty(0), *lines]))
    found = counted_evenly(first, last, count)
    assert found.sum() == count.sum() and np.abs(np.cumsum(found) - np.cumsum(each)).max() <= len(rows)


# -- what is asked and answered

@pytest.mark.parametrize(("scenario", "told"), [
    (replace(BUSY, "producers.shop.arrivals", "poisson"), r"producer 'shop', arrivals: .* use arrivals='constant'"),
    (replace(BUSY, "producers", [even(rate=None, arrivals=Replay((0.0, 1.0)))]), r"producer 'shop', arrivals"),
    (replace(BUSY, "producers.shop.rate", 2e9), r"'shop', rate=2000000000.0: at most one record a nanosecond"),
    (replace(BUSY, "producers.shop.key_distribution", None), r"'shop', keys=30: .* of 3 partitions .*InOrder\(\)"),
    (replace(BUSY, "producers", [even(keys=None, key_distribution=None)]), r"producer 'shop', keys=None: .* is drawn"),
    (replace(BUSY, "groups.billing.service_time", Exponential(0.001)),
     r"group 'billing', service_time=Exponential\(.*: drawn for each record"),
])
def test_what_is_drawn_for_each_record_is_refused_by_name(scenario, told):
    with pytest.raises(CohortError, match=r'fold="batches" cannot run this scenario; fold=True can:\n') as refused:
        run(scenario, fold="batches")
    assert isinstance(refused.value, EngineError)
    with pytest.raises(CohortError, match=told):
        run(scenario, fold="batches")


def test_what_cannot_be_folded_at_all_is_told_so():
    with pytest.raises(EngineError, match='engine="events" can'):
        run(replace(BUSY, "groups.billing.enable_auto_commit", False), fold="batches")


def test_a_way_of_folding_that_there_is_not():
    with pytest.raises(ConfigError, match=r"fold='batch': there is False, True, batches; did you mean batches"):
        run(BUSY, fold="batch")


def test_it_survives_the_disk(tmp_path):
    sums = cohorts(DYING)
    sums.save(tmp_path / "day.trace")
    again = Trace.load(tmp_path / "day.trace")
    assert again.summary() == sums.summary() and again.fidelity == sums.fidelity
