"""What a caller can do about a service in trouble: what each form keeps, what it pays, and what explore says."""

import asyncio
from contextlib import suppress
from functools import partial

import pytest

from simlib import Crash, Overloaded, Pause, Scenario, Service, Topic, explore, run
from simlib.laws import Verdict
from simlib.patterns import retry
from simlib.patterns.idempotency import ANSWERS, answer_once
from simlib.patterns.resilience import Breaker, Bulkhead, CircuitOpen, RetryBudget, all_of, hedged, quorum

pytestmark = pytest.mark.slow


def shop(main, *services, faults=(), duration=600.0):
    return Scenario(topics=[Topic("orders")], services=[Service("shop", main, start=1), *services], faults=faults,
                    duration=duration)


def told(trace, name=None):
    """(time, key) of the effects, or the keys of those with this name."""
    effects = trace.effects
    if name is not None:
        return effects.key[effects.name == name].tolist()
    return list(zip(effects.time.round(3), effects.name, strict=True))


def raising(error):
    """An act that always fails, and the same that is counted."""
    count = [0]

    async def act():
        count[0] += 1
        raise error

    return act, count


def alone(body):
    """Run one coroutine function as a service, and return the trace."""
    trace = run(shop(body))
    assert not [line for line in trace.summary().warnings if "raised" in line], trace.summary()
    return trace


# -- retry budget


def test_repeats_are_a_share_of_the_calls():
    async def main(app):
        act, count = raising(ConnectionError("down"))
        budget = RetryBudget(share=0.1, most=10)
        for _ in range(500):
            with suppress(ConnectionError):
                await budget.again(app, act, attempts=4, base=0.001)
        await app.effect("asked", count[0])

    assert told(alone(main), "asked") == [500 + 10 + 49]  # the purse, then a tenth; the first call finds it full


def test_without_trouble_a_budget_is_never_felt():
    async def main(app):
        budget, asked = RetryBudget(share=0.1, most=2), 0
        for n in range(200):
            fails = n % 20 == 0

            async def act():
                nonlocal asked, fails
                asked += 1
                fails, failed = False, fails
                if failed:
                    raise TimeoutError("once")

            await budget.again(app, act, base=0.001)
        await app.effect("asked", asked)

    assert told(alone(main), "asked") == [210]


def test_a_permanent_error_costs_no_budget():
    async def main(app):
        bad, asked = raising(ValueError("no amount"))
        budget = RetryBudget(share=0, most=1)
        for _ in range(3):
            with suppress(ValueError):
                await budget.again(app, bad)
        down, tried = raising(ConnectionError("down"))
        try:
            await budget.again(app, down, base=0.001)
        except ConnectionError:
            await app.effect("asked", (asked[0], tried[0]))

    assert told(alone(main), "asked") == [(3, 2)]


# -- the breaker


def breaking(requests, apart, **settings):
    """Calls the bank again and again through a breaker; an effect for each outcome."""
    async def main(app):
        breaker = Breaker(app, **settings)
        for _ in range(requests):
            try:
                await breaker.call(lambda: app.call("bank", 1, timeout=1))
                await app.effect("answered", breaker.is_open)
            except (TimeoutError, ConnectionError) as error:
                await app.effect(type(error).__name__, breaker.is_open)
            await app.sleep(apart)

    return main


async def bank(app):
    async def charge(request):
        return "charged"

    await app.serve(charge)


def test_a_breaker_opens_tries_once_and_closes():
    faults = [Crash("bank-0", at=0.5, restart_after=20)]
    trace = run(shop(breaking(60, 0.5, failures=3, rest=5), Service("bank", bank), faults=faults))
    outcomes = told(trace)
    refused = [time for time, name in outcomes if name == "ConnectionRefusedError"]
    assert [round(time - 1) for time in refused] == [0, 1, 1, 6, 11, 16]  # three in a row; then one each time it rests
    assert all(name == "answered" for time, name in outcomes if time > 25)
    assert len(trace.calls[trace.calls.outcome == "refused"]) == len(refused)
    assert not any(told(trace, "answered")) and all(told(trace, "CircuitOpen"))


