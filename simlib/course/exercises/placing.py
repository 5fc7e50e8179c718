"""Lesson 07 A: save an order, and announce it."""

from typing import Any

from simlib import explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.outbox_shop import announced, anomaly, refused, saved, saved_and_announced, shop, times
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import not_orders, own_exception
from simlib.patterns.outbox import relay

CUSTOMERS = 3


def judge_place(place: Any) -> Verdict:
    """Try every death of the shop while it places three orders; the pattern's relay carries the notes."""
    scenario = shop(place, relay, count=CUSTOMERS)
    calm = run(scenario, progress=False)
    if refusal := _calm_refused(calm):
        return refusal
    result = explore(scenario, saved_and_announced(), progress=False)
    if found := result.counterexample:
        return refused("07-place", _idea(calm, anomaly(found.trace)), found)
    text = f"{result.tried} accidents: whatever is saved is announced, and nothing else."
    return Verdict(True, f"07-place: yes. {text}")


def _calm_refused(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return no("07-place", f"Your function stops before anybody is killed. {error}.")
    if len(saved(calm)) < CUSTOMERS:
        missing = CUSTOMERS - len(saved(calm))
        return no("07-place", f"Nobody is killed, and {missing} of {CUSTOMERS} orders are not saved.")
    if not announced(calm):
        return no("07-place", f"You save, and that is all: none of {CUSTOMERS} orders is ever announced.")
    if strange := not_orders(calm):
        text = f"You announce {strange[0]!r}. Announce the order itself: billing needs what is in it."
        return no("07-place", text)
    name, most = times(calm).most_common(1)[0]
    if most > 1:
        return no("07-place", f"You publish, and so does the relay: order {name} is announced {most} times.")
    return None


def _idea(calm: Any, wrong: str) -> str:
    """What the learner had in mind, from who announced and which half is missing."""
    noted = bool(calm.databases["shop"].execute("SELECT id FROM outbox"))
    first = "save" if wrong.endswith("hears of it") else "announce"
    if noted:
        return {"save": "You save the order, and note the announcement in a step of its own.",
                "announce": "You note the announcement first, and save the order in a step of its own."}[first]
    return {"save": "You save, then you publish yourself.",
            "announce": "You publish before the order is saved: no COMMIT stands behind it yet."}[first]


ANNOUNCE = 'await announce(app.database, "orders", order["order_id"], order)'
NAME_ONLY = ANNOUNCE.replace(", order)", ', order["order_id"])')
SAVE = 'await app.database.execute("INSERT INTO orders VALUES (?)", (order["order_id"],))'
PUBLISH = 'await producer.send_and_wait("orders", order)'
TOGETHER = "async with app.database.transaction():"


def _place(*lines: str) -> str:
    head = "from simlib.patterns.outbox import announce\n\n\nasync def place(app, producer, order):\n"
    return head + body(*lines)


PLACE = Exercise(
    id="07-place",
    starter="async def place(app, producer, order):\n    # save\n    ...\n    # announce\n    ...",
    call='check("07-place", place)',
    hints=(
        "How many moments are there at which one of the two is written, and the other is not? You want none.",
        "Open a transaction, and do both in it: the INSERT, and announce(app.database, ...). Nothing is sent here.",
    ),
    solution=_place(TOGETHER, "    # save", f"    {SAVE}", "    # announce", f"    {ANNOUNCE}"),
    remark="One COMMIT for both. Kafka is not asked while the customer waits: it may even be down.",
    judge=judge_place,
    wrong=(
        Wrong("publish it right away", _place(SAVE, PUBLISH), "You save, then you publish yourself"),
        Wrong("publish in the transaction", _place(TOGETHER, f"    {SAVE}", f"    {PUBLISH}"), "before the order"),
        Wrong("note it after the commit", _place(SAVE, ANNOUNCE), "note the announcement in a step of its own"),
        Wrong("note it before", _place(ANNOUNCE, SAVE), "You note the announcement first"),
        Wrong("both, to be safe", _place(TOGETHER, f"    {SAVE}", f"    {ANNOUNCE}", PUBLISH), "and so does the relay"),
        Wrong("announce its name", _place(TOGETHER, f"    {SAVE}", f"    {NAME_ONLY}"), "Announce the order itself"),
        Wrong("save, and hope", _place(SAVE), "none of 3 orders is ever announced"),
    ),
)
