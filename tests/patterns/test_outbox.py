"""The outbox: each form that everybody writes breaks where the text says it does, the other never."""

import asyncio
import json
from collections import Counter

import pytest

from simlib import Crash, Scenario, Service, Topic, explore, replace, run
from simlib.data import orders
from simlib.patterns import broken_outbox as broken
from simlib.patterns.idempotency import INBOX, first_time
from simlib.patterns.outbox import OUTBOX, announce, forget, relay
from simlib.scenario import LoseRequest
from simlib.scenario.schedules import parse_schedule

pytestmark = pytest.mark.slow


def shop(place, *tasks, count=2, instances=1, rate=1.0, others=()):
    """Customers of the first instance click once; all instances do `tasks`."""
    rows = orders(count, rate=rate)

    async def click(app, producer, row):
        await app.sleep(row["at"] - app.now)
        await place(app, producer, row["value"])

    async def main(app):
        producer = app.producer()
        clicks = [click(app, producer, row) for row in rows if row["at"] >= app.now and app.name == "shop-0"]
        await asyncio.gather(*clicks, *(task(app) for task in tasks))

    service = Service("shop", main, instances=instances, database=broken.ORDERS + OUTBOX)
    return Scenario((Topic("orders"),), services=(service, *others), duration=120)


async def together(app, producer, order):
    """The placing that holds."""
    async with app.database.transaction():
        await app.database.execute(broken.SAVE, (order["order_id"],))
        await announce(app.database, "orders", order["order_id"], order)


async def placed_and_paid(app, producer, order):
    """One order, two announcements."""
    async with app.database.transaction():
        await app.database.execute(broken.SAVE, (order["order_id"],))
        for event in ("placed", "paid"):
            await announce(app.database, "orders", order["order_id"], {**order, "event": event})


async def note_after_the_commit(app, producer, order):
    await broken.announce_after_the_commit(app, order)


async def lone_relay(app):
    """The pattern's relay, started late: the customers' statements have the low numbers."""
    await app.sleep(4)
    await relay(app)


def saved(trace):
    return {row["order_id"] for row in trace.databases["shop"].execute("SELECT order_id FROM orders")}


def outbox(trace, columns="*"):
    return [tuple(row) for row in trace.databases["shop"].execute(f"SELECT {columns} FROM outbox ORDER BY id")]


def log(trace):
    """The values of the topic, in its order."""
    records = trace.records[trace.records.copies > 0].sort_values("offset")
    assert (records.copies == 1).all()      # the producer is idempotent: what is doubled here was sent twice
    return list(records.value)


def times(trace):
    return Counter(value["order_id"] for value in log(trace))


def same(trace):
    """What is saved is announced, and nothing else; repeats are allowed."""
    return saved(trace) == set(times(trace))


def each_once(trace):
    return times(trace) == Counter(saved(trace))


def in_order(trace):
    """Of each saved order both events are announced, and the first of them is first announced first."""
    heard = [(value["order_id"], value["event"]) for value in log(trace)]
    return all((name, "paid") in heard and (name, "placed") in heard[:heard.index((name, "paid"))]
               for name in saved(trace))


def explored(scenario, law=same, **more):
    return explore(scenario, law, progress=False, **more)


def broken_by(result):
    """The fault and the step of each schedule that breaks the law."""
    hits = [parse_schedule(text) for text in result.table.schedule[result.table.verdict == "broken"]]
    return {(hit.fault, hit.step.kind, hit.step.nth) for (hit,) in hits}


def anomaly(result):
    trace = result.counterexample.trace
    return "unheard of" if saved(trace) - set(times(trace)) else "invented" if set(times(trace)) - saved(trace) else ""


# -- two writes


