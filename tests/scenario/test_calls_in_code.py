"""Calls between services, read from their code before anything runs."""

import asyncio
import sys
import textwrap
import types
from functools import partial

import pytest

from simlib import Scenario, ScenarioError, Service, run
from simlib.scenario import problems, warnings
from simlib.scenario.calls_in_code import UNKNOWN, read

BANK = "bank"
STRANGER = "bnak"


async def pay(app, order):
    """A helper in a module."""
    return await app.call(STRANGER, order)


async def pay_later(app, order):
    return await pay(app, order)


async def quiet(app):
    await app.sleep(1)


async def bank(app):
    async def charge(request):
        return "charged"

    await app.serve(charge, workers=2)


def shop(main, *more):
    return Scenario([], services=[Service("shop", main), Service("bank", bank), *more])


def called(main):
    return [call.service for call in read(main).calls]


# -- whom it calls


def test_every_way_to_write_a_call():
    async def main(app):
        await app.call("one", 1)
        await app.call(service="two", request=1)
        await app.call(BANK, 1, timeout=2)
        await asyncio.gather(*(app.call("three", n) for n in range(3)))
        return lambda: app.call("four", 1, **{})

    async def another_name(me):
        async def handler(request):
            return await me.call("five", request)

        await me.serve(handler)

    assert called(main) == ["one", "two", "bank", "four", "three"] and called(another_name) == ["five"]


def test_names_from_around_a_function():
    def made(callee):
        async def main(app):
            await app.call(callee, 1)

        return main

    assert called(made("vault")) == ["vault"] and called(partial(made("vault"))) == ["vault"]


def test_helpers_and_their_helpers():
    async def main(app):
        await pay_later(app, 1)

    assert called(main) == ["bnak"]


