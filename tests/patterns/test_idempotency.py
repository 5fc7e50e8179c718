"""Idempotent consumers: each form that everybody copies breaks where the text says it does, the others never."""

import pytest

from simlib import Crash, LoseReply, Scenario, Service, Topic, explore, laws, replace, run
from simlib.data import orders
from simlib.patterns import broken_idempotency as broken
from simlib.patterns.idempotency import ANSWERS, INBOX, NEWEST, answer_once, first_time, keep_newest
from simlib.scenario.schedules import parse_schedule

pytestmark = pytest.mark.slow

ORDERS = tuple({"key": row["key"], "value": row["value"]} for row in orders(3))
AMOUNTS = {row["key"]: row["value"]["amount"] for row in ORDERS}
ACCOUNTS = ("CREATE TABLE accounts (customer TEXT PRIMARY KEY, owes REAL NOT NULL DEFAULT 0);"
            + "".join(f"INSERT INTO accounts (customer) VALUES ('{name}');" for name in AMOUNTS))
CHARGE = "UPDATE accounts SET owes = owes + ? WHERE customer = ?"


def consuming(group, handle):
    """Receive, handle, commit."""

    async def main(app):
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
        async for record in consumer:
            await handle(app, record)
            await consumer.commit()

    return main


def billing(form, instances=1, inputs=ORDERS):
    """A shop whose billing adds each order to an account, through one of the forms."""

    async def handle(app, record):
        async def work():
            await app.database.execute(CHARGE, (record.value["amount"], record.value["customer"]))

        await form(app, record.value["order_id"], work)

    service = Service("billing", consuming("billing", handle), instances, database=ACCOUNTS + INBOX + broken.DONE)
    return Scenario((Topic("orders"),), inputs={"orders": inputs}, services=(service,))


def accounts(trace):
    return dict(trace.databases["billing"].execute("SELECT customer, owes FROM accounts"))


def each_once(trace, calm):
    return accounts(trace) == AMOUNTS


async def inbox(app, event_id, work):
    async with app.database.transaction():
        if await first_time(app.database, "billing", event_id):
            await work()


async def look_inside(app, event_id, work):
    async with app.database.transaction():
        await broken.check_handle_mark(app, event_id, work)


def explored(scenario, law=each_once, **more):
    return explore(scenario, law, progress=False, **more)


def broken_by(result):
    """Fault and step of each schedule that breaks the law, by what it does to the accounts."""
    found = {"twice": set(), "never": set()}
    for text in result.table.schedule[result.table.verdict == "broken"]:
        (hit,) = parse_schedule(text)
        ends = accounts(run(result.calm.scenario, schedule=text))
        for name, owes in ends.items():
            if owes != AMOUNTS[name]:
                found["twice" if owes > AMOUNTS[name] else "never"].add((hit.fault, hit.step.kind, hit.step.nth))
    return found


# -- the inbox


@pytest.mark.statement("P09", "P10")
def test_an_inbox_in_the_works_transaction_survives_any_two_accidents():
    result = explored(billing(inbox), faults=2)
    assert result.holds and result.tried == result.total > 200


@pytest.mark.statement("P09", "C01")
def test_an_inbox_survives_a_zombie_whatever_happens_besides():
    result = explored(billing(inbox, instances=2), faults=2)
    assert result.holds and result.tried == result.total > 900
    assert any("stall" in text for text in result.table.schedule)


def two_workers(*faults):
    """Both get the same event at once, and the work takes two seconds."""

    async def worker(app):
        async with app.database.transaction():
            new = await first_time(app.database, "workers", "e-1")
            if new:
                await app.sleep(2)
                await app.database.execute("UPDATE account SET balance = balance - 10")
        await app.effect("applied" if new else "duplicate", app.name)

    tables = INBOX + "CREATE TABLE account (balance INTEGER); INSERT INTO account VALUES (100);"
    return run(Scenario((Topic("orders"),), services=(Service("workers", worker, 2, database=tables),), faults=faults))