@pytest.mark.statement("P01")
@pytest.mark.parametrize(("place", "tasks", "between", "found"), [
    (broken.save_then_publish, [], {("execute", 1), ("execute", 2)}, "unheard of"),
    (broken.publish_then_save, [], {("send", 1), ("send", 2)}, "invented"),
    (broken.publish_in_the_transaction, [], {("send", 1), ("send", 2)}, "invented"),
    (note_after_the_commit, [lone_relay], {("execute", 2), ("execute", 5)}, "unheard of"),
])
def test_a_death_between_two_writes_leaves_one_of_them(place, tasks, between, found):
    result = explored(shop(place, *tasks), only="crash")
    after = {hit for hit in broken_by(result) if hit[0] == "crash-after"}
    assert after == {("crash-after", *step) for step in between}
    assert anomaly(result) == found and len(result.counterexample.faults) == 1


@pytest.mark.statement("P01")
def test_a_transaction_that_waits_for_kafka_locks_everybody_else_out():
    result = explored(shop(broken.publish_in_the_transaction), only="lost reply")
    assert broken_by(result) == {("lose-reply", "send", 1)}
    errors = result.counterexample.trace.events
    (said,) = errors.detail[errors.kind == "exception"]
    assert said.startswith("OperationalError: database is locked")


@pytest.mark.statement("P01")
@pytest.mark.parametrize("place", [broken.save_then_publish, broken.publish_then_save])
def test_without_an_accident_nobody_notices(place):
    assert same(run(shop(place))) and each_once(run(shop(place)))


# -- the outbox


@pytest.mark.statement("P02")
def test_with_an_outbox_no_two_accidents_lose_or_invent_an_announcement():
    result = explored(shop(together, relay), faults=2)
    assert result.holds and result.tried == result.total > 200


@pytest.mark.statement("P02", "P08")
def test_two_relays_survive_every_accident():
    assert explored(shop(together, relay, instances=2)).holds


@pytest.mark.slow
@pytest.mark.statement("P02", "P08")
def test_two_relays_survive_any_two_deaths():
    assert explored(shop(placed_and_paid, relay, instances=2, count=1), in_order, faults=2, only="crash").holds


@pytest.mark.soak
@pytest.mark.statement("P02", "P08")
def test_two_relays_survive_any_two_accidents():
    result = explored(shop(placed_and_paid, relay, instances=2, count=1), in_order, faults=2)
    assert result.holds and result.tried == result.total > 5_000


@pytest.mark.statement("P03", "C03", "peer-T5")
def test_an_outbox_is_at_least_once_a_death_between_sending_and_marking_repeats():
    result = explored(shop(together, relay), each_once, only="crash")
    assert broken_by(result) == {("crash-after", "send", 1), ("crash-after", "send", 2)}
    assert max(times(result.counterexample.trace).values()) == 2


@pytest.mark.statement("P03", "peer-T5")
def test_marking_first_loses_instead():
    result = explored(shop(together, broken.marks_first, count=1))
    assert anomaly(result) == "unheard of"
    assert {fault for fault, *_ in broken_by(result)} == {"crash-after"}
    assert outbox(result.counterexample.trace, "published_at IS NULL") == [(0,)]      # the table says that it was


@pytest.mark.statement("C03")
def test_marking_without_an_answer_loses_what_was_under_way():
    lost = replace(shop(together, broken.does_not_wait), "faults", [LoseRequest("shop-0", "produce", nth=1)])
    assert explored(lost, only="crash").holds                       # the request is sent again, as long as nobody dies
    result = explored(lost, only="crash", keep_faults=True)
    assert anomaly(result) == "unheard of"
    assert set(outbox(result.counterexample.trace, "published_at IS NULL")) == {(0,)}


BILLS = "CREATE TABLE bills (order_id TEXT);" + INBOX


