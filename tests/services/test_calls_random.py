"""What must hold for every call, whatever happens: random callers, servers, limits and faults."""

import asyncio
from collections import Counter

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlib import Crash, LoseReply, LoseRequest, NetworkCut, Overloaded, Pause, Scenario, Service, Shutdown, run

pytestmark = pytest.mark.slow

SLACK = 1e-6
"""Seconds that times in a table may be off: they are floats."""

times = st.integers(0, 200).map(lambda tenths: tenths / 10)
early = st.integers(0, 40).map(lambda tenths: tenths / 10)
limits = st.tuples(st.sampled_from([1, 1, 2, 3, None]), st.sampled_from([None, 0, 1, 3])).map(
    lambda pair: {"workers": pair[0], "queue": pair[1] if pair[0] else None})
patience = st.sampled_from([{}, {"timeout": 1.0}, {"timeout": 4.0}, {"for_": 2.0}, {"timeout": 3.0, "for_": 1.5}])
"""`for_`: seconds until the deadline."""

processes = st.sampled_from(["front-0", "bank-0", "people-0"])
faults = st.one_of(
    st.builds(Crash, processes, at=times, restart_after=st.sampled_from([0.0, 0.5, 3.0])),
    st.builds(Pause, processes, at=times, duration=st.sampled_from([0.5, 3.0, 8.0])),
    st.builds(Shutdown, st.sampled_from(["front-0", "bank-0"]), at=times, restart_after=st.sampled_from([0.5, 3.0])),
    st.builds(NetworkCut, st.just("front-0"), st.sampled_from(["bank-0", "people-0"]), at=times,
              duration=st.sampled_from([0.5, 5.0])),
    st.builds(LoseRequest, st.sampled_from(["front-0", "people-0"]), st.just("call"), nth=st.integers(1, 20)),
    st.builds(LoseReply, st.sampled_from(["front-0", "people-0"]), st.just("call"), nth=st.integers(1, 20)))


@st.composite
def shops(draw):
    """People call the front, which calls the bank for some of them; all have limits and little patience."""
    arrivals = draw(st.lists(st.tuples(early, patience, st.sampled_from([0.0, 0.3, 1.0, 2.5]), st.booleans()),
                             min_size=5, max_size=25))
    of_front, of_bank, to_bank = draw(limits), draw(limits), draw(patience)

    def until(app, how):
        options = {name: value for name, value in how.items() if name != "for_"}
        return options | ({"deadline": app.now + how["for_"]} if "for_" in how else {})

    async def people(app):
        async def one(n, at, how, seconds, further):
            await app.sleep(max(0.0, at - app.now))
            try:
                await app.call("front", {"n": n, "seconds": seconds, "further": further}, **until(app, how))
            except (TimeoutError, ConnectionError):
                await app.effect("gave up", n)

        async with asyncio.TaskGroup() as tasks:
            for n, (at, how, seconds, further) in enumerate(arrivals):
                tasks.create_task(one(n, at, how, seconds, further))

    async def front(app):
        async def handler(request):
            await app.sleep(request["seconds"])
            if request["further"]:
                try:
                    await app.call("bank", request, **until(app, to_bank))
                except (TimeoutError, ConnectionError, Overloaded):
                    await app.effect("without the bank", request["n"])

        await app.serve(handler, **of_front)

    async def bank(app):
        async def handler(request):
            await app.sleep(request["seconds"] / 2)
            await app.effect("charge", request["n"])

        await app.serve(handler, **of_bank)

    services = [Service("bank", bank), Service("front", front), Service("people", people, start=0.1)]
    scenario = Scenario([], services=services, faults=draw(st.lists(faults, max_size=4)), duration=300,
                        seed=draw(st.integers(0, 9)))
    return scenario, {"front": of_front, "bank": of_bank}


