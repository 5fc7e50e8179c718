"""Lesson 06 A and B: where the memory of an order stands, and what a death makes of it."""

from typing import Any

from simlib import Scenario, Service, Topic, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.final_tables import differences, ends_with, more, picked, refused
from simlib.course.trace_words import own_exception
from simlib.patterns.broken_idempotency import redis_forgives
from simlib.patterns.idempotency import INBOX
from simlib.scenario.schedules import ScheduleError, parse_schedule

# -- 06-break: an order that Redis remembers and nobody charges

CHARGE = "UPDATE accounts SET owes = owes + ? WHERE customer = ?"
OWED = "SELECT customer, owes FROM accounts"
TO_BREAK = picked("o-00001", "o-00000", "o-00002")


async def forgiving(app: Any, order: Any) -> None:
    """The handler of 06-break."""

    async def charge() -> None:
        await app.database.execute(CHARGE, (order.value["amount"], order.value["customer"]))

    await redis_forgives(app, order.value["order_id"], charge)


def loop(group: str, handle: Any) -> Any:
    """The lesson's loop around a handler: receive, handle, commit."""

    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await handle(app, order)
            await consumer.commit()

    return main


def opened(table: str, column: str, inputs: Any) -> str:
    """A table with a row for each customer of these orders, and nothing in it yet."""
    customers = dict.fromkeys(row["key"] for row in inputs)
    rows = ", ".join(f"('{customer}', 0)" for customer in customers)
    return f"CREATE TABLE {table} (customer TEXT PRIMARY KEY, {column} REAL); INSERT INTO {table} VALUES {rows};"


def shop(name: str, handle: Any, inputs: Any, tables: str, instances: int = 1) -> Scenario:
    """One topic of orders and one service that works them off."""
    service = Service(name, loop(name, handle), instances=instances, database=tables)
    return Scenario((Topic("orders"),), inputs={"orders": inputs}, services=(service,))


def judge_break(schedule: Any) -> Verdict:
    """Run the one schedule; an order has to be missing in the end."""
    if not isinstance(schedule, str):
        text = 'Give the id of a schedule, as the tables print it: "crash-after:billing-0.0/commit#1".'
        return _no("06-break", text)
    try:
        hits = parse_schedule(schedule)
        trace = run(shop("billing", forgiving, TO_BREAK, opened("accounts", "owes", TO_BREAK)), schedule=schedule)
    except ScheduleError as error:
        return _no("06-break", f"Nothing was hit. {error}")
    missing = differences(trace, "billing", OWED, _owed)
    if missing:
        return Verdict(True, f"06-break: yes. Customer {missing[0]}. {_why_it_is_lost(hits)}")
    return _no("06-break", _why_nothing_happened(hits), picture=trace.plot.sequence())


def _owed(inputs: Any) -> dict[str, float]:
    return {row["key"]: row["value"]["amount"] for row in inputs}


def _why_it_is_lost(hits: Any) -> str:
    if hits[0].kind == "crash":
        return "Redis says that it is done, and a killed program runs no `except`."
    return "Redis has set the mark. That billing did not hear of it is an error before the `try`."


def _why_nothing_happened(hits: Any) -> str:
    if not hits:
        return "In the calm run nobody dies, and all three are charged."
    fault, step, _ = hits[0]
    if (fault, step.kind) == ("crash-before", "redis") or step.kind == "receive":
        return "You kill it before it remembers. The next one finds no mark and charges: all three accounts are right."
    if step.kind == "commit" or (fault, step.kind) == ("crash-after", "execute"):
        return "You kill it when the charge is in. The next one finds the mark: all three accounts are right."
    return f"{hits[0]}: all three accounts are right. Here it gets an error or a second try, and tidies up."


def _no(id: str, text: str, table: Any = None, picture: Any = None) -> Verdict:
    return Verdict(False, f"{id}: no. {text}", table, picture)


def _id(schedule: str) -> str:
    return f'schedule = "{schedule}"'


BREAK = Exercise(
    id="06-break",
    starter="schedule = ...",
    call='check("06-break", schedule)',
    hints=(
        "Which two lines must a kill fall between, so that Redis knows more than the account?",
        'After the mark, before the charge: schedule = "crash-after:billing-0.0/...#2"',
    ),
    solution=_id("crash-after:billing-0.0/redis#2"),
    remark="Any order will do. An error is an answer, and `except` can act on it. A kill is none.",
    judge=judge_break,
    wrong=(
        Wrong("before the mark", _id("crash-before:billing-0.0/redis#2"), "before it remembers"),
        Wrong("after the charge", _id("crash-after:billing-0.0/execute#2"), "the charge is in"),
        Wrong("around the commit", _id("crash-before:billing-0.0/commit#1"), "the charge is in"),
        Wrong("a fourth order", _id("crash-after:billing-0.0/redis#4"), "Nothing was hit"),
        Wrong("calm", _id("calm"), "nobody dies"),
        Wrong("not an id", "schedule = 2", "Give the id of a schedule"),
    ),
)

# -- 06-points: an inbox of one's own

