"""Lesson 06 B: an inbox of one's own, and what it is not."""

from functools import partial
from typing import Any

from simlib import explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.final_tables import differences, ends_with, more
from simlib.course.exercises.refusals import no, refused_in_lines
from simlib.course.exercises.small_shop import opened, picked, shop
from simlib.course.trace_words import own_exception
from simlib.patterns.idempotency import INBOX
from simlib.scenario.schedules import parse_schedule

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
    return refused_in_lines("06-points", _idea(calm, result.counterexample), result.counterexample)


def _points(inputs: Any) -> dict[str, int]:
    distinct = {row["value"]["order_id"]: row["value"] for row in inputs}
    total: dict[str, int] = {}
    for order in distinct.values():
        total[order["customer"]] = total.get(order["customer"], 0) + order["cds"]
    return total


def _not_even_calmly(calm: Any) -> Verdict | None:
    """What is wrong before anybody dies."""
    error = own_exception(calm)
    if error and "UNIQUE" in error:
        text = "You let the table refuse the repeat, and nobody catches the refusal: the program stops, comes back, and"
        return _no(f"{text} meets the same order. {error}.")
    if error:
        return _no(f"Your code stops before anybody kills it. {error}.")
    wrong = differences(calm, "points", POINTS, _points)
    if not wrong:
        return None
    if len(wrong) == len(_points(TO_COUNT)):
        return _no(f"Nobody is killed, and customer {wrong[0]}.")
    if wrong[0].startswith(REGULAR):
        text = f"You remember the customer. {REGULAR} bought twice: {wrong[0]}. What comes again is the order."
        return _no(text)
    if not _remembered(calm):
        return _no(f"You count what comes. Order {SENT_TWICE} comes twice: customer {wrong[0]}.")
    text = f"You remember a place in the log. Order {SENT_TWICE} lies at two offsets, it was sent twice [P15]"
    return _no(f"{text}: customer {wrong[0]}.")


_no = partial(no, "06-points")


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
    return ("from simlib.patterns.idempotency import first_time\n\n"
            f'ADD = "{ADD}"\n\n\n'
            f"async def give_points(app, order):\n{body(*lines)}")


NAME = 'order_id = order.value["order_id"]'
COUNT = 'await app.database.execute(ADD, [order.value["cds"], order.value["customer"]])'
LOOK = 'if not await app.database.execute("SELECT 1 FROM inbox WHERE event_id = ?", [order_id]):'
BEGIN = "async with app.database.transaction():"
ROW = 'VALUES (?, ?)", ["points", order.value["order_id"]])'
FIRST = 'if await first_time(app.database, "points", {}):'


def _inbox_of(name: str) -> str:
    return _counting(BEGIN, f"    {FIRST.format(name)}", f"        {COUNT}")


GIVE_POINTS = Exercise(
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
        Wrong("let it be refused", _counting(BEGIN, f'    await app.database.execute("INSERT INTO inbox {ROW}',
              f"    {COUNT}"), "You let the table refuse"),
        Wrong("no memory", _counting(COUNT), "You count what comes"),
    ),
)
