"""Calls between services and `app.redis`: what a caller learns, what is done all the same, what a death forgets."""

import asyncio
from contextlib import suppress

import pytest
from both import on_both
from real_shop import QUICK, SHORT, acts, shop

from simlib import Crash, LoseReply, LoseRequest, Overloaded, Pause, Scenario, Service, Shutdown, Topic

pytestmark = pytest.mark.slow


async def bank(app):
    async def charge(request):
        await app.effect("charge", request["order"])
        return {"by": app.name, "order": request["order"]}

    await app.serve(charge)


def buyer(orders=1, **options):
    """Calls the bank for each order, and tells the world what came of it."""
    async def main(app):
        for order in range(orders):
            try:
                await app.effect("answered", (await app.call("bank", {"order": order}, **options))["by"])
            except Exception as error:
                await app.effect(type(error).__name__, str(error))
            await app.sleep(0.2)  # a machine needs a moment to close a dead process's port

    return main


def called(caller, callee=bank, *more, faults=(), instances=1, restart_after=1.0, **changes):
    """A bank that serves, and half a second later somebody who calls it."""
    given = {"topics": [Topic("orders")], "broker_config": SHORT, "duration": 60, "faults": faults, "services": [
        Service("bank", callee, instances=instances, restart_after=restart_after), Service("shop", caller, start=0.5),
        *more]}
    return Scenario(**{**given, **changes})


def kinds(trace, *wanted):
    """Which of these things happened, and to whom, in order."""
    events = trace.events
    return [(event.kind, event.process) for event in events.itertuples() if event.kind in wanted]


# -- answers

@on_both
def test_calls_go_round_the_instances_and_are_written_down_on_both_sides():
    trace = yield called(buyer(3), instances=2)
    assert acts(trace) == [("charge", 0), ("answered", "bank-0"), ("charge", 1), ("answered", "bank-1"),
                           ("charge", 2), ("answered", "bank-0")]
    calls = trace.calls
    assert [*calls["instance"]] == ["bank-0", "bank-1", "bank-0"] and {*calls["outcome"]} == {"answered"}
    assert [*calls["request"]] == ['{"order": 0}', '{"order": 1}', '{"order": 2}']
    assert calls["answer"][1] == '{"by": "bank-1", "order": 1}' and {*calls["caller"]} == {"shop-0"}
    for earlier, later in (("sent", "arrived"), ("arrived", "taken_up"), ("taken_up", "done"), ("done", "answered")):
        assert (calls[earlier] <= calls[later]).all()
    assert kinds(trace, "called", "request", "answered") == [
        (kind, who) for instance in calls["instance"]
        for kind, who in (("called", "shop-0"), ("request", instance), ("answered", "shop-0"))]


async def asks_for_each_order(app):
    async with app.consumer("orders", group_id="shop", enable_auto_commit=False, **QUICK) as consumer:
        async for order in consumer:
            await app.call("bank", {"order": order.value["order_id"]})
            await consumer.commit()


@on_both
def test_the_record_in_hand_travels_with_a_call():
    trace = yield shop(services=[Service("bank", bank), Service("shop", asks_for_each_order, start=0.5)])
    assert acts(trace) == [("charge", 0), ("charge", 1), ("charge", 2)]
    assert [*trace.effects["message"]] == [*trace.calls["message"]] == ["inputs:0", "inputs:1", "inputs:2"]
    assert {*trace.effects["process"]} == {"bank-0"}


async def fails_once(app):
    async def handler(request):
        if request["order"] == 0:
            raise KeyError("account")
        return {"by": app.name}

    await app.serve(handler)


@on_both
def test_what_a_handler_raises_reaches_the_caller_and_the_server_lives_on():
    trace = yield called(buyer(2), fails_once)
    raised, answered = acts(trace)
    assert raised[1].startswith("bank-0 raised KeyError: 'account' (in handler, line ")
    assert answered == ("answered", "bank-0")
    assert kinds(trace, "error", "crashed") == [("error", "bank-0")]
    assert any("KeyError: 'account'" in text for text in trace.summary().warnings)


async def deadline_in_the_middle(app):
    async def handler(request):
        await app.effect("deadline", app.deadline)
        return await app.call("ledger", request, timeout=50)

    await app.serve(handler)


async def never_done(app):
    async def handler(request):
        await app.effect("deadline", app.deadline)
        await asyncio.Event().wait()

    await app.serve(handler)