@pytest.mark.parametrize("start", [0.1, 1.00973, 3.01171, 7.7777])
def test_a_rest_is_over_when_it_is_over(start):
    async def main(app):
        await app.sleep(start)
        breaker, (act, count) = Breaker(app, failures=1, rest=5.1), raising(ConnectionError("down"))
        for _ in range(6):
            try:
                await breaker.call(act)
            except ConnectionError:
                await breaker.rested()
        await app.effect("asked", count[0])

    assert told(alone(main), "asked") == [6]


def test_who_must_succeed_waits_until_the_breaker_lets_somebody_try():
    async def patient(app):
        breaker = Breaker(app, failures=1, rest=20)
        while True:
            try:
                await breaker.call(lambda: app.call("bank", 1, timeout=1))
                break
            except ConnectionError:
                await app.effect("refused", round(app.now))
                await breaker.rested()
        await app.effect("answered", round(app.now))

    trace = run(shop(patient, Service("bank", bank), faults=[Crash("bank-0", at=0.5, restart_after=30)]))
    assert told(trace, "refused") == [1, 21] and told(trace, "answered") == [41] and trace.ended == "quiet"


def test_a_success_in_between_starts_the_count_again():
    async def main(app):
        breaker = Breaker(app, failures=3)
        down, _ = raising(ConnectionError("down"))
        for act in (down, down, lambda: asyncio.sleep(0), down, down):
            with suppress(ConnectionError):
                await breaker.call(act)
        await app.effect("open", breaker.is_open)

    assert told(alone(main), "open") == [False]


def test_an_error_that_the_callee_raises_is_an_answer():
    async def main(app):
        breaker, (act, count) = Breaker(app, failures=1), raising(ValueError("no amount"))
        for _ in range(5):
            with suppress(ValueError):
                await breaker.call(act)
        await app.effect("asked", count[0])

    assert told(alone(main), "asked") == [5]


def test_while_one_tries_the_others_rest():
    async def main(app):
        breaker, asked = Breaker(app, failures=1, rest=2), []

        async def silent():
            asked.append(app.now)
            await app.sleep(1)
            raise TimeoutError("no answer")

        async def customer():
            try:
                await breaker.call(silent)
            except CircuitOpen as error:
                await app.effect("refused", str(error))
            except TimeoutError:
                pass

        for at in (0, 3.5):
            await app.sleep(at)
            await asyncio.gather(*(customer() for _ in range(5)))
        await app.effect("asked", len(asked))

    trace = alone(main)
    assert told(trace, "asked") == [5 + 1]  # closed: all five are under way before the first fails
    assert len(told(trace, "refused")) == 4 and told(trace, "refused")[0].startswith("open until 7.5")


def test_a_breaker_saves_the_time_that_a_stalled_callee_takes():
    """The bank stands still for a minute. Without a breaker each order waits a second for it."""
    faults = [Pause("bank-0", at=2, duration=60)]
    slow = run(shop(breaking(100, 0.1, failures=10**6), Service("bank", bank), faults=faults))
    quick = run(shop(breaking(100, 0.1, failures=3, rest=10), Service("bank", bank), faults=faults))
    assert slow.effects.time.max() - quick.effects.time.max() > 40
    assert (slow.calls.outcome == "timed out").sum() > 10 * (quick.calls.outcome == "timed out").sum()


# -- the bulkhead