def test_helpers_in_another_module(monkeypatch, tmp_path):
    source = 'async def ask(app):\n    await app.call("nobody", 1)\n'
    (tmp_path / "helpers_of_a_shop.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import helpers_of_a_shop

    async def main(app):
        await helpers_of_a_shop.ask(app)

    assert called(main) == ["nobody"]
    monkeypatch.delitem(sys.modules, "helpers_of_a_shop")


def test_what_is_not_known_before_the_run_is_not_guessed():
    async def main(app, callee="bank"):
        BANK = "somebody else" if app.now else "nobody"
        await app.call(callee, 1)
        await app.call(BANK, 1)
        await app.call(f"{callee}-2", 1)
        await app.call(*("vault", 1))
        for name in ("x", "y"):
            await app.call(name, 1)

    assert called(main) == []


def test_the_calls_of_other_things_are_not_ours():
    async def main(app):
        breaker = app.random
        breaker.call("nobody")
        app.server.call("nobody")

    assert called(main) == []


def test_code_without_a_source_is_left_to_the_run():
    cell = {}
    exec(textwrap.dedent("""
        async def main(app):
            await app.call("nobody", 1)
    """), cell)
    assert called(cell["main"]) == []
    assert called(types.SimpleNamespace()) == [] and called(print) == []


# -- what is refused


def test_a_call_of_nobody_is_found_before_the_run_with_all_else_that_is_wrong():
    async def main(app):
        await app.sleep(1_000)
        await app.call("bnak", 1)
        await app.call("shop", 1)
        await app.call("bank", 1, timeout=-2)
        await app.call("bank", 1, timeout=0)
        await app.call("bank", 1, None)

    async def idle(app):
        await app.serve(quiet, workers=0)
        await app.serve(quiet, 2, -1)
        await app.serve(quiet, queue=3)

    with pytest.raises(ScenarioError) as refused:
        run(shop(main, Service("idle", idle)))
    line = main.__code__.co_firstlineno
    told = refused.value.problems
    assert told[0] == (f"Service(\"shop\"), line {line + 2}: call('bnak'): no such service; did you mean bank? "
                       "(there is: shop, bank, idle)")
    assert told[1].endswith("call('shop'): this is shop itself; await the function that handles requests")
    assert [one.split(": ", 1)[1] for one in told[2:]] == [
        "call('bank', timeout=-2): seconds above 0, or None for 30 s",
        "call('bank', timeout=0): seconds above 0, or None for 30 s",
        "serve(workers=0): a whole number of at least 1, or None for no limit",
        "serve(queue=-1): a whole number, 0 if nobody may wait, or None for no limit",
        "serve(queue=3): without a number of workers nobody ever waits; give workers too"]


def test_what_is_right_is_not_refused():
    async def main(app):
        await app.call("bank", 1)
        await app.call("bank", 1, timeout=0.5)
        await app.call("bank", 1, timeout=app.now + 1)
        await app.serve(quiet, workers=3, queue=0)

    assert problems(shop(main)) == [] and warnings(shop(main)) == []


# -- circles


def asking(callee, **limits):
    """Serves by asking another service."""
    async def main(app):
        async def handler(request):
            return await app.call(callee, request)

        await app.serve(handler, **limits)

    return main


def limited(callee, workers, queue=None):
    async def main(app):
        async def handler(request):
            return await app.call(callee, request)

        await app.serve(handler, workers=workers, queue=queue)

    return main


def circles(**services):
    scenario = Scenario([], services=[Service(name, main) for name, main in services.items()])
    assert problems(scenario) == []
    return [one for one in warnings(scenario) if "circle" in one]


def test_a_circle_of_limited_servers_is_named():
    (told,) = circles(billing=limited("bank", 2), bank=limited("billing", 3))
    assert told.startswith("calls go round in a circle: billing (workers=2) -> bank (workers=3) -> billing: this can "
                           "deadlock")
    (told,) = circles(a=limited("b", 1), b=limited("c", 1), c=limited("b", 1), d=limited("a", 1))
    assert "b (workers=1) -> c (workers=1) -> b" in told


def test_no_circle_no_warning():
    assert circles(a=limited("b", 1), b=limited("c", 1), c=bank) == []
    assert circles(a=limited("b", 1), b=asking("a")) == []  # b always takes the request
    assert circles(a=limited("b", 1), b=limited("a", 1, queue=0)) == []  # nobody waits: he is turned away


def test_only_what_the_handler_calls_holds_a_worker():
    async def consuming(app):
        async def status(request):
            return "fine"

        asyncio.create_task(app.serve(status, workers=1))
        while True:
            await app.call("bank", 1)

    async def through_helpers(app):
        async def first(request):
            return await second(request)

        async def second(request):
            return await to_consuming(app)

        await app.serve(first, workers=1)

    assert circles(consuming=consuming, bank=limited("consuming", 1)) == []
    assert circles(consuming=limited("bank", 1), bank=through_helpers)


async def to_consuming(app):
    return await app.call("consuming", 1)


def test_a_handler_that_cannot_be_found_may_call_all_that_its_service_calls():
    async def odd(app):
        handlers = [lambda request: app.call("bank", request)]
        await app.serve(handlers[0], workers=1)

    assert len(circles(billing=odd, bank=limited("billing", 1))) == 1


def test_a_circle_does_deadlock_and_the_run_shows_the_warning():
    """Both workers of each wait for the other; only their timeouts free them."""
    async def people(app):
        async def one(order):
            try:
                await app.call("billing", order, timeout=100)
            except Exception as error:
                await app.effect(type(error).__name__, order)

        await asyncio.gather(*(one(n) for n in range(4)))

    def service(callee):
        async def main(app):
            async def handler(depth):
                return depth if depth > 3 else await app.call(callee, depth + 1)

            await app.serve(handler, workers=2)

        return main

    services = [Service("billing", service("bank")), Service("bank", service("billing")),
                Service("people", people, start=1)]
    trace = run(Scenario([], services=services, duration=300))
    assert "can deadlock" in repr(trace.summary())
    waiting = trace.calls[(trace.calls.outcome == "timed out") & trace.calls.caller.isin(["billing-0", "bank-0"])]
    assert len(waiting) >= 2 and (waiting.answered - waiting.sent).round(3).eq(30).all()


def test_numbers_that_are_made_up_while_it_runs_are_left_to_the_run():
    async def main(app):
        await app.serve(quiet, workers=int(app.now))
        await app.call("bank", 1, timeout=app.now - 1)

    code = read(main)
    assert code.serves[0].workers is UNKNOWN and code.calls[0].timeout is UNKNOWN