@on_both
def test_a_deadline_travels_through_every_call():
    trace = yield called(buyer(deadline=3), deadline_in_the_middle, Service("ledger", never_done), duration=8)
    assert acts(trace)[:2] == [("deadline", 3.0)] * 2 and acts(trace)[2][0] == "TimeoutError"
    assert [*trace.calls["deadline"]] == [3, 3] and [*trace.calls["parent"].dropna()] == [0]
    assert [*trace.calls["outcome"]] == ["timed out"] * 2 and trace.calls["answered"].min() >= 3


# -- a few workers

async def one_at_a_time(app):
    async def handler(request):
        await app.effect("begin", request)
        await app.sleep(0.5)
        return request

    await app.serve(handler, workers=1, queue=1)


async def three_at_once(app):
    async def ask(n):
        try:
            await app.call("bank", n)
        except Overloaded:
            await app.effect("turned away", n)

    await asyncio.gather(*(ask(n) for n in range(3)))


@on_both
def test_one_is_at_work_one_waits_and_the_third_is_turned_away():
    trace = yield called(three_at_once, one_at_a_time)
    assert [key for name, key in acts(trace) if name == "begin"] == [0, 1]
    assert [key for name, key in acts(trace) if name == "turned away"] == [2]
    assert sorted(trace.calls["outcome"]) == ["answered", "answered", "overloaded"]
    assert kinds(trace, "queued", "overloaded") == [("queued", "bank-0"), ("overloaded", "bank-0")]
    waited = trace.calls["taken_up"] - trace.calls["arrived"]
    assert waited[1] >= 0.4 > waited[0]


# -- no answer

@on_both
def test_a_lost_request_was_not_carried_out_and_a_lost_reply_was():
    trace = yield called(buyer(3, timeout=4), faults=[LoseRequest("shop-0", "call", nth=1),
                                                      LoseReply("shop-0", "call", nth=1)])
    lost = ("TimeoutError", "no answer to call('bank') within 4 s: it may have been carried out, or not")
    assert acts(trace) == [lost, ("charge", 1), lost, ("charge", 2), ("answered", "bank-0")]
    assert kinds(trace, "request_lost", "reply_lost") == [("request_lost", "shop-0"), ("reply_lost", "shop-0")]
    assert not trace.summary().faults_not_fired


BROKEN = ("ConnectionResetError",
          "call('bank'): the connection broke before the answer: it may have been carried out, or not")
REFUSED = ("ConnectionRefusedError", "call('bank'): connection refused")


@on_both
def test_a_server_that_dies_breaks_the_connection_and_then_refuses_it():
    trace = yield called(buyer(2), faults=[Crash("bank-0", after="charge", restart_after=None)])
    assert acts(trace) == [("charge", 0), BROKEN, REFUSED]


@on_both
def test_who_is_down_is_passed_over():
    trace = yield called(buyer(2), instances=2, faults=[Crash("bank-0", at=0.2)])
    assert acts(trace) == [("charge", 0), ("answered", "bank-1"), ("charge", 1), ("answered", "bank-1")]


@on_both
def test_who_has_not_begun_cannot_be_killed():
    trace = yield called(buyer(), faults=[Crash("shop-0", at=0.2)])
    assert acts(trace) == [("charge", 0), ("answered", "bank-0")]
    assert len(trace.summary().faults_not_fired) == 1


async def never_serves(app):
    await app.sleep(1)


@on_both
def test_who_does_not_serve_refuses():
    trace = yield called(buyer(), never_serves)
    assert acts(trace) == [REFUSED] and [*trace.calls["outcome"]] == ["refused"]


@on_both
def test_one_that_stands_still_answers_too_late_but_does_it():
    trace = yield called(buyer(timeout=1), faults=[Pause("bank-0", at=0.3, duration=3)])
    assert sorted(name for name, _ in acts(trace)) == ["TimeoutError", "charge"]
    assert trace.calls["done"][0] > 3.2 > trace.calls["answered"][0]


@pytest.mark.parametrize("backend", [pytest.param(None, id="virtual"), pytest.param("kafka", id="real", marks=[
    pytest.mark.real])])
@pytest.mark.parametrize("when, charged", [("before", 1), ("after", 2)])
def test_a_caller_that_dies_at_the_call_asks_again(request, backend, when, charged):
    from real_shop import run_for_real

    from simlib import run

    scenario, schedule = called(buyer()), f"crash-{when}:shop-0.0/call#1"
    trace = (run(scenario, schedule=schedule) if backend is None
             else run_for_real(scenario, request.getfixturevalue("kafka").url, schedule))
    assert acts(trace) == [("charge", 0)] * charged + [("answered", "bank-0")]


