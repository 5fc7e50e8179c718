"""Lesson 15 A: a formula for the fewest consumers whose orders wait no longer than allowed, against simulated days."""

import math
from functools import cache
from typing import Any, NamedTuple

from simlib import Exponential, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.friday import packing, waits, whole
from simlib.course.exercises.refusals import no
from simlib.data import orders

ID = "15-consumers"
ORDERS = 3_000
MOST = 50


class Day(NamedTuple):
    """Orders a second, seconds of work for each on average, and how long they may wait on average."""

    rate: float
    work: float
    wait: float

    def __str__(self) -> str:
        return f"{self.rate:g} orders a second, {self.work:g} s of work each, {self.wait:g} s of waiting allowed"


DAYS = (Day(20, 0.1, 0.14), Day(24, 0.125, 0.26), Day(5, 0.3, 1.5))


def judge_consumers(consumers: Any) -> Verdict:
    """Three days, each run with the learner's number, and with one consumer fewer."""
    for day in DAYS:
        number = consumers(*day)
        if not whole(number) or number > MOST:
            return no(ID, f"{day}: you say {number!r}. Consumers are a whole number, 1 to {MOST}.")
        waited = mean_wait(day, number)
        if waited > day.wait:
            return no(ID, _too_few(day, number, waited))
        if number > 1 and mean_wait(day, number - 1) <= day.wait:
            return no(ID, _too_many(day, number))
    told = "; ".join(f"with {consumers(*day)} consumers orders wait {mean_wait(day, consumers(*day)):.2f} s "
                     f"({day.wait:g} allowed)" for day in DAYS)
    return Verdict(True, f"{ID}: yes. In the three days: {told}, and with one fewer it would be too long.")


@cache
def mean_wait(day: Day, consumers: int) -> float:
    """Seconds that the day's orders waited on average; the order's number is its key, so partitions fill alike."""
    rows = [row | {"key": row["value"]["order_id"]} for row in orders(ORDERS, rate=day.rate)]
    shop = packing(rows, consumers, consumers, Exponential(day.work), ORDERS / day.rate)
    return float(waits(run(shop, progress=False)).wait.mean())


def _too_few(day: Day, number: int, waited: float) -> str:
    busy = day.rate * day.work / number
    if busy >= 1:
        return (f"{day}: your {number} are busy all the time ({busy:.0%}). That is work enough for every second, and "
                f"none to catch up in: in the run orders wait {waited:.1f} s, and each hour longer.")
    return (f"{day}: your {number} are busy {busy:.0%} of the time, and orders wait {waited:.2f} s. No share of busy "
            "time is right for every day: it follows from how long they may wait.")


def _too_many(day: Day, number: int) -> str:
    fewer = f"{number - 1} would do: orders wait {mean_wait(day, number - 1):.2f} s"
    if day.wait > day.work and number == math.ceil(day.rate * day.work / (1 - day.work / day.wait)):
        return f"{day}: you say {number}. {fewer}. You counted the work itself as waiting; the limit is for the queue."
    return f"{day}: you say {number}, and pay for more than you need. {fewer}."


def _code(expression: str) -> str:
    return f"from math import ceil\n\n\ndef consumers(rate, work, wait):\n    return {expression}"


CONSUMERS = Exercise(
    id=ID,
    starter="""
from math import ceil


def consumers(rate, work, wait):    # orders a second, seconds of work for each, seconds they may wait
    ...                             # return how many consumers
""",
    call=f'check("{ID}", consumers)',
    hints=(
        "First turn the formula round: if an order may wait so long, how busy may its consumer be?",
        "wait = work * busy / (1 - busy), so busy = wait / (wait + work). And busy = rate * work / consumers.",
    ),
    solution=_code("ceil(rate * work * (wait + work) / wait)"),
    remark="Allow as much waiting as working, and the formula says twice as many consumers as there is work. Allow "
    "nine times as much, and a tenth more will do.",
    judge=judge_consumers,
    wrong=(
        Wrong("as many as there is work", _code("ceil(rate * work)"), "busy all the time"),
        Wrong("80 % is the rule", _code("ceil(rate * work / 0.8)"), "No share of busy time is right"),
        Wrong("one to spare", _code("ceil(rate * work) + 1"), "No share of busy time is right"),
        Wrong("the wait is with the work", _code("ceil(rate * work / max(0.01, 1 - work / wait))"),
              "You counted the work itself"),
        Wrong("twice as many, to be safe", _code("2 * ceil(rate * work) + 1"), "pay for more than you need"),
        Wrong("two and a half consumers", _code("rate * work * (wait + work) / wait"), "whole number"),
    ),
)
