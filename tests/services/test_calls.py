"""`app.call` and `app.serve`: who answers, what a caller learns when nobody does, and what stays done all the same."""

import asyncio

import pytest
from kept_alive import no_run_kept_alive
from small_services import control, done, times

from simlib import Crash, LoseReply, LoseRequest, NetworkCut, Pause, Scenario, Service, Shutdown, Topic, run


async def bank(app):
    async def charge(request):
        await app.effect("charge", request["order"])
        return {"by": app.name, "order": request["order"]}

    await app.serve(charge)


def shop(orders=1, **options):
    """Calls the bank for each order, and tells the world what came of it."""
    async def main(app):
        for order in range(orders):
            try:
                answer = await app.call("bank", {"order": order}, **options)
                await app.effect("answered", answer["by"])
            except Exception as error:
                await app.effect(type(error).__name__, str(error))

    return main


def called(caller, callee=bank, *, faults=(), instances=1, start=1, restart_after=None, duration=100.0):
    services = [Service("bank", callee, instances=instances), Service("shop", caller, start=start,
                                                                      restart_after=restart_after)]
    return run(Scenario(topics=[Topic("orders")], services=services, faults=faults, duration=duration))


# -- answers

def test_calls_go_round_the_instances():
    trace = called(shop(4), instances=3)
    assert done(trace, "answered") == ["bank-0", "bank-1", "bank-2", "bank-0"] and done(trace, "charge") == [0, 1, 2, 3]
    assert times(trace, "charge")[0] == pytest.approx(1.001) and trace.ended == "quiet"


def test_requests_are_handled_side_by_side():
    async def slow(app):
        async def handler(request):
            await app.sleep(request)
            return request

        await app.serve(handler)

    async def main(app):
        async def ask(seconds):
            await app.effect("answer", await app.call("bank", seconds))

        await asyncio.gather(ask(2), ask(1), ask(1.5))

    trace = called(main, slow)
    assert done(trace, "answer") == [1, 1.5, 2] and trace.effects.time.max() < 3.01


def test_requests_and_answers_are_copies():
    async def keeping(app):
        async def handler(request):
            request["items"].append("changed")
            return request

        await app.serve(handler)

    async def main(app):
        mine = {"items": [1]}
        await app.effect("seen", ((await app.call("bank", mine))["items"], mine["items"]))

    assert done(called(main, keeping)) == [([1, "changed"], [1])]


def test_the_record_in_hand_travels_along():
    async def consuming(app):
        async for order in app.consumer("orders", group_id="shop", auto_offset_reset="earliest"):
            await app.call("bank", {"order": order.value})

    scenario = Scenario(topics=[Topic("orders")], services=[Service("bank", bank), Service("shop", consuming)],
                        inputs={"orders": [{"value": 17}, {"value": 18}]})
    effects = run(scenario).effects
    assert list(effects.process) == ["bank-0"] * 2 and list(effects.message) == ["inputs:0", "inputs:1"]


def test_what_the_handler_raises_reaches_the_caller_and_the_server_lives_on():
    async def failing(app):
        async def handler(request):
            if request["order"] == 0:
                raise KeyError("account")
            return {"by": app.name}

        await app.serve(handler)

    trace = called(shop(2), failing)
    (told,) = done(trace, "RemoteError")
    assert told.startswith("bank-0 raised KeyError: 'account' (in handler, line ")
    assert done(trace, "answered") == ["bank-0"] and len(control(trace, "crashed")) == 0
    assert list(control(trace, "error").process) == ["bank-0"]


# -- no answer

@pytest.mark.parametrize("timeout, after", [(None, 30), (2, 2)])
@pytest.mark.parametrize("fault, charged", [(LoseRequest, []), (LoseReply, [0])])
def test_a_lost_request_or_reply_is_a_timeout(fault, charged, timeout, after):
    trace = called(shop(timeout=timeout), faults=[fault("shop-0", "call", nth=1)])
    what = f"no answer to call('bank') within {after} s: it may have been carried out, or not"
    assert done(trace, "TimeoutError") == [what] and done(trace, "charge") == charged
    assert times(trace, "TimeoutError") == [pytest.approx(1 + after + 0.0005)]


def test_a_slow_answer_comes_too_late_but_is_carried_out():
    trace = called(shop(timeout=1), faults=[Pause("bank-0", at=0.5, duration=5)])
    assert len(done(trace, "TimeoutError")) == 1 and done(trace, "charge") == [0]
    assert times(trace, "charge")[0] > 5.5


def test_a_server_that_dies_breaks_the_connection():
    trace = called(shop(), faults=[Crash("bank-0", after="charge", restart_after=1)])
    assert done(trace, "ConnectionResetError") == [
        "call('bank'): the connection broke before the answer: it may have been carried out, or not"]
    assert done(trace, "charge") == [0]


