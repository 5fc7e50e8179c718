"""Four ways to show somebody what he has just done: what the screen says under every death, loss and delay."""

import asyncio

import pytest

from simlib import Crash, RemoteError, Scenario, Service, Topic, explore, laws, replace, run
from simlib.data import orders
from simlib.patterns.projection import POSITIONS, project
from simlib.patterns.reading_your_writes import covers, newest, seen_within, token, version, with_pending
from simlib.patterns.retry import again

pytestmark = pytest.mark.slow

ORDER = {"order_id": "o-17", "customer": "ann"}
VIEW = "CREATE TABLE my_orders (order_id TEXT PRIMARY KEY, customer TEXT);" + POSITIONS
SLOW = 1.0
"""Seconds that the view needs for an order."""


def till(sold_out=False):
    async def main(app):
        producer = app.producer(request_timeout_ms=1_000)

        async def save(order):
            if sold_out:
                raise LookupError("sold out")
            return token(await producer.send_and_wait("orders", order, key=order["customer"]))

        await app.serve(save)

    return main


async def window(app):
    async def add(db, record):
        await app.sleep(SLOW)
        await db.execute("INSERT INTO my_orders VALUES (?, ?) ON CONFLICT DO NOTHING",
                         (record.value["order_id"], record.value["customer"]))

    async def my_orders(request):
        await seen_within(app, "my_orders", request["after"], request["within"])
        has = await version(app.database, "my_orders")
        rows = await app.database.execute("SELECT order_id FROM my_orders WHERE customer = 'ann'")
        return {"orders": [row["order_id"] for row in rows], "version": has}

    await asyncio.gather(project(app, "orders", "my_orders", add), app.serve(my_orders))


async def press(app):
    return await again(app, lambda: app.call("till", ORDER, timeout=2), attempts=6, base=0.5)


async def ask(app, after=(), within=0.0):
    request = {"after": dict(after), "within": within}
    return await again(app, lambda: app.call("window", request, timeout=within + 1), attempts=6, base=0.5)


async def listed(app, lines):
    await app.show("My orders:", *(lines or ["none"]))


# -- the strategies


async def hopeful(app):
    await app.show("Saving o-17 ...")
    await press(app)
    await app.show("Saved: o-17")
    for _ in range(3):
        await app.sleep(0.5)
        await listed(app, (await ask(app))["orders"])


async def by_token(app):
    await app.show("Saving o-17 ...")
    wanted = await press(app)
    await app.show("Saved: o-17")
    while not covers((answer := await ask(app))["version"], wanted):
        await app.sleep(0.2)
    await listed(app, answer["orders"])


async def by_deadline(app):
    await app.show("Saving o-17 ...")
    wanted = await press(app)
    answer = await ask(app, after=wanted, within=2)
    if covers(answer["version"], wanted):
        await listed(app, answer["orders"])
    else:
        await app.show("Saved: o-17. Your list will show it soon.")


async def pending(app):
    await app.show("Saving o-17 ...")
    await press(app)
    for _ in range(4):
        await listed(app, with_pending((await ask(app))["orders"], ["o-17"]))
        await app.sleep(0.5)


async def optimistic(app):
    await listed(app, ["o-17 (pending)"])
    try:
        await press(app)
        await listed(app, ["o-17"])
    except RemoteError:
        await app.show("o-17 was not saved: sold out.")


def shop(customer, inputs=(), **more):
    async def main(app):
        await app.sleep(5)
        await customer(app)

    services = [Service("till", till()), Service("window", window, database=VIEW), Service("customer", main)]
    return Scenario([Topic("orders")], inputs={"orders": inputs} if inputs else {}, services=services, **more)


STAYS = laws.stays_on_screen("o-17")


def true_at_last(trace):
    """Whether the last screen lists the order exactly if the log has it."""
    last = trace.screens.text.iloc[-1]
    return ("o-17" in last and "not saved" not in last) == bool(len(trace.records))


TRUE = laws.eventually("the last screen is true", true_at_last)


@pytest.mark.statement("P43")
def test_who_only_hopes_is_shown_an_empty_list_and_nobody_need_die():
    result = explore(shop(hopeful), STAYS, progress=False)
    assert result.counterexample.schedule == "calm"
    assert "My orders: / none" in result.counterexample.verdict.message


@pytest.mark.statement("P43")
@pytest.mark.parametrize("strategy", [by_token, by_deadline, pending, optimistic])
def test_each_strategy_keeps_what_it_has_shown_under_every_death_loss_and_delay(strategy):
    result = explore(shop(strategy), [STAYS, TRUE, laws.nobody_waits_longer_than(5)], progress=False)
    assert result.holds, result.counterexample
    assert result.tried >= 20


@pytest.mark.statement("P43")
def test_a_token_alone_waits_as_long_as_the_view_is_down_and_a_deadline_does_not():
    down = [Crash("window-0", at=4.9, restart_after=1)]         # and its group waits for the dead member's session
    waits = {strategy: run(replace(shop(strategy), "faults", down)).screens.time.iloc[-1]
             for strategy in (by_token, by_deadline)}
    assert waits[by_token] > 45 and waits[by_deadline] < 10


@pytest.mark.statement("P44")
def test_what_was_shown_too_early_is_taken_back_with_a_word():
    refusing = replace(shop(optimistic), "services.till.main", till(sold_out=True))
    result = explore(refusing, [STAYS, TRUE], progress=False)
    assert result.holds and result.calm.screens.text.tolist() == [
        "My orders:\no-17 (pending)", "o-17 was not saved: sold out."]


@pytest.mark.statement("P44")
def test_an_optimistic_screen_that_is_never_taken_back_lies():
    async def stubborn(app):
        await listed(app, ["o-17"])
        try:
            await press(app)
        except RemoteError:
            pass

    refusing = replace(shop(stubborn), "services.till.main", till(sold_out=True))
    assert explore(refusing, TRUE, progress=False).counterexample.schedule == "calm"
    assert explore(shop(stubborn), TRUE, progress=False).holds


@pytest.mark.statement("P44")
def test_who_takes_it_back_when_nobody_answered_may_take_back_what_was_saved():
    async def hasty(app):
        await listed(app, ["o-17 (pending)"])
        try:
            await app.call("till", ORDER, timeout=2)
            await listed(app, ["o-17"])
        except (RemoteError, OSError):
            await app.show("o-17 was not saved. Sorry!")

    result = explore(shop(hasty), TRUE, progress=False)
    assert result.counterexample and "till" in result.counterexample.telling


def test_the_list_is_as_new_as_the_token_with_a_crowd_before():
    trace = run(shop(by_token, orders(20)))
    assert trace.screens.text.iloc[-1] == "My orders:\no-17" and trace.screens.time.iloc[-1] > 20 * SLOW


@pytest.mark.parametrize(("has", "wanted", "enough"), [({"orders-0": 3}, {"orders-0": 3}, True),
                         ({"orders-0": 2}, {"orders-0": 3}, False), ({}, {"orders-1": 1}, False), ({}, {}, True),
                         ({"orders-0": 9, "orders-1": 1}, {"orders-1": 2}, False)])
def test_a_version_covers_another(has, wanted, enough):
    assert covers(has, wanted) == enough


def test_the_newest_of_two_versions_covers_both():
    one, other = {"orders-0": 3, "orders-1": 1}, {"orders-1": 4, "orders-2": 2}
    assert newest(one, other) == {"orders-0": 3, "orders-1": 4, "orders-2": 2}


def test_what_is_pending_stands_behind_what_is_known_and_only_once():
    assert with_pending(["a", "b"], ["b", "c"]) == ["a", "b", "c (pending)"]
