"""`app.redis`: redis-py's names and meanings, expiry in virtual time, one Redis that outlives its clients."""

from contextlib import suppress
from datetime import timedelta

import pytest
from small_services import control, done, run_alone, times

from simlib import Crash, LoseReply, LoseRequest, NetworkCut, Scenario, ScenarioError, Service, Shutdown, check, run
from simlib.services.errors import DataError, ResponseError


def said(steps, **more):
    """What a service's awaits on Redis gave back."""
    async def main(app):
        await app.effect("said", [await step(app.redis) for step in steps])

    (answer,) = done(run_alone(main, **more))
    return answer


def test_set_get_delete_incr():
    assert said([lambda r: r.set("a", "one"), lambda r: r.get("a"), lambda r: r.get("b"), lambda r: r.set(b"a", 2),
                 lambda r: r.get("a"), lambda r: r.set("c", b"\x00\xff"), lambda r: r.get("c"),
                 lambda r: r.delete("a", "b", "c", "c"), lambda r: r.get("a")]) == \
        [True, b"one", None, True, b"2", True, b"\x00\xff", 2, None]
    assert said([lambda r: r.incr("n"), lambda r: r.incr("n", 5), lambda r: r.incr("n", -7), lambda r: r.get("n"),
                 lambda r: r.set("m", "41"), lambda r: r.incr("m")]) == [1, 6, -1, b"-1", True, 42]


def test_only_if_absent_and_only_if_present():
    assert said([lambda r: r.set("lock", "a", nx=True), lambda r: r.set("lock", "b", nx=True), lambda r: r.get("lock"),
                 lambda r: r.set("lock", "c", xx=True), lambda r: r.get("lock"), lambda r: r.set("free", "d", xx=True),
                 lambda r: r.get("free")]) == [True, None, b"a", True, b"c", None, None]


@pytest.mark.parametrize("expiry", [{"ex": 2}, {"px": 2_000}, {"ex": timedelta(seconds=2)}])
def test_expiry_is_in_virtual_time(expiry):
    async def main(app):
        await app.redis.set("lock", "a", nx=True, **expiry)
        for _ in range(3):
            await app.sleep(0.95)
            await app.effect("there", await app.redis.get("lock"))
        await app.effect("again", await app.redis.set("lock", "b", nx=True))

    assert done(run_alone(main)) == [b"a", b"a", None, True]


def test_a_plain_set_takes_the_expiry_away_and_incr_keeps_it():
    async def main(app):
        await app.redis.set("plain", 1, ex=1)
        await app.redis.set("counter", 1, ex=1)
        await app.redis.set("plain", 2)
        await app.redis.incr("counter")
        await app.sleep(1)
        await app.effect("left", [await app.redis.get("plain"), await app.redis.get("counter")])

    assert done(run_alone(main)) == [[b"2", None]]


@pytest.mark.statement("P12")
def test_it_outlives_its_clients():
    async def main(app):
        first = await app.redis.set("seen", app.name, nx=True, ex=60)
        await app.effect("first" if first else "skipped", app.now)
        await app.sleep(100)

    trace = run_alone(main, faults=[Crash("billing-0", after="redis", restart_after=1)], duration=20)
    assert len(done(trace, "first")) == 0 and len(done(trace, "skipped")) == 1  # taken by a life that is over


# -- failures

@pytest.mark.parametrize("fault, value", [(LoseRequest("billing-0", "redis", nth=2), b"1"),
                                          (LoseReply("billing-0", "redis", nth=2), b"2")], ids=["request", "reply"])
def test_a_lost_request_or_reply_is_a_timeout(fault, value):
    async def main(app):
        await app.redis.incr("n")
        try:
            await app.redis.incr("n")
        except TimeoutError as error:
            await app.effect(str(error), await app.redis.get("n"))

    what = "no answer to redis INCRBY n 1: it may have been carried out, or not"
    trace = run_alone(main, faults=[fault])
    assert done(trace, what) == [value] and times(trace, what)[0] > 30


@pytest.mark.parametrize("end, left", [(Crash, None), (Shutdown, b"1")])
def test_killed_it_comes_back_empty_and_shut_down_as_it_was(end, left):
    async def main(app):
        await app.redis.set("a", 1)
        await app.sleep(1.5)
        with suppress(ConnectionError):
            await app.redis.get("a")
            await app.effect("reached", app.now)
        await app.sleep(2)
        await app.effect("left", await app.redis.get("a"))

    trace = run_alone(main, faults=[end("redis-0", at=1, restart_after=1)])
    assert done(trace, "left") == [left] and done(trace, "reached") == []


def test_a_cut_link_delays_and_loses_nothing():
    async def main(app):
        await app.sleep(1)
        await app.effect("n", await app.redis.incr("n"))

    trace = run_alone(main, faults=[NetworkCut("billing-0", "redis-0", at=0.5, duration=3)])
    assert done(trace) == [1] and 3.5 < times(trace, "n")[0] < 3.6


def test_only_a_changed_value_keeps_a_run_alive():
    async def beating(app):
        while True:
            await app.redis.set("leader", app.name, ex=10)
            await app.sleep(1)

    async def counting(app):
        while True:
            await app.redis.incr("beats")
            await app.sleep(1)

    assert run_alone(beating, duration=60).ended == "quiet" and run_alone(counting, duration=60).ended == "duration"


# -- bad input

@pytest.mark.parametrize("command, error, told", [
    (lambda r: r.set("a", 1, nx=True, xx=True), DataError, "nx or xx"),
    (lambda r: r.set("a", 1, ex=1, px=1), DataError, "ex or px"),
    (lambda r: r.set("a", {"b": 1}), DataError, "of type dict; Redis keeps bytes, str, int or float"),
    (lambda r: r.set("a", None), DataError, "of type NoneType"), (lambda r: r.set("a", 1, ex=0.5), DataError, "ex=0.5"),
    (lambda r: r.incr("a", 0.5), DataError, "a whole number"), (lambda r: r.delete(), DataError, "at least one key"),
    (lambda r: r.set("a", 1, px=0), ResponseError, "invalid expire time in 'set' command"),
    (lambda r: r.incr("text"), ResponseError, "value is not an integer or out of range")])
def test_bad_commands(command, error, told):
    async def main(app):
        await app.redis.set("text", "abc")
        await command(app.redis)

    (detail,) = control(run_alone(main, restart_after=None), "exception").detail
    assert detail.startswith(error.__name__) and told in detail and "(in " in detail


def test_its_name_is_taken():
    async def main(app):
        await app.redis.get("a")

    with pytest.raises(ScenarioError, match='"redis-0": two processes would have this name'):
        check(Scenario(topics=[], services=[Service("redis", main)]))
    with pytest.raises(ScenarioError, match="only members of groups and services take steps"):
        check(Scenario(topics=[], services=[Service("shop", main)], faults=[Crash("redis-0", after="redis")]))
    assert run(Scenario(topics=[], services=[Service("shop", main)])).ended == "quiet"
