"""What the benchmark calls "a compiled loop of the same model" is that model: record by record, to the nanosecond."""

import numpy as np
import pytest

from benchmarks.peers import compiled_loop
from benchmarks.workloads import service_time, steady
from simlib import replace, run

RATES = [900, 9_000]


@pytest.mark.parametrize("rate", RATES)
def test_the_loop_tells_what_the_engine_tells(rate):
    calm = replace(steady(rate, 6_000, 5), "groups.billing.auto_commit_interval_ms", 60_000)
    trace = run(calm, engine="flow", progress=False)
    records, deliveries = trace.messages, trace.handed
    for tp in range(1, 4):
        rows = np.flatnonzero(records.tp == tp)
        appended, acked, handed, done = (np.empty(len(rows), np.int64) for _ in range(4))
        created = records.created[rows]
        compiled_loop.write(created, compiled_loop.LINGER, compiled_loop.LATENCY, compiled_loop.BATCH, appended, acked)
        service = round(service_time(rate) * 1e9)
        compiled_loop.read(acked, compiled_loop.LATENCY, compiled_loop.POLL, service, 0, handed, done)
        known = records.acked[rows] > 0
        assert known.sum() > 0.9 * len(rows)
        assert (appended[known] == records.appended[rows][known]).all()
        assert (acked[known] == records.acked[rows][known]).all()
        mine = np.flatnonzero(deliveries.tp == tp)
        assert len(mine) > 0.9 * len(rows)
        assert (deliveries.time[mine] == handed[:len(mine)]).all()
        finished = deliveries.done[mine] > 0
        assert (deliveries.done[mine][finished] == done[:len(mine)][finished]).all()


def test_its_load_is_spread_evenly_and_in_time():
    many = 3_000
    numbers, keys, created = (np.empty((3, many), np.int64) for _ in range(3))
    ends = np.zeros(3, np.int64)
    with np.errstate(over="ignore"):
        compiled_loop.produce(many, 1_000.0, np.arange(compiled_loop.KEYS) % 3, numbers, keys, created, ends)
    assert (keys[1, :ends[1]] % 3 == 1).all() and (numbers[1, :ends[1]] * 1_000_000 == created[1, :ends[1]]).all()
    assert ends.sum() == many and (np.abs(ends - many / 3) < many / 10).all()
    assert all((np.diff(created[partition, :end]) > 0).all() for partition, end in enumerate(ends))
