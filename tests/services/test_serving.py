"""A server with a few workers and a queue: who waits, who is turned away, and whose turn comes too late."""

import asyncio

import pytest
from small_services import control, done, times

from simlib import Crash, LoseReply, Overloaded, Pause, Scenario, Service, Shutdown, Topic, run


def bank(seconds=1.0, **limits):
    """Takes this long for each request; tells the world when it begins and ends."""
    async def main(app):
        async def charge(request):
            await app.effect("begin", request)
            await app.sleep(seconds)
            await app.effect("charge", request)
            return request

        await app.serve(charge, **limits)

    return main


def crowd(*starts, **options):
    """Customers who each call the bank once, at these times, and tell the world what came of it."""
    async def main(app):
        async def customer(n, start):
            await app.sleep(start)
            try:
                await app.effect("answered", await app.call("bank", n, **options))
            except Exception as error:
                await app.effect(type(error).__name__, n)

        await asyncio.gather(*(customer(n, start) for n, start in enumerate(starts)))

    return main


def together(caller, callee, *more, faults=(), duration=200.0, restart_after=1.0):
    services = [Service("bank", callee, restart_after=restart_after), Service("shop", caller, start=1), *more]
    return run(Scenario(topics=[Topic("orders")], services=services, faults=faults, duration=duration))


# -- the queue

def test_one_worker_takes_requests_in_the_order_of_their_arrival():
    trace = together(crowd(0.3, 0, 0.2, 0.1), bank(workers=1))
    assert done(trace, "answered") == [1, 3, 2, 0]
    calls = trace.calls.sort_values("arrived")
    assert list(calls.taken_up.diff().dropna().round(2)) == [1.0] * 3  # each waits for the one before
    assert list((calls.taken_up - calls.arrived).round(1)) == [0, 0.9, 1.8, 2.7]
    assert list(control(trace, "queued").b) == [1, 2, 3] and set(control(trace, "queued").process) == {"bank-0"}


@pytest.mark.parametrize("workers, lasted", [(1, 6), (2, 3), (3, 2), (6, 1), (None, 1)])
def test_as_many_at_a_time_as_there_are_workers(workers, lasted):
    trace = together(crowd(*[0] * 6), bank(workers=workers))
    assert len(done(trace, "answered")) == 6
    assert trace.calls.answered.max() - 1 == pytest.approx(lasted, abs=0.02)
    begun, ended = sorted(times(trace, "begin")), sorted(times(trace, "charge"))
    at_work = [sum(begin <= moment for begin in begun) - sum(end < moment for end in ended) for moment in begun]
    assert max(at_work) == (workers or 6)


@pytest.mark.parametrize("queue, turned_away", [(0, [2, 3, 4]), (1, [3, 4]), (2, [4]), (3, []), (None, [])])
def test_who_finds_the_queue_full_is_turned_away_at_once(queue, turned_away):
    trace = together(crowd(0, 0.1, 0.2, 0.3, 0.4), bank(workers=2, queue=queue))
    assert done(trace, "Overloaded") == turned_away
    assert sorted(done(trace, "charge")) == [n for n in range(5) if n not in turned_away]
    refused = trace.calls[trace.calls.outcome == "overloaded"]
    assert (refused.answered - refused.sent).max() == pytest.approx(0.001) if turned_away else refused.empty
    assert refused.taken_up.isna().all() and len(control(trace, "overloaded")) == len(turned_away)


def test_an_overloaded_server_is_told_apart_from_one_that_raises():
    async def main(app):
        async def ask():
            try:
                await app.call("bank", 1)
            except Overloaded as error:
                await app.effect("turned away", str(error))

        await asyncio.gather(ask(), ask())

    told = "call('bank'): bank-0 has 1 at work and 0 waiting, as many as it takes"
    assert done(together(main, bank(workers=1, queue=0)), "turned away") == [told]
    assert issubclass(Overloaded, ConnectionError)  # who catches ConnectionError catches it: nothing was done


def test_a_worker_is_free_again_when_its_handler_raises():
    async def picky(app):
        async def charge(request):
            if request == 0:
                raise ValueError("no")
            await app.effect("charge", request)

        await app.serve(charge, workers=1)

    trace = together(crowd(0, 0, 0), picky)
    assert done(trace, "RemoteError") == [0] and done(trace, "charge") == [1, 2]


# -- work for nobody

def test_a_caller_that_gives_up_leaves_its_request_in_the_queue():
    trace = together(crowd(0, 0, 0, timeout=1.5), bank(workers=1))
    assert done(trace, "answered") == [0] and done(trace, "TimeoutError") == [1, 2]
    assert done(trace, "charge") == [0, 1, 2] and trace.ended == "quiet"
    late = trace.calls[trace.calls.outcome == "timed out"]
    assert (late.done > late.answered).all()