@pytest.mark.statement("P09")
@pytest.mark.parametrize(("faults", "told"), [
    ((), {("workers-0", "applied"), ("workers-1", "duplicate")}),
    ((Crash("workers-0", at=1),), {("workers-1", "applied")}),
], ids=["the first commits", "the first dies"])
def test_a_second_worker_waits_for_the_first_and_works_if_it_dies(faults, told):
    trace = two_workers(*faults)
    assert set(zip(trace.effects.key, trace.effects.name, strict=True)) == told
    assert trace.effects.time.max() > 2
    assert trace.databases["workers"].execute("SELECT balance FROM account") == [(90,)]


@pytest.mark.statement("P09")
def test_a_look_inside_the_transaction_holds_as_well():
    assert explored(billing(look_inside, instances=2)).holds


# -- the forms that everybody copies




@pytest.mark.statement("P10")
def test_without_a_memory_a_death_after_the_work_repeats_it():
    found = broken_by(explored(billing(broken.naive)))
    assert found == {"twice": {("crash-after", "execute", nth) for nth in (1, 2, 3)}, "never": set()}


@pytest.mark.statement("P10", "C01")
def test_work_then_mark_repeats_what_dies_between_them():
    found = broken_by(explored(billing(broken.check_handle_mark)))
    assert found == {"twice": {("crash-after", "execute", nth) for nth in (2, 5, 8)}, "never": set()}


@pytest.mark.statement("P10")
def test_mark_then_work_loses_what_dies_between_them():
    found = broken_by(explored(billing(broken.mark_then_handle)))
    assert found == {"twice": set(), "never": {("crash-after", "execute", nth) for nth in (1, 3, 5)}}


@pytest.mark.statement("P11", "C01")
def test_a_look_outside_the_transaction_survives_every_death_and_falls_to_a_zombie():
    assert explored(billing(broken.check_then_transaction), faults=2).holds
    found = broken_by(explored(billing(broken.check_then_transaction, instances=2)))
    assert found == {"twice": {("stall-after", "execute", nth) for nth in (1, 5, 9)}, "never": set()}


@pytest.mark.statement("C01")
def test_a_set_in_memory_forgets_when_its_process_is_killed_and_the_next_instance_has_another():
    def remembering():
        async def main(app):
            seen = set()

            async def handle(app, record):
                async def work():
                    await app.database.execute(CHARGE, (record.value["amount"], record.value["customer"]))

                await broken.in_memory(seen, record.value["order_id"], work)

            await consuming("billing", handle)(app)

        return main

    shop = replace(billing(broken.naive, instances=2), "services.billing.main", remembering())
    found = broken_by(explored(shop))
    assert {("crash-after", "execute", 1), ("stall-after", "execute", 1)} <= found["twice"] and not found["never"]


# -- Redis


def redis(form, **more):
    async def through_redis(app, event_id, work):
        await form(app, event_id, work, **more)

    return through_redis


@pytest.mark.statement("P12", "C02")
@pytest.mark.parametrize("form", [broken.redis_set_nx, broken.redis_forgives])
def test_a_kill_between_set_and_work_loses_the_event(form):
    found = broken_by(explored(billing(redis(form))))
    moments = {(fault, "redis", nth) for fault in ("crash-after", "lose-reply") for nth in (1, 2, 3)}
    assert found == {"twice": set(), "never": moments}      # no answer to the SET is an error outside the `try`


@pytest.mark.statement("P12")
def test_a_key_that_has_expired_when_the_event_comes_again_repeats_the_work():
    found = broken_by(explored(billing(redis(broken.redis_set_nx, ex=10))))
    assert found == {"twice": {("crash-after", "execute", nth) for nth in (1, 2, 3)}, "never": set()}


@pytest.mark.statement("P12", "P13", "C02")
@pytest.mark.parametrize(("hours", "times"), [(23, 1), (25, 2)])
def test_a_replay_after_the_expiry_is_worked_again(hours, times):
    again = ORDERS[1] | {"at": 3_600 * hours}
    trace = run(replace(billing(redis(broken.redis_set_nx), inputs=(*ORDERS, again)), "duration", 100_000))
    assert accounts(trace)[again["key"]] == times * AMOUNTS[again["key"]]


