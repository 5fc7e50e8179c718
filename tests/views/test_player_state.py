"""The player's state at a time: in Python against the public views of the trace, in JavaScript against Python."""

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pytest
from handmade import Builder
from hypothesis import given, settings
from node import states
from strategies import scenarios

from simlib import run
from simlib.views.assignment import ownerships
from simlib.views.player import recording as recording_module
from simlib.views.player.recording import Recording
from simlib.views.player.state import DEAD, ENDED, NEWEST, PAUSED, UP, state_at
from simlib.views.player.tape import Tape
from simlib.views.reading import outages

pytestmark = pytest.mark.slow
some = settings(max_examples=25, deadline=None, derandomize=True, database=None)
twenty = settings(some, max_examples=20)


def times_of(trace, number: int) -> list[int]:
    """Random times of the run, instants at which something happens among them (ns)."""
    random = np.random.default_rng(trace.data.meta["seed"])
    happened = np.concatenate([part.time for part in Tape(trace).parts.values()])
    happened = happened[happened >= 0]
    chosen = random.choice(happened, number // 2) if len(happened) else np.zeros(number // 2, np.int64)
    return sorted([*chosen.tolist(), *random.integers(0, int(trace.ended_at * 1e9) + 1, number - len(chosen)).tolist()])


@some
@given(scenarios())
def test_python_says_what_the_views_of_the_trace_say(scenario):
    trace = run(scenario)
    tape, actors = Tape(trace), [str(name) for name in trace.data.code_table("actors")]
    for time in times_of(trace, 6):
        state, at = state_at(tape, time), time / 1e9
        check_counters(trace, state, at, actors)
        check_groups(trace, state, at)
        check_processes(trace, state, at, actors)


def check_counters(trace, state, at, actors):
    records = trace.records[trace.records.created <= at]
    for producer in records.producer.unique():
        code = actors.index(producer)
        own = records[records.producer == producer]
        assert state["created"][code] == len(own)
        assert state["written"][code] == (own.appended <= at).sum()
        told = trace.records[(trace.records.producer == producer) & (trace.records.acked <= at)]
        assert state["acked"][code] >= len(told), "acks=0 counts as told, too"
    removed = {tp: set(gone_of(trace, tp, at)) for tp in range(len(trace.data.code_table("tps")))}
    times, high = (trace.data.column("watermarks", name) for name in ("time", "high_watermark"))
    for tp in range(len(trace.data.code_table("tps"))):
        log = state["logs"][tp]
        standing = range(max(log["end"] - NEWEST, log["start"]), log["end"])
        assert [record[0] for record in log["newest"]] == [offset for offset in standing if offset not in removed[tp]]
        known = high[(trace.data.column("watermarks", "tp") == tp) & (times / 1e9 <= at)]
        assert log["high"] == (known[-1] if len(known) else 0)
        assert all(0 <= end <= log["end"] and gone >= 0 for _, end, gone in log["ends"])


def gone_of(trace, tp, at):
    """Offsets that retention or compaction has taken out of a log."""
    table = {name: trace.data.column("removals", name).tolist() for name in ("tp", "time", "base_offset", "count")}
    for its, time, base, count in zip(*table.values(), strict=True):
        if its == tp and time / 1e9 <= at:
            yield from range(base, base + count)


def check_groups(trace, state, at):
    handed = trace.deliveries[trace.deliveries.time <= at]
    commits = trace.commits[trace.commits.time <= at]
    for code, group in enumerate(trace.data.code_table("groups")):
        mine = handed[handed.group == group]
        assert state["delivered"][code] == len(mine)
        assert state["repeated"][code] == (mine.attempt > 1).sum()
        for tp, (topic, partition) in enumerate(trace.data.code_table("tps")):
            name = trace.data.code_table("topics")[topic]
            last = commits[(commits.group == group) & (commits.topic == name) & (commits.partition == partition)]
            assert state["committed"][code][tp] == (last.offset.iloc[-1] if len(last) else -1)
        for tp, position in enumerate(state["position"][code]):
            if position >= 0:
                log = state["logs"][tp]
                lag = max(log["high"] - max(state["counted"][code][tp], log["start"]), 0)
                assert lag == lag_of(trace, code, tp, at)
        owners = {one.tp: one.member for one in ownerships(trace, code) if one.start <= at < one.end}
        found = {tp: str(trace.data.code_table("actors")[owner]) for tp, owner in enumerate(state["owner"][code])
                 if owner >= 0}
        if at < trace.ended_at:
            assert found == owners


def lag_of(trace, group, tp, at):
    topic, partition = trace.data.code_table("tps")[tp]
    rows = trace.lag[(trace.lag.group == trace.data.code_table("groups")[group]) & (trace.lag.partition == partition)
                     & (trace.lag.topic == trace.data.code_table("topics")[topic]) & (trace.lag.time <= at)]
    return rows.lag.iloc[-1] if len(rows) else 0


def check_processes(trace, state, at, actors):
    down = {one.process: one.kind for one in outages(trace) if not one.other and one.start <= at < one.end}
    for code, name in enumerate(actors):
        if at < trace.ended_at:
            assert (state["up"][code] != UP) == (name in down), (name, at)
    kinds = {"paused": PAUSED, "shutdown": ENDED, "ended": ENDED}
    for name, kind in down.items():
        if at < trace.ended_at:
            assert state["up"][actors.index(name)] == kinds.get(kind, DEAD)


@some
@given(scenarios())
def test_whoever_writes_leads_and_what_the_log_ends_with_is_what_stands_in_it(scenario):
    trace = run(scenario)
    tape = Tape(trace)
    written = tape.parts["appended"]
    for row in range(0, len(written), max(len(written) // 10, 1)):
        state = state_at(tape, int(written.time[row]))
        assert state["leader"][written.field("tp")[row]] == written.field("actor")[row]
    final = state_at(tape, 2**62)
    column = trace.data.column
    for tp in range(len(trace.data.code_table("tps"))):
        ends = [(column(table, "base_offset") + column(table, "count"))[column(table, "tp") == tp].max(initial=0)
                for table in ("log_end", "removals")]
        markers = column("log_markers", "offset")[column("log_markers", "tp") == tp]
        assert final["logs"][tp]["end"] == max(*ends, int(markers.max(initial=-1)) + 1)


@twenty
@given(scenarios())
def test_javascript_says_the_same_as_python_at_100_times(scenario):
    recording = Recording(run(scenario))
    times = times_of(recording.trace, 100)
    with TemporaryDirectory() as folder, patch.object(recording_module, "ROWS_OF_A_SLICE", 80):
        agree(recording, times, Path(folder))


def agree(recording: Recording, times: list[int], folder: Path) -> None:
    """Each time is asked of the slice that it belongs to."""
    place = np.clip(np.searchsorted(recording.bounds, times, side="right") - 1, 0, len(recording) - 1)
    asked = [[time / 1e9 for time, slice in zip(times, place, strict=True) if slice == number]
             for number in range(len(recording))]
    said = [state for of_slice in states(recording, asked, folder) for state in of_slice]
    for time, state in zip(times, said, strict=True):
        expected = recording.state(time / 1e9)
        assert {name: state[name] for name in expected} == expected, f"at {time / 1e9} s"


def test_many_slices_say_the_same_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_module, "ROWS_OF_A_SLICE", 40)
    build = Builder(orders=2)
    for number in range(100):
        order = build.write(partition=number % 2, at=number / 10, offset=number // 2, key=f"customer-{number % 7}")
        build.deliver(order, number // 2, number / 10 + 0.05, number / 10 + 0.07)
        build.commit(number // 2 + 1, number / 10 + 0.08, number % 2)
    build.event("crashed", 5.0, "billing-0")
    build.event("restarted", 6.0, "billing-0")
    recording = Recording(build.trace(at=12.0))
    assert len(recording) > 10
    agree(recording, times_of(recording.trace, 60) if "seed" in recording.trace.data.meta else
          [int(number * 0.2e9) for number in range(60)], tmp_path)


def test_a_tail_that_a_new_leader_does_not_have_is_gone_at_its_election():
    build = Builder(orders=1)
    for number in range(3):
        build.create(at=number / 10)
    build.append("shop:0", 0, 0.01)
    build.append("shop:1", 1, 0.11, keep=False)
    build.event("elected", 1.0, "broker-1", partition=0, a=1)
    build.create(at=1.4)
    build.rows["appends"] += [{"time": 1_500_000_000, "epoch": 1, "broker": build.code("actors", "broker-1"),
                               "lane": 0, "start": 3, "count": 1, "base_offset": 1}]
    build.rows["log_end"] += [{"tp": 0, "lane": 0, "start": 3, "count": 1, "base_offset": 1}]
    tape = Tape(build.trace(at=2.0))
    assert [state_at(tape, int(at * 1e9))["logs"][0]["end"] for at in (0.5, 1.0, 1.6)] == [2, 1, 2]
    assert state_at(tape, 2 * 10**9)["logs"][0]["lost"] == 1


def test_javascript_follows_lost_tails_deaths_removals_and_markers(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_module, "ROWS_OF_A_SLICE", 16)
    build = Builder(orders=1)
    for number in range(30):
        order = build.write(at=number / 10, offset=number, key=f"customer-{number % 3}")
        build.deliver(order, number, number / 10 + 0.05, None)
    build.rows["log_end"] = build.rows["log_end"][:20]
    build.rows["removals"] = [{"time": 1_500_000_000, "tp": 0, "lane": 0, "start": 12, "count": 2, "base_offset": 12,
                               "reason": 2}]
    build.rows["log_starts"] = [{"time": 1_800_000_000, "tp": 0, "log_start": 5}]
    build.event("crashed", 2.55, "billing-0")
    build.event("elected", 3.0, "broker-1", partition=0, a=1)
    build.event("restarted", 3.1, "billing-0")
    build.rows["markers"] = [{"time": 3_200_000_000, "tp": 0, "offset": 20, "first_offset": 19, "pid": 1, "epoch": 0,
                              "committed": 1, "broker": build.code("actors", "broker-1")}]
    build.rows["log_markers"] = [{"tp": 0, "offset": 20}]
    build.skip(2, 20, 3.3)
    recording = Recording(build.trace(at=4.0))
    assert recording.state(3.1)["logs"][0]["end"] == 20 and recording.state(4.0)["logs"][0]["end"] == 21
    assert [record[0] for record in recording.state(2.0)["logs"][0]["newest"]] == [*range(5, 12), *range(14, 20)]
    assert recording.state(4.0)["logs"][0]["newest"][-1] == [20, -1, -1, 1, 0], "a marker, of a committed transaction"
    agree(recording, [int(number * 0.04e9) for number in range(101)], tmp_path)


@pytest.mark.parametrize(("kind", "up"), [("crashed", DEAD), ("shutdown", ENDED), ("paused", PAUSED)])
def test_a_process_that_is_gone_has_nothing_in_hand_and_one_that_stands_still_keeps_it(kind, up):
    build = Builder(orders=1)
    build.deliver(build.write(), 0, 0.5, None)
    build.event(kind, 1.0, "billing-0")
    tape = Tape(build.trace())
    member = tape.trace.data.code_table("actors").index("billing-0")
    assert [state_at(tape, at)["hand"][member] for at in (10**9 - 1, 10**9)] == [1, int(up == PAUSED)]
    assert state_at(tape, 10**9)["up"][member] == up