def test_with_a_deadline_nothing_is_begun_that_nobody_waits_for():
    trace = together(crowd(0, 0, 0, deadline=2.5), bank(workers=1))
    assert done(trace, "answered") == [0] and done(trace, "TimeoutError") == [1, 2]
    assert done(trace, "charge") == [0, 1]  # the second was begun in time, at 2.0 s; the third is dropped
    assert list(control(trace, "expired").a) == [2] and trace.calls.taken_up.isna().tolist() == [False, False, True]


def test_a_deadline_travels_through_every_call():
    async def middle(app):
        async def charge(request):
            await app.effect("deadline", str(app.deadline))
            await app.sleep(1)
            return await app.call("ledger", request, timeout=100)

        await app.serve(charge)

    async def ledger(app):
        async def write(request):
            await app.effect("deadline", str(app.deadline))
            await app.sleep(5)

        await app.serve(write)

    trace = together(crowd(0, deadline=4), middle, Service("ledger", ledger))
    assert done(trace, "deadline") == ["4.0", "4.0"] and done(trace, "TimeoutError") == [0]
    assert list(trace.calls.deadline) == [4, 4] and list(trace.calls.parent.dropna()) == [0]
    assert list(trace.calls.answered) == [4, 4]  # both give up at that moment


def test_the_earlier_deadline_holds_and_a_timeout_does_not_travel():
    async def middle(app):
        async def charge(request):
            await app.effect("deadline", str(app.deadline))
            for deadline in (app.now + 1, app.now + 50):
                await app.call("ledger", request, deadline=deadline)

        await app.serve(charge)

    async def ledger(app):
        async def write(request):
            await app.effect("ledger", app.deadline)

        await app.serve(write)

    ledgers = Service("ledger", ledger)
    assert done(together(crowd(0, deadline=20), middle, ledgers), "ledger") == [pytest.approx(2.0015), 20]
    trace = together(crowd(0, timeout=20), middle, ledgers)
    assert done(trace, "deadline") == ["None"]
    assert done(trace, "ledger") == [pytest.approx(2.0015), pytest.approx(51.0015)]


def test_outside_a_handler_there_is_no_deadline_and_a_passed_one_is_not_sent():
    async def main(app):
        await app.effect("deadline", str(app.deadline))
        try:
            await app.call("bank", 1, deadline=app.now - 1)
        except TimeoutError as error:
            await app.effect("told", str(error))

    trace = together(main, bank())
    assert done(trace, "deadline") == ["None"] and len(trace.calls) == 0
    assert done(trace, "told") == ["call('bank'): not sent, for its deadline has passed (0.001 s)"]


def test_a_handler_may_end_its_work_at_the_deadline():
    async def careful(app):
        async def charge(request):
            try:
                async with asyncio.timeout_at(app.deadline):
                    await app.sleep(30)
            except TimeoutError:
                await app.effect("gave up", round(app.now, 6))

        await app.serve(charge)

    assert done(together(crowd(0, deadline=7), careful), "gave up") == [7]


# -- death with a full queue

def test_a_crash_breaks_the_connections_of_all_who_wait():
    trace = together(crowd(0, 0, 0), bank(workers=1), faults=[Crash("bank-0", at=1.5)])
    assert done(trace, "ConnectionResetError") == [0, 1, 2] and done(trace, "charge") == []
    assert set(trace.calls.outcome) == {"reset"} and trace.ended == "quiet"


def test_a_shutdown_breaks_the_connections_of_all_who_wait():
    trace = together(crowd(0, 0, 0), bank(workers=1), faults=[Shutdown("bank-0", at=1.5)])
    assert sorted(done(trace, "ConnectionResetError")) == [0, 1, 2] and done(trace, "charge") == []
    assert trace.calls.answered.max() == pytest.approx(1.5005)


def test_a_server_that_ends_serving_but_lives_on_lets_go_of_those_who_wait():
    async def fickle(app):
        serving = asyncio.create_task(bank(workers=1)(app))
        await app.sleep(1.5)
        serving.cancel()
        await app.sleep(3)
        await app.serve(asyncio_free)

    async def asyncio_free(request):
        return request

    trace = together(crowd(0, 0, 4), fickle)
    assert done(trace, "answered") == [0, 2] and done(trace, "ConnectionResetError") == [1]


def test_a_restarted_server_begins_with_an_empty_queue():
    trace = together(crowd(0, 0, 3, 3), bank(workers=1), faults=[Crash("bank-0", at=1.5, restart_after=1)])
    assert done(trace, "answered") == [2, 3] and done(trace, "charge") == [2, 3]


def test_a_server_that_stands_still_lets_its_queue_grow():
    trace = together(crowd(0, 1, 2, timeout=20), bank(workers=1), faults=[Pause("bank-0", at=0.9, duration=10)])
    assert done(trace, "answered") == [0, 1, 2] and trace.calls.arrived.min() > 10.8