@pytest.mark.statement("C02")
@pytest.mark.parametrize(("form", "handled"), [(broken.redis_set_nx, 2), (broken.redis_forgives, 3)])
def test_an_error_in_the_work_loses_the_event_unless_the_key_is_taken_away(form, handled):
    async def stumbling(app, event_id, work):
        async def once_in_vain():
            (tries,) = await app.database.execute("SELECT count(*) FROM done")
            await app.database.execute("INSERT INTO done VALUES (?)", (f"try {tries[0]}",))
            if tries[0] == 1:
                raise RuntimeError("the second work of all fails")
            await work()

        await form(app, event_id, once_in_vain)

    ends = accounts(run(billing(stumbling)))
    assert sum(owes == AMOUNTS[name] for name, owes in ends.items()) == handled


@pytest.mark.statement("C02")
def test_a_lease_and_a_mark_lose_nothing_and_repeat_what_dies_before_the_mark():
    found = broken_by(explored(billing(redis(broken.redis_lease)), only="crash"))
    assert found == {"twice": {("crash-after", "execute", nth) for nth in (1, 2, 3)}, "never": set()}


# -- what needs no memory, and whose id is remembered


MOVES = tuple({"key": "Ada", "value": {"city": city, "version": version}}
              for city, version in (("Bonn", 1), ("Cologne", 3), ("Trier", 2), ("Cologne", 3)))


def addresses(write, instances=2):
    async def handle(app, record):
        await write(app.database, "Ada", record.value["city"], record.value["version"])

    service = Service("addresses", consuming("addresses", handle), instances, database=NEWEST)
    return Scenario((Topic("orders"),), inputs={"orders": MOVES}, services=(service,))


def lives(trace):
    return trace.databases["addresses"].execute("SELECT value, version FROM newest")


def in_cologne(trace):
    return lives(trace) == [("Cologne", 3)]


@pytest.mark.statement("P14")
def test_the_newest_version_stands_whatever_is_repeated_or_late():
    assert explored(addresses(keep_newest), in_cologne).holds
    assert explored(addresses(keep_newest, instances=1), in_cologne, faults=2).holds


@pytest.mark.statement("P14")
def test_without_the_version_the_last_word_stands():
    async def keep_last(db, key, value, version):
        await db.execute("INSERT OR REPLACE INTO newest VALUES (?, ?, ?)", (key, value, version))

    scenario = replace(addresses(keep_last), "inputs.orders", MOVES[:3])
    assert lives(run(scenario)) == [("Trier", 2)]


@pytest.mark.statement("P14")
def test_keep_newest_says_whether_it_wrote():
    async def keep(db, key, value, version):
        written = await keep_newest(db, key, value, version)
        await db.execute("INSERT INTO newest VALUES (?, 'said', ?)", (f"said {value} {version} {written}", version))

    database = run(addresses(keep, instances=1)).databases["addresses"]
    said = [row[0] for row in database.execute("SELECT key FROM newest WHERE value = 'said' ORDER BY key")]
    assert said == ["said Bonn 1 True", "said Cologne 3 False", "said Cologne 3 True", "said Trier 2 False"]


def checkout():
    """Sends without idempotence, so that a lost answer writes an order twice."""

    async def main(app):
        producer = app.producer(enable_idempotence=False)
        for row in ORDERS:
            await producer.send_and_wait("orders", row["value"], key=row["key"])

    return Service("checkout", main)


def sent_by_a_checkout(name_of):
    async def handle(app, record):
        async with app.database.transaction():
            if await first_time(app.database, "billing", name_of(record)):
                await app.database.execute(CHARGE, (record.value["amount"], record.value["customer"]))

    billing_service = Service("billing", consuming("billing", handle), database=ACCOUNTS + INBOX)
    return Scenario((Topic("orders"),), services=(checkout(), billing_service),
                    faults=(LoseReply("checkout-0", "produce", nth=2),))