def ends(trace):
    """When each request at work left its worker: done, cancelled or dead with its process."""
    control = trace.control[trace.control.kind.isin(["crashed", "shutdown"])]
    deaths = {name: sorted(rows.time) for name, rows in control.groupby("process", observed=True)}

    def end(call):
        if pd.notna(call.done):
            return call.done
        return next((time for time in deaths.get(call.instance, ()) if time >= call.taken_up - SLACK), float("inf"))

    return [end(call) for call in trace.calls.itertuples()]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(shops())
def test_what_must_hold_for_every_call(shop):
    scenario, limits_of = shop
    trace = run(scenario, progress=False)
    calls = trace.calls.assign(end=ends(trace))
    assert trace.ended in ("quiet", "duration") and run(scenario, progress=False).same_as(trace)
    for call in calls.itertuples():
        in_order(call)
        outcome_fits(call)
    for name, mine in calls[calls.taken_up.notna()].groupby("instance", observed=True):
        never_more_than(limits_of[name.rpartition("-")[0]]["workers"], mine)
        assert list(mine.sort_values(["taken_up", "arrived"]).arrived) == sorted(mine.arrived)
    handled_once(trace, calls)
    only_when_all_are_busy(trace, calls, limits_of)


def in_order(call):
    """A call never reaches a stage before the one before it."""
    stages = [call.sent, call.arrived, call.taken_up, call.done]
    reached = [time for time in stages if pd.notna(time)]
    assert reached == sorted(reached)
    assert [pd.notna(time) for time in stages] == [True] * len(reached) + [False] * (4 - len(reached))
    assert pd.isna(call.deadline) or pd.isna(call.taken_up) or call.taken_up < call.deadline + SLACK


def outcome_fits(call):
    """What the caller learned is what happened."""
    if call.outcome == "answered":
        assert call.done <= call.answered
    if call.outcome in ("refused", "overloaded"):
        assert pd.isna(call.taken_up)
    if call.outcome == "overloaded":
        assert pd.notna(call.arrived)
    if call.outcome == "timed out" and pd.notna(call.deadline):
        assert call.answered <= call.deadline + 8 + SLACK  # it may have stood still meanwhile
    assert pd.isna(call.answered) == (call.outcome == "pending")


def never_more_than(workers, mine):
    """No instance works on more requests at a time than it has workers."""
    for call in mine.itertuples():
        others = (mine.taken_up <= call.taken_up) & (mine.end > call.taken_up + SLACK)
        assert workers is None or others.sum() <= workers


def handled_once(trace, calls):
    """Nothing is sent again by itself: the bank charges at most once for each call of it."""
    charged = Counter(trace.effects.key[trace.effects.name == "charge"])
    asked = Counter(calls.request[(calls.callee == "bank") & calls.taken_up.notna()].str.extract(r'"n": ?(\d+)')[0])
    assert all(count <= asked[str(n)] for n, count in charged.items())


def only_when_all_are_busy(trace, calls, limits_of):
    """Nobody waits, or is turned away, while a worker is free; and no more wait than may."""
    for event in trace.control[trace.control.kind.isin(["queued", "overloaded"])].itertuples():
        limit = limits_of[event.process.rpartition("-")[0]]
        mine = calls[(calls.instance == event.process) & calls.taken_up.notna()]
        at_work = (mine.taken_up <= event.time + SLACK) & (mine.end >= event.time - SLACK)
        assert at_work.sum() >= limit["workers"]
        assert event.kind == "overloaded" or limit["queue"] is None or event.b <= limit["queue"]
    waiting = calls[calls.arrived.notna() & calls.taken_up.isna() & (calls.outcome != "reset")]
    sent_away = set(trace.control.a[trace.control.kind.isin(["expired", "overloaded"])])
    for call in waiting.itertuples():  # its turn came too late, there was no room, or its server died
        gone = trace.control[(trace.control.process == call.instance) & (trace.control.time >= call.arrived - SLACK)
                             & trace.control.kind.isin(["crashed", "shutdown"])]
        assert call.call in sent_away or len(gone)
