"""The event bus: who hears what, who waits for whom, and what a broker has that it has not."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from simlib import Crash, Scenario, Service, Topic, explore, laws, run
from simlib.data import orders
from simlib.patterns import bus as module
from simlib.patterns.broken_bus import PlainBus
from simlib.patterns.bus import Bus

BOTH = pytest.mark.parametrize("make", [Bus, PlainBus])


def alone(coroutine):
    """`asyncio.run` in a thread of its own: after a browser test the main thread has a running loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def noting(heard, name, raises=False):
    """A listener that leaves a note, and may raise after it."""
    async def listener(*facts):
        heard.append((name, *facts))
        if raises:
            raise ValueError(name)

    return listener


# -- who hears what


@BOTH
@pytest.mark.statement("P34")
def test_all_who_listen_hear_it_in_the_order_in_which_they_came(make):
    heard, bus = [], make()
    for name in "cab":
        bus.on("order placed", noting(heard, name))
    bus.on("order shipped", noting(heard, "nobody asked"))
    alone(bus.publish("order placed", 17, "Ada"))
    assert heard == [("c", 17, "Ada"), ("a", 17, "Ada"), ("b", 17, "Ada")]


@BOTH
@pytest.mark.statement("P34")
def test_where_nobody_listens_nothing_happens(make):
    alone(make().publish("order placed", 17))


def test_a_listener_that_comes_while_the_event_is_told_hears_the_next_one():
    heard, bus = [], Bus()

    async def inviting(number):
        bus.on("order placed", noting(heard, "guest"))

    bus.on("order placed", inviting)
    alone(bus.publish("order placed", 1))
    assert heard == []
    alone(bus.publish("order placed", 2))
    assert heard == [("guest", 2)]


def test_what_is_no_async_function_is_refused_when_it_subscribes():
    with pytest.raises(TypeError, match=r"on\('order placed', .*a handler is an `async def`"):
        Bus().on("order placed", print)


def test_the_bus_has_at_most_sixty_lines():
    assert len(Path(module.__file__).read_text(encoding="utf-8").splitlines()) <= 60


# -- one that raises


@pytest.mark.statement("P35")
def test_one_that_raises_robs_nobody_and_the_publisher_hears_of_all():
    heard, bus = [], Bus()
    for name, raises in (("a", False), ("b", True), ("c", False), ("d", True)):
        bus.on("order placed", noting(heard, name, raises))
    with pytest.raises(ExceptionGroup, match="2 of those who listen to 'order placed'") as found:
        alone(bus.publish("order placed"))
    assert [name for (name,) in heard] == ["a", "b", "c", "d"]
    assert [str(error) for error in found.value.exceptions] == ["b", "d"]


@pytest.mark.statement("P35")
def test_on_a_plain_bus_it_robs_those_behind_it():
    heard, bus = [], PlainBus()
    for name in "abc":
        bus.on("order placed", noting(heard, name, raises=name == "b"))
    with pytest.raises(ValueError, match="b"):
        alone(bus.publish("order placed"))
    assert [name for (name,) in heard] == ["a", "b"]


def test_what_is_for_later_is_done_in_turn_and_an_error_is_told_to_the_loop():
    heard, told, bus = [], [], Bus()
    for name, raises in (("a", True), ("b", False)):
        bus.on("order placed", noting(heard, name, raises), later=True)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        await bus.publish("order placed", 1)
        await bus.publish("order placed", 2)
        assert heard == []
        worker = asyncio.create_task(bus.work())
        await asyncio.sleep(0.01)
        worker.cancel()

    alone(main())
    assert heard == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [str(context["exception"]) for context in told] == ["a", "a"]


# -- in a shop: who waits, what is taken back, what is lost


TABLES = "CREATE TABLE orders (order_id TEXT PRIMARY KEY); CREATE TABLE bills (order_id TEXT);"
SAVE, BILL = "INSERT INTO orders VALUES (?)", "INSERT INTO bills VALUES (?)"


async def bill(app, order):
    await app.database.execute(BILL, [order["order_id"]])


async def mail(app, order):
    await app.sleep(2)
    await app.effect("mail", order["order_id"])


async def refuse(app, order):
    raise ValueError("sold out")


def telling(bus):
    async def place(app, order):
        await app.database.execute(SAVE, [order["order_id"]])
        await bus.publish("order placed", app, order)

    return place


def telling_in_a_transaction(bus):
    async def place(app, order):
        async with app.database.transaction():
            await app.database.execute(SAVE, [order["order_id"]])
            await bus.publish("order placed", app, order)

    return place


async def customers(app):
    async def click(row):
        await app.sleep(row["at"] - app.now)
        try:
            await app.call("shop", row["value"])
            await app.effect("thanked", row["value"]["order_id"])
        except Exception as error:
            await app.effect(type(error).__name__, row["value"]["order_id"])

    await asyncio.gather(*(click(row) for row in orders(3, rate=1) if row["at"] >= app.now))


def shop(place, bus, instances=1, **more):
    async def main(app):
        await asyncio.gather(app.serve(partial(place, app)), bus.work())

    services = [Service("shop", main, instances, database=TABLES), Service("customers", customers)]
    return Scenario([Topic("orders")], services=services, **more)