def test_a_bulkhead_holds_no_more_than_its_places():
    async def main(app):
        bulkhead, at_work, most = Bulkhead(3), 0, 0

        async def slow():
            nonlocal at_work, most
            at_work, most = at_work + 1, max(most, at_work + 1)
            await app.sleep(1)
            at_work -= 1
            if app.now > 2.5:
                raise ValueError("places are given back by who fails, too")

        async def customer(at):
            await app.sleep(at)
            try:
                await bulkhead.call(slow)
                await app.effect("done", at)
            except (Overloaded, ValueError) as error:
                await app.effect(type(error).__name__, at)

        await asyncio.gather(*(customer(at) for at in (0, 0, 0, 0, 0.5, 1.2, 1.2, 1.2, 3, 3, 3, 4.5, 4.5, 4.5)))
        await app.effect("most", most)

    trace = alone(main)
    assert told(trace, "most") == [3] and len(told(trace, "Overloaded")) == 2
    assert len(told(trace, "done")) == 3 and len(told(trace, "ValueError")) == 9


def serving_shop(bulkhead):
    """A shop of ten workers: every other order needs the slow bank, the others nothing."""
    async def main(app):
        places = Bulkhead(5) if bulkhead else None

        async def order(request):
            if request % 2 == 0:
                ask = partial(app.call, "bank", request)
                await (places.call(ask) if places else ask())
            return "done"

        await app.serve(order, workers=10)

    return main


def customers(app_call_timeout=2.0):
    async def main(app):
        async def one(n):
            try:
                await app.call("shop", n, timeout=app_call_timeout)
                await app.effect("served", n)
            except Exception as error:
                await app.effect(type(error).__name__, n)

        tasks = []
        for n in range(400):
            tasks.append(asyncio.create_task(one(n)))
            await app.sleep(0.05)
        await asyncio.gather(*tasks)

    return main


@pytest.mark.statement("P46")
def test_a_slow_callee_takes_the_whole_shop_with_it_unless_there_is_a_bulkhead():
    async def slow_bank(app):
        async def charge(request):
            await app.sleep(20)

        await app.serve(charge)

    def served(bulkhead):
        services = [Service("shop", serving_shop(bulkhead)), Service("bank", slow_bank),
                    Service("people", customers(), start=1)]
        trace = run(Scenario([Topic("orders")], services=services, duration=600))
        return [n for n in told(trace, "served") if n % 2]

    assert len(served(bulkhead=True)) == 200  # all that need no bank
    assert len(served(bulkhead=False)) < 30


# -- several at once


def act(app, answer, seconds, done):
    async def body():
        await app.sleep(seconds)
        done.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return body


def several(how):
    """What `how(acts)` gives for acts made by (answer, seconds), when, and which of them were done ten seconds on."""
    def of(*answers_and_seconds):
        async def main(app):
            done = []
            acts = [act(app, answer, seconds, done) for answer, seconds in answers_and_seconds]
            try:
                result = await how(app, acts)
            except Exception as error:
                result = type(error).__name__
            at = round(app.now - 1, 6)
            await app.sleep(10)
            await app.effect("result", (result, at, [str(one) for one in done]))

        return told(alone(main), "result")[0]

    return of


def test_all_of_takes_as_long_as_the_slowest_and_stops_at_the_first_failure():
    everything = several(lambda app, acts: all_of(*acts))
    assert everything(("a", 2), ("b", 1), ("c", 3)) == (["a", "b", "c"], 3, ["b", "a", "c"])
    assert everything(("a", 2), (ValueError("b"), 1), ("c", 3)) == ("ValueError", 1, ["b"])
    assert everything() == ([], 0, [])


def test_a_quorum_takes_as_long_as_its_last_member():
    two = several(lambda app, acts: quorum(2, *acts))
    assert two(("a", 2), ("b", 1), ("c", 3)) == (["b", "a"], 2, ["b", "a"])
    assert two(("a", 2), (OSError("b"), 1), ("c", 3)) == (["a", "c"], 3, ["b", "a", "c"])
    assert two((OSError("a"), 2), (KeyError("b"), 1), ("c", 3)) == ("OSError", 2, ["'b'", "a"])


@pytest.mark.parametrize("needed", [0, 3])
def test_a_quorum_of_nobody_or_of_more_than_are_asked_is_refused(needed):
    with pytest.raises(ValueError, match=rf"quorum\({needed}\): of 2 asked, 1 to 2 can be needed"):
        quorum(needed, None, None).send(None)