def test_a_run_goes_on_while_requests_wait_even_if_nobody_asks_for_them():
    async def silent(app):
        async def charge(request):
            await app.sleep(4)
            if request == 5:
                await app.effect("last", app.now)

        await app.serve(charge, workers=1)

    trace = together(crowd(*[0] * 6, timeout=1), silent)
    assert done(trace, "last") == [pytest.approx(25.0005, abs=0.01)] and trace.ended == "quiet"


# -- the trace

def test_one_row_a_call():
    trace = together(crowd(0, 0.5, timeout=5), bank(workers=1), faults=[LoseReply("shop-0", "call", nth=1)])
    first, second = trace.calls.to_dict("records")
    assert (first["caller"], first["callee"], first["instance"]) == ("shop-0", "bank", "bank-0")
    assert [round(first[name], 4) for name in ("sent", "arrived", "taken_up", "done", "answered")] == [
        1.0, 1.0005, 1.0005, 2.0025, 6.0]
    assert (first["outcome"], first["request"], second["outcome"], second["answer"]) == ("timed out", "0", "answered",
                                                                                         "1")
    assert list(control(trace, "called").a) == [0, 1] and list(control(trace, "request").a) == [0, 1]
    assert list(control(trace, "answered").a) == [1, 0]
    summary = trace.summary()
    assert (summary.calls, summary.call_outcomes) == (2, {"timed out": 1, "answered": 1})
    assert "2 (answered 1, timed out 1)" in repr(summary)


def test_a_call_whose_caller_dies_or_cancels_has_no_outcome():
    async def impatient(app):
        try:
            async with asyncio.timeout(0.5):
                await app.call("bank", 1)
        except TimeoutError:
            await app.call("bank", 2)

    trace = together(impatient, bank(), faults=[Crash("shop-0", at=2)])
    assert list(trace.calls.outcome) == ["cancelled", "pending"]
    assert trace.calls.done.notna().all() and trace.calls.answered.isna().tolist() == [False, True]


def test_calls_know_the_record_they_were_made_for():
    async def consuming(app):
        async for order in app.consumer("orders", group_id="shop", auto_offset_reset="earliest"):
            await app.call("bank", order.value)

    scenario = Scenario(topics=[Topic("orders")], services=[Service("bank", bank(0.1)), Service("shop", consuming)],
                        inputs={"orders": [{"value": 17}, {"value": 18}]})
    assert list(run(scenario).calls.message) == ["inputs:0", "inputs:1"]


def test_calls_survive_a_file(tmp_path):
    trace = together(crowd(0, 0), bank(workers=1, queue=0))
    trace.save(tmp_path / "trace.zip")
    again = type(trace).load(tmp_path / "trace.zip")
    assert again.calls.equals(trace.calls) and again.same_as(trace)


def test_a_trace_without_calls_has_an_empty_table():
    async def idle(app):
        await app.effect("idle", 1)

    trace = together(idle, idle)
    assert len(trace.calls) == 0 and trace.summary().calls == 0 and "calls" not in repr(trace.summary())


# -- bad input

@pytest.mark.parametrize("limits, told", [
    ({"workers": 0}, "serve(workers=0): a whole number of at least 1, or None for no limit"),
    ({"workers": -2}, "serve(workers=-2): a whole number of at least 1"),
    ({"workers": 1.5}, "serve(workers=1.5): a whole number of at least 1"),
    ({"workers": True}, "serve(workers=True): a whole number of at least 1"),
    ({"workers": 1, "queue": -1}, "serve(queue=-1): a whole number, 0 if nobody may wait"),
    ({"workers": 1, "queue": "5"}, "serve(queue='5'): a whole number, 0 if nobody may wait"),
    ({"queue": 5}, "serve(queue=5): without a number of workers nobody ever waits; give workers too")])
def test_limits_that_are_none(limits, told):
    trace = together(crowd(), bank(**limits), restart_after=None)
    assert told in control(trace, "exception").detail.iloc[0]


@pytest.mark.parametrize("options, told", [
    ({"timeout": "2"}, "timeout='2'): seconds above 0, or None for 30 s"),
    ({"timeout": float("inf")}, "timeout=inf): seconds above 0"),
    ({"timeout": float("nan")}, "timeout=nan): seconds above 0"),
    ({"deadline": "soon"}, "deadline='soon'): an instant in seconds, such as app.now + 2"),
    ({"deadline": float("nan")}, "deadline=nan): an instant in seconds")])
def test_times_that_are_none(options, told):
    async def main(app):
        await app.call("bank", 1, **options)

    assert told in control(together(main, bank()), "exception").detail.iloc[0]