def bus_of(*now, later=()):
    bus = Bus()
    for handler in now:
        bus.on("order placed", handler)
    for handler in later:
        bus.on("order placed", handler, later=True)
    return bus


def waits(trace):
    """Seconds from click to thank-you, by order."""
    clicked = {row["value"]["order_id"]: row["at"] for row in orders(3, rate=1)}
    thanked = trace.effects[trace.effects.name == "thanked"]
    return [time - clicked[key] for time, key in zip(thanked.time, thanked.key, strict=True)]


def done(trace, name):
    return set(trace.effects.key[trace.effects.name == name])


def rows(trace, table):
    return Counter(row[0] for row in trace.databases["shop"].execute(f"SELECT order_id FROM {table}"))


@pytest.mark.statement("P34")
def test_the_customer_waits_for_the_sum_of_those_who_listen_now():
    once, twice = bus_of(mail), bus_of(mail, mail)
    assert all(2 < wait < 2.02 for wait in waits(run(shop(telling(once), once))))
    assert all(4 < wait < 4.02 for wait in waits(run(shop(telling(twice), twice))))


@pytest.mark.statement("P34")
def test_what_listeners_write_belongs_to_the_publishers_transaction():
    bus = bus_of(bill, refuse)
    trace = run(shop(telling_in_a_transaction(bus), bus))
    assert len(done(trace, "RemoteError")) == 3 and not rows(trace, "orders") and not rows(trace, "bills")
    trace = run(shop(telling(bus), bus))
    assert len(rows(trace, "orders")) == len(rows(trace, "bills")) == 3


@pytest.mark.statement("P35")
def test_a_mail_is_not_taken_back():
    bus = bus_of(mail, refuse)
    trace = run(shop(telling_in_a_transaction(bus), bus))
    assert len(done(trace, "mail")) == 3 and not rows(trace, "orders")


@pytest.mark.statement("P36")
def test_nobody_waits_for_what_is_done_later():
    bus = bus_of(later=[mail])
    trace = run(shop(telling(bus), bus))
    assert all(wait < 0.02 for wait in waits(trace)) and done(trace, "mail") == done(trace, "thanked")


thanked_and_mailed = laws.eventually("who was thanked gets a mail",
                                     lambda trace: done(trace, "thanked") <= done(trace, "mail"))


@pytest.mark.statement("P36")
def test_what_was_put_aside_dies_with_the_process():
    bus = bus_of(later=[mail])
    found = explore(shop(telling(bus), bus), thanked_and_mailed, only="crash", progress=False)
    assert found.broken and "crash-before:shop-0.0/mail#1" in set(found.table.schedule[found.table.verdict == "broken"])
    now = bus_of(mail)
    assert explore(shop(telling(now), now), thanked_and_mailed, only="crash", progress=False).holds


@pytest.mark.statement("P36")
def test_put_aside_within_a_transaction_it_may_tell_of_what_is_taken_back():
    bus = bus_of(refuse, later=[mail])
    trace = run(shop(telling_in_a_transaction(bus), bus))
    assert len(done(trace, "mail")) == 3 and not rows(trace, "orders")


# -- what a broker has


@pytest.mark.statement("P37")
def test_each_instance_has_a_bus_of_its_own():
    """Each instance mails its own orders, and hears nothing of the other's."""
    async def whose(app, order):
        await app.effect("heard", (app.name, order["order_id"]))

    bus = bus_of(whose)
    trace = run(shop(telling(bus), bus, instances=2))
    heard = trace.effects[trace.effects.name == "heard"]
    assert set(heard.process) == {"shop-0", "shop-1"} and len(heard) == 3


def board(start):
    """A shop that pins each order to a topic, and a listener that comes at second `start`."""
    async def shop_main(app):
        producer = app.producer()
        for row in orders(3, rate=1):
            await app.sleep(row["at"] - app.now)
            await producer.send_and_wait("orders", row["value"], key=row["value"]["order_id"])

    async def statistics(app):
        consumer = app.consumer("orders", group_id=app.name, enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await app.effect("heard", (app.name, order.value["order_id"]))
            await consumer.commit()

    return Scenario([Topic("orders")], services=[Service("shop", shop_main), Service(
        "statistics", statistics, instances=2, start=start)])


@pytest.mark.statement("P37", "P38")
def test_every_group_of_a_topic_gets_all_of_it_however_late_it_comes():
    heard = run(board(start=60)).effects
    assert Counter(heard.process) == {"statistics-0": 3, "statistics-1": 3} and heard.time.min() > 60


@pytest.mark.statement("P38")
def test_who_subscribes_to_a_bus_hears_nothing_of_before():
    heard, bus = [], Bus()
    alone(bus.publish("order placed", 1))
    bus.on("order placed", noting(heard, "late"))
    alone(bus.publish("order placed", 2))
    assert heard == [("late", 2)]


@pytest.mark.statement("P36")
def test_a_consumer_that_dies_does_its_mail_after_all():
    trace = run(Scenario([Topic("orders")], inputs={"orders": orders(3, rate=1)}, services=[Service("mail", mailer)],
                         faults=[Crash("mail-0", before="mail", nth=2, restart_after=1)]))
    assert done(trace, "mail") == {row["value"]["order_id"] for row in orders(3)}


async def mailer(app):
    consumer = app.consumer("orders", group_id="mail", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await mail(app, order.value)
        await consumer.commit()