async def billing(app):
    """Writes a bill for each order it has not seen."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for record in consumer:
        async with app.database.transaction():
            if await first_time(app.database, "billing", record.value["order_id"]):
                await app.database.execute("INSERT INTO bills VALUES (?)", (record.value["order_id"],))
        await consumer.commit()


def one_bill_each(trace):
    bills = [row["order_id"] for row in trace.databases["billing"].execute("SELECT order_id FROM bills")]
    return Counter(bills) == Counter(saved(trace))


@pytest.mark.statement("P02", "P03")
def test_with_an_inbox_at_the_other_end_there_is_one_bill_for_each_order():
    inbox = Service("billing", billing, database=BILLS)
    assert explored(shop(together, relay, others=[inbox]), one_bill_each).holds


@pytest.mark.slow
@pytest.mark.statement("P02", "P03")
def test_outbox_and_inbox_survive_any_two_accidents():
    inbox = Service("billing", billing, database=BILLS)
    result = explored(shop(together, relay, count=1, others=[inbox]), one_bill_each, faults=2)
    assert result.holds and result.tried == result.total > 600


# -- how much repeats


def repeats(task, nth, waiting=8):
    """Announcements beyond the first, where the relay dies right after so many sends of notes that all wait."""
    async def late(app):
        await app.sleep(1)
        await task(app)

    death = Crash("shop-0", after="send", nth=nth, restart_after=1)
    trace = run(replace(shop(together, late, count=waiting, rate=20), "faults", [death]))
    assert same(trace) and len(saved(trace)) == waiting
    return sum(times(trace).values()) - waiting


@pytest.mark.statement("P04")
def test_marking_a_batch_repeats_what_was_sent_since_half_of_it_on_average():
    repeated = [repeats(broken.marks_a_batch, nth) for nth in range(1, 9)]
    assert repeated == [1, 2, 3, 4, 5, 6, 7, 8]     # and none where it dies before the first: 4 on average of 0 to 8


@pytest.mark.statement("P04")
@pytest.mark.parametrize("task", [broken.only_selects, relay])
def test_marking_each_row_repeats_one_at_most(task):
    assert [repeats(task, nth) for nth in (1, 4, 8)] == [1, 1, 1]


# -- two relays


@pytest.mark.statement("P05", "C03")
def test_two_relays_that_only_select_send_everything_twice_and_nobody_dies():
    assert set(times(run(shop(together, broken.only_selects, count=5, instances=2))).values()) == {2}


@pytest.mark.statement("P05")
def test_a_claim_gives_each_note_to_one_relay():
    trace = run(shop(together, relay, count=5, instances=2))
    assert set(times(trace).values()) == {1}
    assert {name for (name,) in outbox(trace, "leased_by")} == {"shop-0", "shop-1"}


@pytest.mark.statement("P08")
def test_the_events_of_an_order_keep_their_order_with_two_relays():
    assert explored(shop(placed_and_paid, relay, instances=2, count=1), in_order).holds


async def claims_anything(app):
    """A claim with a lease, and no eye for the aggregate."""
    producer = app.producer()
    while True:
        taken = await app.database.execute(
            "UPDATE outbox SET leased_until = ? WHERE id = (SELECT id FROM outbox WHERE published_at IS NULL"
            " AND leased_until <= ? ORDER BY id LIMIT 1) RETURNING id, event, aggregate", (app.now + 3, app.now))
        for note in taken:
            await producer.send_and_wait("orders", json.loads(note["event"]), key=note["aggregate"])
            await app.database.execute(broken.MARK, (app.now, note["id"]))
        if not taken:
            await app.sleep(1)


@pytest.mark.statement("P08")
def test_a_claim_that_looks_at_the_note_alone_lets_a_later_event_overtake():
    result = explored(shop(placed_and_paid, claims_anything, count=1, instances=2), in_order)
    assert not result and result.counterexample
    assert [value["event"] for value in log(result.counterexample.trace)][0] == "paid"


# -- what cannot be sent


def poisoned(task):
    """The first note of order a can never be sent; a has another one, and so has b."""
    async def fill(app, producer, order):
        async with app.database.transaction():
            await announce(app.database, "no such topic", "a", {"order_id": "a1"})
            await announce(app.database, "orders", "a", {"order_id": "a2"})
            await announce(app.database, "orders", "b", {"order_id": "b1"})

    return run(shop(fill, task, count=1))


@pytest.mark.statement("P08", "C03")
def test_what_cannot_be_sent_stops_its_aggregate_and_no_other():
    async def hasty(app):
        await relay(app, every=0.5, failures=3)

    trace = poisoned(hasty)
    assert [value["order_id"] for value in log(trace)] == ["b1"]
    (poison, waiting, sent) = outbox(trace, "published_at, failures, error")
    assert poison[:2] == (None, 3) and "no such topic" in poison[2]     # after three failures it is left to people
    assert waiting == (None, 0, None) and sent[0] is not None


@pytest.mark.statement("P02")
@pytest.mark.parametrize("seconds", [10, 50, 400])
def test_while_kafka_is_away_customers_are_served_and_notes_wait(seconds):
    away = replace(shop(together, relay, count=6), "faults", [Crash("broker-0", at=1, restart_after=seconds)])
    trace = run(replace(away, "duration", 600))
    assert len(saved(trace)) == 6 and same(trace)
    (last,) = trace.databases["shop"].execute("SELECT max(published_at) AS time, max(failures) AS failures FROM outbox")
    assert seconds < last["time"] < seconds + 60 and last["failures"] == 0


@pytest.mark.statement("C03")
def test_without_a_limit_one_note_stops_them_all():
    trace = poisoned(broken.only_selects)
    assert log(trace) == []
    assert (trace.events.kind == "exception").any()


# -- numbers drawn outside of the transaction


def numbered(task):
    """As with a sequence of PostgreSQL: the first draws its number, is slow, and commits after the others."""
    async def note(app, order_id, pause):
        number = await app.redis.incr("outbox_id")
        await app.sleep(pause)
        await app.database.execute("INSERT INTO outbox (id, topic, aggregate, event) VALUES (?, 'orders', ?, ?)",
                                   (number, order_id, json.dumps({"order_id": order_id})))

    async def main(app):
        await asyncio.gather(note(app, "A", 3), note(app, "B", 0.1), note(app, "C", 0.2), task(app))

    service = Service("shop", main, database=broken.ORDERS + OUTBOX)
    return run(Scenario((Topic("orders"),), services=(service,)))


@pytest.mark.statement("P07", "C03")
def test_who_remembers_the_last_id_never_announces_the_slow_one():
    trace = numbered(broken.remembers_the_last_id)
    assert [aggregate for (aggregate,) in outbox(trace, "aggregate")] == ["A", "B", "C"]
    assert [value["order_id"] for value in log(trace)] == ["B", "C"]


@pytest.mark.statement("P06", "P07")
def test_who_asks_what_is_not_published_announces_it_late():
    assert [value["order_id"] for value in log(numbered(broken.only_selects))] == ["B", "C", "A"]


@pytest.mark.statement("P07")
def test_a_memory_dies_with_its_process():
    death = Crash("shop-0", at=6, restart_after=1)
    trace = run(replace(shop(together, broken.remembers_the_last_id, count=3), "faults", [death]))
    assert set(times(trace).values()) == {2}


# -- housekeeping


def test_what_was_published_long_ago_is_forgotten_and_nothing_else():
    async def tidy(app):
        await app.sleep(10)
        await announce(app.database, "orders", "late", {"order_id": "late"})
        await forget(app.database, before=10)

    trace = run(shop(together, relay, tidy, count=3))
    assert [aggregate for (aggregate,) in outbox(trace, "aggregate")] == ["late"]
    assert len(log(trace)) == 4


def test_each_announcement_carries_its_own_id():
    async def reader(app):
        consumer = app.consumer("orders", group_id="reader", auto_offset_reset="earliest")
        async for record in consumer:
            await app.effect("seen", dict(record.headers)["event_id"])

    trace = run(shop(placed_and_paid, relay, count=2, others=[Service("reader", reader)]))
    assert sorted(trace.effects.key) == ["1", "2", "3", "4"]
