"""Lesson 02 B: for each listener, now, later, or by way of a topic. Judged by what becomes of the orders."""

import asyncio
from functools import partial
from typing import Any

from simlib import Service, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.final_tables import nothing_forgotten
from simlib.course.exercises.refusals import no, refused
from simlib.course.exercises.web_shop import THANKS, TOO_LONG, done, longest_wait, rows, town
from simlib.patterns.bus import Bus

WAYS = ("now", "later", "topic")
STOCK = 4
TABLES = f"""CREATE TABLE orders (order_id TEXT PRIMARY KEY); CREATE TABLE bills (order_id TEXT PRIMARY KEY);
             CREATE TABLE stock (cds INTEGER); INSERT INTO stock VALUES ({STOCK});"""
SAVE, BILL = "INSERT INTO orders VALUES (?)", "INSERT INTO bills VALUES (?) ON CONFLICT DO NOTHING"
TAKE = "UPDATE stock SET cds = cds - ? WHERE cds >= ?"


class SoldOut(Exception):
    """There are not enough CDs for this order."""


async def bill(app: Any, order: Any) -> None:
    """A row for the accounts."""
    await app.database.execute(BILL, [order["order_id"]])


async def stock(app: Any, order: Any) -> None:
    """Takes the CDs from the shelf, or says that there are none."""
    taken = await app.database.execute(TAKE, [order["cds"], order["cds"]])
    if not taken.rowcount:
        raise SoldOut(order["order_id"])


async def mail(app: Any, order: Any) -> None:
    """On a slow day of the mail server."""
    await app.sleep(2)
    await app.effect("mail", order["order_id"])


async def suggest(app: Any, order: Any) -> None:
    """Computes what this customer may like next; lost, it is computed at the next order."""
    await app.sleep(1)
    await app.effect("suggested", order["order_id"])


LISTENERS = {"bill": bill, "stock": stock, "mail": mail, "suggest": suggest}


def judge_where(ways: Any) -> Verdict:
    """Calmly, with too few CDs for all; then every death."""
    if not isinstance(ways, dict) or set(ways) != set(LISTENERS):
        return no("02-where", f"Give a dictionary with {', '.join(LISTENERS)}. You gave {ways!r}.")
    if wrong := [f"{name}: {way!r}" for name, way in ways.items() if way not in WAYS]:
        return no("02-where", f"Each is one of {', '.join(map(repr, WAYS))}. You gave {', '.join(wrong)}.")
    scenario = _scenario(ways)
    if refusal := _not_even_calmly(run(scenario), ways):
        return refusal
    result = explore(scenario, nothing_forgotten(_anomaly), only="crash", progress=False)
    if found := result.counterexample:
        return refused("02-where", _idea(_anomaly(found.trace), ways), found)
    rest = {"later": "", "topic": " A topic for suggestions loses none of them; it is one more thing to run for what "
                                  "nobody would miss."}[ways["suggest"]]
    text = f"{result.tried} deaths: nobody waits, nobody is billed for nothing, nobody is forgotten."
    return Verdict(True, f"02-where: yes. {text}{rest}")


def _scenario(ways: dict[str, str]) -> Any:
    on = {way: [LISTENERS[name] for name, chosen in ways.items() if chosen == way] for way in WAYS}
    groups = [Service(name, _from_topic(name, LISTENERS[name]), database=TABLES)
              for name, chosen in ways.items() if chosen == "topic"]
    return town(_shop(on), TABLES, *groups)


def _shop(on: dict[str, list[Any]]) -> Any:
    async def main(app: Any) -> None:
        bus, producer = Bus(), app.producer()
        for handler in on["later"]:
            bus.on("order placed", _told_too_late(handler), later=True)

        async def place(order: Any) -> str:
            try:
                async with app.database.transaction():
                    await app.database.execute(SAVE, [order["order_id"]])
                    for handler in on["now"]:
                        await handler(app, order)
            except SoldOut:
                return "sold out"
            await bus.publish("order placed", app, order)
            if on["topic"]:
                await producer.send_and_wait("orders", order, key=order["order_id"])
            return THANKS

        await asyncio.gather(app.serve(place), bus.work())

    return main


