"""Lesson 06 C: the work is done at the bank, and the bank honours a key. Which one?"""

import re
from functools import partial
from typing import Any

from simlib import Scenario, Service, Topic, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.final_tables import differences, ends_with, more
from simlib.course.exercises.refusals import no, refused_in_lines
from simlib.course.exercises.small_shop import picked
from simlib.course.trace_words import own_exception
from simlib.exploring import NotReproducible
from simlib.patterns.idempotency import ANSWERS, answer_once

PAYMENTS = "CREATE TABLE payments (customer TEXT, amount REAL);"
PAID = "SELECT customer, COUNT(*) FROM payments GROUP BY customer"
REGULAR, SENT_TWICE = "00143", "o-00001"
SAME_AGAIN = "o-70000"
"""An order that the log does not have: the regular customer buys the same once more, for the same price."""
NEW_EACH_TIME = "Your key is new at every attempt, and so each attempt is a new payment to the bank."


async def bank(app: Any) -> None:
    """A bank that knows a key it has seen."""

    async def pay(request: Any) -> str:
        async def book() -> str:
            await app.database.execute("INSERT INTO payments VALUES (?, ?)", (request["customer"], request["amount"]))
            return "paid"

        return str(await answer_once(app.database, str(request.pop("key")), request, book))

    await app.serve(pay)


def billing(key: Any) -> Any:
    """The lesson's billing, with the learner's key."""

    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            request = {"customer": order.value["customer"], "amount": order.value["amount"]}
            await app.call("bank", request | {"key": key(app, order)}, timeout=5)
            await consumer.commit()

    return main


def shop(key: Any, *once_more: str) -> Scenario:
    """Billing and its bank; four orders, and some of them once more."""
    first = picked("o-00123")[0]
    same_again = {"key": first["key"], "value": first["value"] | {"order_id": SAME_AGAIN}}
    inputs = (first, *picked(SENT_TWICE, "o-00122"), same_again, *picked(*once_more))
    services = (Service("billing", billing(key)), Service("bank", bank, database=ANSWERS + PAYMENTS))
    return Scenario((Topic("orders"),), inputs={"orders": inputs}, services=services)


def judge_key(key: Any) -> Verdict:
    """Calmly, then every schedule, then calmly with an order that was sent twice."""
    if refusal := _not_even_calmly(run(shop(key))):
        return refusal
    try:
        result = explore(shop(key), ends_with("bank", PAID, _payments), progress=False)
    except NotReproducible:
        return _no(f"{NEW_EACH_TIME} (`explore` gives up at once: no run with it can be repeated.)")
    if result.counterexample is not None:
        return refused_in_lines("06-key", NEW_EACH_TIME, result.counterexample)
    if refusal := _not_even_calmly(run(shop(key, SENT_TWICE))):
        return refusal
    return Verdict(True, f"06-key: yes. {result.tried} schedules: every order is paid, and none is paid twice.")


def _payments(inputs: Any) -> dict[str, int]:
    customers = list({row["value"]["order_id"]: row["key"] for row in inputs}.values())
    return {customer: customers.count(customer) for customer in customers}


def _not_even_calmly(calm: Any) -> Verdict | None:
    error = own_exception(calm) or ""
    if "idempotency key" in error:
        who = "Two customers" if len(set(re.findall(r'"customer": "(\d+)"', error))) > 1 else f"Customer {REGULAR}"
        text = f"{who}, two payments, one key: the bank refuses the second, and billing asks again for ever."
        return _no(f"{text} {error}.")
    if error:
        return _no(f"Your code stops before anybody kills it. {error}.")
    wrong = differences(calm, "bank", PAID, _payments)
    if wrong and not more(wrong[0]):
        text = f"Customer {REGULAR} buys the same again, for the same price, and your key is the same"
        return _no(f"{text}. The bank takes it for a repeat: {wrong[0]}.")
    if wrong:
        text = f"Your key names a place in the log. Order {SENT_TWICE} lies at two, it was sent twice [P15]"
        return _no(f"{text}: customer {wrong[0]}.")
    return None


_no = partial(no, "06-key")


def _key(expression: str) -> str:
    return f"def key(app, order):\n    return {expression}"


KEY = Exercise(
    id="06-key",
    starter="def key(app, order):\n    ...     # your code",
    call='check("06-key", key)',
    hints=(
        "The key must be the same at every attempt, and another for every other payment.",
        "Not when, not where, not who: what. return ...",
    ),
    solution=_key('"charge " + order.value["order_id"]'),
    remark="It says what is to be done once, so that a refund of the same order gets a key of its own.",
    judge=judge_key,
    wrong=(
        Wrong("a random number", _key("app.random.random()"), "Your key is new at every attempt"),
        Wrong("a UUID", "import uuid\n\n\n" + _key("str(uuid.uuid4())"), "Your key is new at every attempt"),
        Wrong("the time", _key("app.now"), "Your key is new at every attempt"),
        Wrong("the place in the log", _key('f"{order.partition}-{order.offset}"'), "Your key names a place in the log"),
        Wrong("the customer", _key('order.value["customer"]'), "Customer 00143, two payments, one key"),
        Wrong("who and how much", _key('order.value["customer"] + str(order.value["amount"])'), "buys the same again"),
        Wrong("one key for all", _key('"charge"'), "Two customers, two payments, one key"),
        Wrong("who and when", _key('f"{app.name} {order.value[\'order_id\']} {app.now}"'), "Your key is new at every"),
    ),
)
