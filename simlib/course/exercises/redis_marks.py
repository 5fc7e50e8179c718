"""Lesson 06 A: an order that Redis remembers and nobody charges."""

from functools import partial
from typing import Any

from simlib import run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.final_tables import differences
from simlib.course.exercises.refusals import no
from simlib.course.exercises.small_shop import opened, picked, shop
from simlib.patterns.broken_idempotency import redis_forgives
from simlib.scenario.schedules import ScheduleError, parse_schedule

CHARGE = "UPDATE accounts SET owes = owes + ? WHERE customer = ?"
OWED = "SELECT customer, owes FROM accounts"
TO_BREAK = picked("o-00001", "o-00000", "o-00002")


async def forgiving(app: Any, order: Any) -> None:
    """The handler of 06-break."""

    async def charge() -> None:
        await app.database.execute(CHARGE, (order.value["amount"], order.value["customer"]))

    await redis_forgives(app, order.value["order_id"], charge)


def judge_break(schedule: Any) -> Verdict:
    """Run the one schedule; an order has to be missing in the end."""
    if not isinstance(schedule, str):
        return _no('Give an id as it stands above a story: "crash-after:billing-0.0/commit#1".')
    try:
        hits = parse_schedule(schedule)
        trace = run(shop("billing", forgiving, TO_BREAK, opened("accounts", "owes", TO_BREAK)), schedule=schedule)
    except ScheduleError as error:
        return _no(f"Nothing was hit. {error}")
    missing = differences(trace, "billing", OWED, _owed)
    if missing:
        return Verdict(True, f"06-break: yes. Customer {missing[0]}. {_why_it_is_lost(hits)}")
    return _no(_why_nothing_happened(hits), picture=trace.plot.sequence())


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


_no = partial(no, "06-break")


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
        Wrong("not an id", "schedule = 2", "Give an id"),
    ),
)