def _told_too_late(handler: Any) -> Any:
    """Nobody is there any more who could be told that the shelf is empty."""

    async def listener(app: Any, order: Any) -> None:
        try:
            await handler(app, order)
        except SoldOut:
            await app.effect("sold out, too late", order["order_id"])

    return listener


def _from_topic(group: str, handler: Any) -> Any:
    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await partial(_told_too_late(handler), app)(order.value)
            await consumer.commit()

    return main


def _not_even_calmly(calm: Any, ways: dict[str, str]) -> Verdict | None:
    if late := done(calm, "sold out, too late"):
        return no("02-where", f"Nobody is killed. Stock says no to {sorted(late)[0]}, and its customer has been "
                              f"thanked already: {ways['stock']!r} is too late for somebody who may object.")
    if longest_wait(calm) > TOO_LONG:
        slow = [name for name in ("mail", "suggest") if ways[name] == "now"]
        return no("02-where", f"Nobody is killed, and a customer waits {longest_wait(calm):.0f} seconds: for "
                              f"{' and '.join(slow)}.")
    return None


def _anomaly(trace: Any) -> str:
    """What went wrong, as half a sentence."""
    saved, billed, thanked = rows(trace, "orders"), _billed(trace), done(trace, THANKS)
    if unbilled := sorted(saved - billed):
        return f"order {unbilled[0]} is saved, and there is no bill"
    if unheard := sorted(thanked - done(trace, "mail")):
        return f"the customer of {unheard[0]} is thanked, and never gets the mail"
    return ""


def _billed(trace: Any) -> set[str]:
    return rows(trace, "bills") | (rows(trace, "bills", "bill") if "bill" in trace.databases else set())


def _idea(wrong: str, ways: dict[str, str]) -> str:
    """What a death does to a listener that is not where it belongs."""
    name = "bill" if wrong.endswith("bill") else "mail"
    if ways[name] == "later":
        return f"{name} is in the shop's memory when the shop dies, and with it all that was put aside."
    return f"{name} hears of an order when the topic has it. Killed between the order's COMMIT and that, it never does."


def _choice(**ways: str) -> str:
    return "where = {" + ", ".join(f'"{name}": "{way}"' for name, way in ways.items()) + "}"


GOOD = {"bill": "now", "stock": "now", "mail": "topic", "suggest": "later"}

WHERE = Exercise(
    id="02-where",
    starter='where = {"bill": ..., "stock": ..., "mail": ..., "suggest": ...}',
    call='check("02-where", where)',
    hints=(
        "Who may say no to an order? Who is slow? Who may be forgotten, and who never?",
        "Now: what must be true together with the order. Topic: what must not be forgotten. Later: what may.",
    ),
    solution=_choice(**GOOD),
    remark="Nothing here is a matter of taste but the last one. And bill may move out, too, once there is an outbox: "
           "lesson 07.",
    judge=judge_where,
    wrong=(
        Wrong("all now", _choice(**dict.fromkeys(GOOD, "now")), "for mail and suggest"),
        Wrong("all later", _choice(**dict.fromkeys(GOOD, "later")), "is too late for somebody who may object"),
        Wrong("all by topic", _choice(**dict.fromkeys(GOOD, "topic")), "is too late for somebody who may object"),
        Wrong("mail later", _choice(**{**GOOD, "mail": "later"}), "mail is in the shop's memory"),
        Wrong("bill later", _choice(**{**GOOD, "bill": "later"}), "bill is in the shop's memory"),
        Wrong("bill by topic", _choice(**{**GOOD, "bill": "topic"}), "bill hears of an order when the topic has it"),
        Wrong("one forgotten", 'where = {"bill": "now", "stock": "now", "mail": "topic"}', "Give a dictionary with"),
        Wrong("another word", _choice(**{**GOOD, "mail": "kafka"}), "Each is one of"),
    ),
)