def test_a_hedged_request_is_made_again_only_when_the_first_is_slow():
    hedge = several(lambda app, acts: hedged(app, 1.0, *acts))
    assert hedge(("a", 0.9), ("b", 0.1)) == ("a", 0.9, ["a"])
    assert hedge(("a", 5), ("b", 0.1)) == ("b", 1.1, ["b"])
    assert hedge(("a", 1.5), ("b", 3)) == ("a", 1.5, ["a"])
    assert hedge((OSError("a"), 0.5), ("b", 0.5)) == ("b", 1.5, ["a", "b"])
    assert hedge((OSError("a"), 0.5), (KeyError("b"), 0.5)) == ("KeyError", 1.5, ["a", "'b'"])


@pytest.mark.parametrize("make, message", [
    (lambda: Breaker(None, failures=0), "at least 1 failure"), (lambda: Breaker(None, rest=0), "a rest above 0 s"),
    (lambda: Bulkhead(0), "at least 1 place"), (lambda: RetryBudget(share=2), "share is from 0 to 1"),
    (lambda: RetryBudget(most=0), "most at least 1")])
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- the retry storm


def whatever(error):
    """Everything is taken for worth another attempt, also "it failed further down"."""
    return True


def floor(callee, repeat):
    """A service that calls the next one, and repeats what fails."""
    async def main(app):
        again = repeat()

        async def handler(request):
            return await again(app, lambda: app.call(callee, request, timeout=100), base=1e-6)

        await app.serve(handler)

    return main


async def cellar(app):
    async def handler(request):
        raise RuntimeError("out of order")

    await app.serve(handler)


def tower(depth, repeat, requests=1):
    """Requests through a tower of `depth` calls; the lowest always fails, each floor has a `repeat()`."""
    names = [f"floor-{n}" for n in range(1, depth)] + ["cellar"]

    async def top(app):
        again = repeat()
        for n in range(requests):
            try:
                await again(app, partial(app.call, names[0], n, timeout=1_000), base=1e-6)
            except Exception as error:
                await app.effect(type(error).__name__, n)

    floors = [Service(name, floor(below, repeat)) for name, below in zip(names, names[1:], strict=False)]
    return run(shop(top, *floors, Service("cellar", cellar))).calls


@pytest.mark.statement("T34")
@pytest.mark.parametrize("depth, attempts", [(1, 3), (2, 3), (3, 3), (4, 3), (3, 4), (5, 2), (4, 1)])
def test_a_retry_storm_is_attempts_to_the_power_of_the_depth(depth, attempts):
    calls = tower(depth, lambda: partial(retry.again, attempts=attempts, worth=whatever))
    assert [(calls.callee == name).sum() for name in dict.fromkeys(calls.callee)] == [
        attempts**level for level in range(1, depth + 1)]
    children = calls.parent.dropna().value_counts()  # the tree: each call was repeated within each repeat above it
    assert set(children) == ({attempts} if depth > 1 else set())


@pytest.mark.statement("T34")
def test_there_is_no_storm_where_only_the_last_floor_repeats():
    """An error that comes from further down is an answer: `is_transient` says so."""
    assert len(tower(4, lambda: partial(retry.again, attempts=3))) == 4


@pytest.mark.statement("T34")
def test_budgets_multiply_by_little():
    """Each of three floors may repeat a tenth: 1.1 to the third power instead of 4 to the third."""
    calls = tower(3, lambda: partial(RetryBudget(share=0.1, most=1).again, worth=whatever), requests=200)
    bottom = (calls.callee == "cellar").sum()
    assert 200 * 1.1**3 - 3 <= bottom <= 200 * 1.1**3 + 3  # each purse holds one repeat at first
    assert (tower(3, lambda: partial(retry.again, attempts=4, worth=whatever), 5).callee == "cellar").sum() == 5 * 64


# -- what explore says


async def careless_bank(app):
    async def charge(request):
        await app.effect("charge", request["order"])
        return "charged"

    await app.serve(charge)