@pytest.mark.statement("P15")
def test_a_copy_has_another_offset_and_the_same_event_id():
    by_place = run(sent_by_a_checkout(lambda record: f"{record.topic}-{record.partition}-{record.offset}"))
    by_event = run(sent_by_a_checkout(lambda record: record.value["order_id"]))
    second = ORDERS[1]["key"]
    assert by_place.records.copies.tolist() == by_event.records.copies.tolist() == [1, 2, 1]
    assert accounts(by_place) == AMOUNTS | {second: 2 * AMOUNTS[second]}
    assert accounts(by_event) == AMOUNTS


def test_two_consumers_of_one_database_each_remember_for_themselves():
    async def twice(app, event_id, work):
        for consumer in ("billing", "points"):
            async with app.database.transaction():
                if await first_time(app.database, consumer, event_id):
                    await work()

    assert accounts(run(billing(twice))) == {name: 2 * amount for name, amount in AMOUNTS.items()}


# -- the work is done elsewhere


PAYMENTS = "CREATE TABLE payments (order_id TEXT);" + ANSWERS


def bank(honours_the_key):
    async def main(app):
        async def pay(request):
            async def book():
                booked = await app.database.execute("INSERT INTO payments VALUES (?)", (request["order"],))
                return {"receipt": booked.lastrowid}

            if honours_the_key:
                return await answer_once(app.database, request["key"], request["order"], book)
            return await book()

        await app.serve(pay)

    return Service("bank", main, database=PAYMENTS)


def paying(form, honours_the_key, key=lambda record: record.value["order_id"]):
    async def handle(app, record):
        async def work():
            await app.call("bank", {"order": record.value["order_id"], "key": key(record)}, timeout=5)

        await form(app, record.value["order_id"], work)

    service = Service("billing", consuming("billing", handle), database=INBOX + broken.DONE)
    return Scenario((Topic("orders"),), inputs={"orders": ORDERS[:2]}, services=(service, bank(honours_the_key)))


paid_once = laws.as_calm(("bank", "SELECT order_id FROM payments"))


@pytest.mark.statement("P10")
@pytest.mark.parametrize("form", [inbox, broken.check_handle_mark, broken.mark_then_handle])
def test_no_memory_of_the_callers_closes_the_window_to_another_service(form):
    result = explored(paying(form, honours_the_key=False), paid_once, only="crash")
    assert result.counterexample is not None and result.calm_verdict.judged and not result.calm_verdict.broken


@pytest.mark.statement("P10")
@pytest.mark.parametrize("form", [broken.naive, inbox])
def test_a_callee_that_honours_the_key_closes_it_for_any_two_accidents(form):
    result = explored(paying(form, honours_the_key=True), paid_once, faults=2)
    assert result.holds and result.tried == result.total > 200


def test_a_repeated_request_gets_the_first_answer():
    async def asking(app):
        answers = [await app.call("bank", {"order": "o-1", "key": key}, timeout=5) for key in ("a", "a", "b")]
        await app.effect("answers", str([answer["receipt"] for answer in answers]))

    trace = run(Scenario((Topic("orders"),), services=(Service("asking", asking), bank(honours_the_key=True))))
    assert trace.effects.key.tolist() == ["[1, 1, 2]"]


def test_one_key_for_two_different_requests_is_refused():
    async def asking(app):
        await app.call("bank", {"order": "o-1", "key": "a"}, timeout=5)
        try:
            await app.call("bank", {"order": "o-2", "key": "a"}, timeout=5)
        except Exception as error:
            await app.effect("refused", str(error))

    trace = run(Scenario((Topic("orders"),), services=(Service("asking", asking), bank(honours_the_key=True))))
    assert "idempotency key 'a' came with \"o-1\" before, and now with \"o-2\"" in trace.effects.key[0]
    assert len(trace.databases["bank"].execute("SELECT * FROM payments")) == 1