ADD = "UPDATE points SET points = points + ? WHERE customer = ?"
POINTS = "SELECT customer, points FROM points"
SENT_TWICE, REGULAR = "o-00001", "00143"
TO_COUNT = picked("o-00123", SENT_TWICE, SENT_TWICE, "o-00122")


def judge_points(handle: Any) -> Verdict:
    """First calmly, then every schedule: two instances, a customer who comes back, an order that was sent twice."""
    scenario = shop("points", handle, TO_COUNT, INBOX + opened("points", "points", TO_COUNT), instances=2)
    calm = run(scenario)
    if refusal := _not_even_calmly(calm):
        return refusal
    result = explore(scenario, ends_with("points", POINTS, _points), progress=False)
    if result.counterexample is None:
        text = f"{result.tried} schedules, two instances: every order counts, and none counts twice."
        return Verdict(True, f"06-points: yes. {text}")
    return refused("06-points", _idea(calm, result.counterexample), result.counterexample)


def _points(inputs: Any) -> dict[str, int]:
    distinct = {row["value"]["order_id"]: row["value"] for row in inputs}
    total: dict[str, int] = {}
    for order in distinct.values():
        total[order["customer"]] = total.get(order["customer"], 0) + order["cds"]
    return total


def _not_even_calmly(calm: Any) -> Verdict | None:
    """What is wrong before anybody dies."""
    if error := own_exception(calm):
        return _no("06-points", f"Your code stops before anybody kills it. {error}.")
    wrong = differences(calm, "points", POINTS, _points)
    if not wrong:
        return None
    if len(wrong) == len(_points(TO_COUNT)):
        return _no("06-points", f"Nobody is killed, and customer {wrong[0]}.")
    if wrong[0].startswith(REGULAR):
        text = f"You remember the customer. {REGULAR} bought twice: {wrong[0]}. What comes again is the order."
        return _no("06-points", text)
    if not _remembered(calm):
        return _no("06-points", f"You count what comes. Order {SENT_TWICE} comes twice: customer {wrong[0]}.")
    text = f"You remember a place in the log. Order {SENT_TWICE} lies at two offsets, it was sent twice [P15]"
    return _no("06-points", f"{text}: customer {wrong[0]}.")


def _idea(calm: Any, found: Any) -> str:
    """What the learner had in mind, read off the tables and the schedule."""
    wrong = differences(found.trace, "points", POINTS, _points)
    if not wrong:
        return "It goes on for ever."
    if not more(wrong[0]):
        return "You remember, then count. Killed in between, the next one finds the mark."
    if not _remembered(calm):
        return "You remember in the program, and a killed program forgets."
    if any(hit.kind in ("stall", "order") for hit in parse_schedule(found.schedule)):
        return "You look first and remember later. Two at once both look, and find nothing."
    return "You count, then remember. Killed in between, the next one finds no mark."


def _remembered(calm: Any) -> bool:
    """Whether anything but the points themselves was written down."""
    database = calm.databases["points"]
    names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return any(list(database.execute(f'SELECT 1 FROM "{name}" LIMIT 1')) for name in names if name != "points")


def _counting(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return ("from simlib.patterns.idempotency import first_time\n\n"
            f'ADD = "{ADD}"\n\n\n'
            f"async def give_points(app, order):\n{body}")


NAME = 'order_id = order.value["order_id"]'
COUNT = 'await app.database.execute(ADD, [order.value["cds"], order.value["customer"]])'
LOOK = 'if not await app.database.execute("SELECT 1 FROM inbox WHERE event_id = ?", [order_id]):'
BEGIN = "async with app.database.transaction():"
FIRST = 'if await first_time(app.database, "points", {}):'


def _inbox_of(name: str) -> str:
    return _counting(BEGIN, f"    {FIRST.format(name)}", f"        {COUNT}")


POINTS_EXERCISE = Exercise(
    id="06-points",
    starter=_counting("...     # your code"),
    call='check("06-points", give_points)',
    hints=(
        "Two things must happen together or not at all. And what is it that must not count twice?",
        "async with ...: if await first_time(app.database, \"points\", ...): await app.database.execute(ADD, [...])",
    ),
    solution=_inbox_of('order.value["order_id"]'),
    remark="The price is a row for every order, for as long as an order may come again.",
    judge=judge_points,
    wrong=(
        Wrong("count, then remember", _counting(NAME, LOOK, f"    {COUNT}",
              '    await first_time(app.database, "points", order_id)'), "You count, then remember"),
        Wrong("remember, then count", _counting(NAME, FIRST.format("order_id"), f"    {COUNT}"),
              "You remember, then count"),
        Wrong("look outside", _counting(NAME, LOOK, f"    {BEGIN}", f"        {COUNT}",
              '        await first_time(app.database, "points", order_id)'), "You look first and remember later"),
        Wrong("the offset", _inbox_of("str(order.offset)"), "You remember a place in the log"),
        Wrong("the customer", _inbox_of('order.value["customer"]'), "You remember the customer"),
        Wrong("a set", "seen = set()\n" + _counting(NAME, "if order_id not in seen:", f"    {COUNT}",
              "    seen.add(order_id)"), "You remember in the program"),
        Wrong("no memory", _counting(COUNT), "You count what comes"),
    ),
)