def test_who_is_down_is_passed_over():
    trace = called(shop(3), instances=3, faults=[Crash("bank-1", at=0.5)])
    assert done(trace, "answered") == ["bank-0", "bank-2", "bank-2"]


@pytest.mark.parametrize("faults, start", [([Crash("bank-0", at=0.5), Shutdown("bank-1", at=0.5)], 1), ([], 0)],
                         ids=["both down", "not serving yet"])
def test_when_nobody_listens_the_connection_is_refused(faults, start):
    async def late(app):
        await app.sleep(0.1)
        await bank(app)

    trace = called(shop(), late, instances=2, faults=faults, start=start)
    assert done(trace, "ConnectionRefusedError") == ["call('bank'): connection refused"] and done(trace, "charge") == []


def test_a_server_that_is_shut_down_breaks_off_what_it_was_doing():
    async def slow(app):
        async def handler(request):
            await app.sleep(3)

        await app.serve(handler)

    trace = called(shop(), slow, faults=[Shutdown("bank-0", at=2)])
    assert times(trace, "ConnectionResetError") == [pytest.approx(2.001)]


def test_behind_a_cut_link_nothing_is_known_before_the_timeout():
    trace = called(shop(timeout=2), faults=[NetworkCut("shop-0", "bank-0", at=0.5, duration=20)])
    assert len(done(trace, "TimeoutError")) == 1


@pytest.mark.parametrize("how, charged, answered", [
    ({"before": "call"}, [0, 0, 1], 3), ({"after": "call"}, [0, 1, 0, 1], 3)])
def test_a_crash_at_a_call(how, charged, answered):
    faults = [Crash("shop-0", **how, nth=2, restart_after=1)]
    trace = called(shop(2), faults=faults)
    assert done(trace, "charge") == charged and len(done(trace, "answered")) == answered


def test_a_crash_at_the_arrival():
    trace = called(shop(), faults=[Crash("bank-0", after="receive", restart_after=1)])
    assert len(done(trace, "ConnectionResetError")) == 1 and done(trace, "charge") == []


def test_a_caller_that_dies_does_not_stop_the_handler():
    trace = called(shop(), faults=[Crash("shop-0", at=1.0007)])
    assert done(trace) == [0]


# -- ends

@pytest.mark.parametrize("fails", [False, True])
def test_replies_keep_a_run_alive(fails):
    async def answering(app):
        async def handler(request):
            if fails:
                raise ValueError(request)
            return request

        await app.serve(handler)

    async def main(app):
        while True:
            try:
                await app.call("bank", 1)
            except Exception:
                await app.sleep(1)
            await app.sleep(1)

    assert called(main, answering, duration=30).ended == "duration"


def test_a_server_alone_is_quiet_and_a_hanging_handler_is_stuck():
    async def hanging(app):
        async def handler(request):
            await asyncio.Event().wait()

        await app.serve(handler)

    async def patient(app):
        await app.call("bank", 1, timeout=5_000)

    async def nothing(app):
        await app.sleep(1)

    with no_run_kept_alive():
        assert called(nothing).ended == "quiet"
        assert called(patient, hanging, duration=2_000).ended == "stuck"


# -- bad input

@pytest.mark.parametrize("call, told", [
    (lambda app: app.call("bnak", 1), "ValueError: call('bnak'): no such service; did you mean bank?"),
    (lambda app: app.call("shop", 1), "ValueError: call('shop'): this is shop itself"),
    (lambda app: app.call("bank", 1, timeout=-2), "timeout=-2): seconds above 0"),
    (lambda app: app.call("bank", 1, timeout=0), "timeout=0): seconds above 0"),
    (lambda app: app.call("bank", {1, 2}), "TypeError: a value must be something JSON can say"),
    (lambda app: app.serve(print), "TypeError: serve(<built-in function print>): the handler must be an `async def`")])
def test_bad_calls(call, told):
    async def main(app):
        await call(app)

    (detail,) = control(called(main), "exception").detail
    assert told in detail


def test_a_handler_of_two_arguments_and_a_second_handler_are_refused():
    async def two(app):
        async def handler(request, more):
            pass

        await app.serve(handler)

    async def twice(app):
        await asyncio.gather(bank(app), bank(app))

    for main, told in ((two, "exactly one argument, the request"), (twice, "bank-0 serves already")):
        assert told in control(called(shop(), main), "exception").detail.iloc[0]


def test_an_answer_that_json_cannot_say_is_the_server_s_mistake():
    async def odd(app):
        async def handler(request):
            return {1, 2}

        await app.serve(handler)

    (told,) = done(called(shop(), odd), "RemoteError")
    assert "bank-0 raised TypeError: a value must be something JSON can say" in told
