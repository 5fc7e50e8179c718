"""A run whose trace cannot fit into memory is refused before it starts, with its size."""

import pickle

import pytest
from test_agreement import shop
from test_flow_refused import REFUSED

import simlib.memory as memory
from simlib import Bursts, EngineError, Exponential, Producer, Replay, Scenario, TooLarge, Topic, replace, run
from simlib.scenario.size import expected_bytes, expected_records

BILLION = shop(producers=[Producer("shop", "orders", rate=11_574.1, keys=3_000, linger_ms=100, batch_size=100_000)],
               duration=86_400.0)


@pytest.mark.parametrize("engine", [None, "flow", "events"])
def test_it_is_refused_with_its_size_and_a_way_out(engine, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 16 * 10**9)
    with pytest.raises(TooLarge, match=r"about 1,000,002,240 records, which take about 4\d\d\.\d GB; 16\.0 GB are free "
                                       r"here\. run\(scenario, fold=True\)"):
        run(BILLION, engine=engine)


def test_what_cannot_be_folded_either_is_told_why(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000)
    with pytest.raises(TooLarge, match="cannot be folded") as refused:
        run(REFUSED["enable_auto_commit=False"])
    assert "enable_auto_commit=False" in str(refused.value)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_folded_it_is_not_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000)
    assert run(shop(duration=5.0), fold=True).summary().produced == 300


@pytest.mark.parametrize("name", ["services", "no brokers", "inputs"])
def test_only_what_the_flow_engine_can_run_is_folded(name):
    with pytest.raises(EngineError, match='engine="events" can'):
        run(REFUSED[name], fold=True)


def test_the_readable_engine_does_not_fold():
    with pytest.raises(EngineError, match="fold=True"):
        run(shop(), fold=True, engine="events")


@pytest.mark.parametrize("producer, expected", [
    ({"rate": 10}, 50), ({"rate": 10, "start": 2.0}, 30),
    ({"rate": 10, "stop": 1.0}, 10), ({"rate": 10, "records": 7}, 7),
    ({"arrivals": Replay((0.5, 1.0, 9.0))}, 2), ({"arrivals": Bursts(4, 2.0)}, 12),
    ({"rate": 40, "arrivals": "poisson"}, 200), ({"arrivals": Exponential(0.1)}, 50)])
def test_records_are_counted_beforehand(producer, expected):
    assert expected_records(Producer("shop", "orders", **producer), 5.0) == pytest.approx(expected)


def test_it_grows_with_the_run_and_with_small_batches():
    size = expected_bytes(shop())
    assert expected_bytes(replace(shop(), "duration", 180.0)) == pytest.approx(2 * size)
    assert expected_bytes(replace(shop(), "producers.shop.linger_ms", 1_000)) < size
    assert expected_bytes(Scenario([Topic("orders")], duration=10.0)) == 0


def test_what_is_free_is_known_or_guessed(monkeypatch):
    assert memory.free_memory() > 10_000_000
    monkeypatch.setitem(__import__("sys").modules, "psutil", None)
    assert memory.free_memory() > 10_000_000
    monkeypatch.delattr(memory.os, "sysconf", raising=False)
    assert memory.free_memory() == memory.UNKNOWN