async def keyed_bank(app):
    """The charge is a row of the bank's own database, so that the key and the charge commit together."""
    async def charge(request):
        async def work():
            await app.database.execute("INSERT INTO charges VALUES (?)", (request["order"],))
            return "charged"

        return await answer_once(app.database, request["order"], request, work)

    await app.serve(charge)


def charged_once(trace, calm=None):
    """No order is charged twice."""
    if "bank" in trace.databases:
        charges = [row[0] for row in trace.databases["bank"].execute("SELECT * FROM charges")]
    else:
        charges = told(trace, "charge")
    twice = sorted({one for one in charges if charges.count(one) > 1})
    return Verdict("charged once", not twice, f"charged twice: {twice}")


def explored(main, callee, **more):
    database = f"{ANSWERS} CREATE TABLE charges (order_id);" if callee is keyed_bank else None
    return explore(shop(main, Service("bank", callee, database=database, **more)), charged_once, n_jobs=1,
                   progress=False)


def ask(app, **more):
    return lambda: app.call("bank", {"order": 17}, timeout=5)


async def with_budget(app):
    try:
        await RetryBudget().again(app, ask(app))
    except (TimeoutError, ConnectionError):
        await app.effect("gave up", 17)


async def with_breaker(app):
    breaker = Breaker(app, failures=2, rest=3)
    try:
        await retry.again(app, lambda: breaker.call(ask(app)), attempts=6)
    except (TimeoutError, ConnectionError):
        await app.effect("gave up", 17)


async def with_hedge(app):
    try:
        await hedged(app, 1.0, ask(app), ask(app))
    except (TimeoutError, ConnectionError):
        await app.effect("gave up", 17)


@pytest.mark.statement("P45")
@pytest.mark.parametrize("main", [with_budget, with_breaker, with_hedge])
def test_whatever_asks_again_needs_a_callee_that_knows_what_it_has_done(main):
    careless = explored(main, careless_bank)
    assert careless.counterexample is not None, careless
    keyed = explored(main, keyed_bank, instances=2 if main is with_hedge else 1)
    assert keyed.holds and keyed.tried == keyed.total > 5, keyed


# -- replicas


def replica(app_name="replica"):
    """Keeps the newest version in its database."""
    async def main(app):
        async def handler(request):
            if "write" in request:
                await app.database.execute("UPDATE kept SET version = max(version, ?)", (request["write"],))
            return (await app.database.execute("SELECT version FROM kept"))[0][0]

        await app.serve(handler)

    return main


def writer_and_reader(w, r):
    """Writes version 1 to three replicas, waits for `w` of them; then reads and believes the newest of `r`."""
    async def main(app):
        def to_all(request):
            return [lambda name=f"replica{n}": app.call(name, request, timeout=2) for n in range(3)]

        try:
            await quorum(w, *to_all({"write": 1}))
            await app.effect("written", 1)
            await app.effect("read", max(await quorum(r, *to_all({"read": True}))))
        except (TimeoutError, ConnectionError):
            await app.effect("no quorum", (w, r))

    return main


def reads_what_was_written(trace, calm=None):
    """Once a write was confirmed, a read sees it."""
    stale = bool(told(trace, "written")) and 0 in told(trace, "read")
    return Verdict("reads what was written", not stale, "a confirmed write was read as if it had not been")


@pytest.mark.statement("T33")
@pytest.mark.parametrize("w, r, fresh", [(2, 2, True), (3, 1, True), (1, 3, True), (1, 1, False)])
def test_overlapping_quorums_always_see_the_write(w, r, fresh):
    table = "CREATE TABLE kept (version); INSERT INTO kept VALUES (0);"
    scenario = shop(writer_and_reader(w, r), *(Service(f"replica{n}", replica(), database=table) for n in range(3)))
    result = explore(scenario, reads_what_was_written, n_jobs=1, progress=False)
    assert result.holds == fresh and result.tried > 10, result