@on_both
def test_a_server_that_is_shut_down_breaks_off_what_it_was_doing():
    trace = yield called(buyer(), one_at_a_time_slowly, faults=[Shutdown("bank-0", at=2)])
    assert acts(trace) == [("begin", 0), ("cleaned up", 0), BROKEN] or acts(trace) == [
        ("begin", 0), BROKEN, ("cleaned up", 0)]


async def one_at_a_time_slowly(app):
    async def handler(request):
        await app.effect("begin", request["order"])
        try:
            await app.sleep(20)
        finally:
            await app.effect("cleaned up", request["order"])

    await app.serve(handler)


# -- Redis

def redis_first(expiry):
    """Charges each order once, if the key is not forgotten and nothing dies in between."""
    async def main(app):
        async with app.consumer("orders", group_id="billing", enable_auto_commit=False, **QUICK) as consumer:
            async for order in consumer:
                if await app.redis.set(f"order-{order.value['order_id']}", app.name, nx=True, ex=expiry):
                    await app.effect("charge", order.value["order_id"])
                await consumer.commit()

    return main


@on_both
def test_a_mark_set_first_loses_what_its_setter_dies_with():
    trace = yield shop(redis_first(86_400)), "crash-after:billing-0.0/redis#2"
    assert acts(trace) == [("charge", 0), ("charge", 2)]


@on_both
def test_a_mark_that_has_expired_lets_the_work_be_done_again():
    """The dead member's partition is given away after its session time-out: the short mark is gone by then."""
    trace = yield shop(redis_first(1)), "crash-after:billing-0.0/charge#2"
    assert acts(trace) == [("charge", 0), ("charge", 1), ("charge", 1), ("charge", 2)]


async def uses_every_command(app):
    redis = app.redis
    said = [await redis.set("a", "one"), await redis.get("a"), await redis.get("b"), await redis.set("a", 2, nx=True),
            await redis.set("c", b"\x00\xff", xx=True), await redis.incr("n", 5), await redis.delete("a", "b")]
    await app.effect("said", said)
    with suppress(Exception):
        await redis.incr("a")
        await redis.set("a", "text")
        await redis.incr("a")
        await app.effect("never", 0)


@on_both
def test_the_commands_of_redis_say_the_same():
    trace = yield called(uses_every_command)
    assert acts(trace) == [("said", [True, b"one", None, None, None, 5, 1])]
    assert [*trace.events.query("kind == 'redis'")["detail"]][-1] == \
        "INCRBY a 1 -> 'value is not an integer or out of range'"


async def looks_again(app):
    """Until Redis is gone, and then until it is back."""
    await app.redis.set("a", 1)
    while (gone := await refused(app)) is None:
        await app.sleep(0.2)
    await app.effect("refused", gone)
    while await refused(app):
        await app.sleep(0.2)
    await app.effect("left", str(await app.redis.get("a")))


async def refused(app):
    """What Redis' machine says; a connection that breaks in the middle of a command says nothing yet."""
    try:
        await app.redis.get("a")
    except ConnectionRefusedError as error:
        return str(error)
    except ConnectionResetError:
        return None


@on_both
def test_a_killed_redis_comes_back_empty():
    trace = yield called(looks_again, faults=[Crash("redis-0", at=5, restart_after=2)])
    assert acts(trace) == [("refused", "redis GET a: connection refused"), ("left", "None")]


@on_both
def test_a_redis_that_was_shut_down_comes_back_as_it_was():
    trace = yield called(looks_again, faults=[Shutdown("redis-0", at=5, restart_after=2)])
    assert acts(trace) == [("refused", "redis GET a: connection refused"), ("left", "b'1'")]


async def counts_up(app):
    try:
        await app.redis.incr("n")
    except TimeoutError as error:
        await app.effect(str(error), await app.redis.get("n"))


@on_both
def test_a_command_whose_reply_is_lost_was_carried_out():
    trace = yield called(counts_up), "lose-reply:shop-0.0/redis#1"
    assert acts(trace) == [("no answer to redis INCRBY n 1: it may have been carried out, or not", b"1")]
    assert trace.effects["time"][0] > 30
