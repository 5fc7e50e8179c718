"""Lesson 15 C: how many consumers work off an outage in time, where partitions do not divide by everything."""

from typing import Any

from simlib import Pause, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.friday import packing, waits, whole
from simlib.course.exercises.refusals import no
from simlib.data import orders

ID = "15-outage"
RATE, WORK, PARTITIONS = 24, 0.1, 12
DOWN_AT, DOWN = 10, 30
WITHIN = 30             # seconds after the outage
LATE = 1.0              # an order that waited longer was one of the queue
MARGIN = 3              # seconds that a forecast may be off
ORDERS = 2_400


def judge_outage(consumers: Any, seconds: Any) -> Verdict:
    """The outage with so many consumers: caught up in time, no wage too many, and the forecast is right."""
    if not whole(consumers) or consumers > 50:
        return no(ID, f"consumers is a whole number, 1 to 50. You gave {consumers!r}.")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return no(ID, f"seconds is a number: how long after the outage nobody waits any more. You gave {seconds!r}.")
    trace = run(_friday(consumers), progress=False)
    took = _caught_up(trace)
    if took > WITHIN:
        return no(ID, _too_late(consumers, took), _shares(trace), trace.plot.lag())
    if consumers > 1 and _caught_up(run(_friday(consumers - 1), progress=False)) <= WITHIN:
        return no(ID, f"{consumers} make it in {took:.0f} s. So do {consumers - 1}: you pay for more than you need.")
    if abs(seconds - took) > MARGIN:
        return no(ID, _wrong_forecast(consumers, seconds, took))
    return Verdict(True, f"{ID}: yes. {consumers} consumers have caught up {took:.0f} s after the outage; you said "
                         f"{seconds:g}.")


def _friday(consumers: int) -> Any:
    """Real orders dealt out evenly; all consumers stand still while the bank does."""
    rows = [row | {"partition": n % PARTITIONS} for n, row in enumerate(orders(ORDERS, rate=RATE))]
    faults = tuple(Pause(f"pack-{n}", at=DOWN_AT, duration=DOWN) for n in range(consumers))
    return packing(rows, PARTITIONS, consumers, WORK, ORDERS / RATE + 40, faults=faults)


def _caught_up(trace: Any) -> float:
    """Seconds after the outage until nobody waits long any more."""
    table = waits(trace)
    return float(table.time[table.wait > LATE].max() - DOWN_AT - DOWN)


def _too_late(consumers: int, took: float) -> str:
    speed, there = consumers / WORK, RATE * DOWN
    if speed <= RATE:
        return f"{consumers} pack {speed:g} a second, and {RATE} come in: they never catch up."
    if there / (speed - RATE) <= WITHIN:
        return (f"Together your {consumers} are quick enough. But {PARTITIONS} partitions do not divide by "
                f"{consumers}: some have {-(-PARTITIONS // consumers)}, and their orders wait until {took:.0f} s after "
                "the outage.")
    return (f"{there} orders lie there, and {consumers} pack {speed:g} a second. But while they do, {RATE} more come "
            f"in each second: it takes {took:.0f} s.")


def _shares(trace: Any) -> Any:
    """Who packs how much from how many partitions."""
    found = trace.deliveries.groupby("member", observed=True).partition.agg(["nunique", "size"])
    return found.rename(columns={"nunique": "partitions", "size": "orders packed"}).rename_axis(None)


def _wrong_forecast(consumers: int, seconds: float, took: float) -> str:
    text = f"{consumers} are right. They have caught up after {took:.0f} s; you said {seconds:g}."
    if abs(seconds - RATE * DOWN * WORK / consumers) < 1:
        return f"{text} You forgot those who come in meanwhile."
    return f"{text} What lies there when the bank is back, and how fast does it shrink?"


def _numbers(consumers: Any, seconds: Any) -> str:
    return f"consumers = {consumers}\nseconds = {seconds}"


OUTAGE = Exercise(
    id=ID,
    starter="consumers = ...\nseconds = ...",
    call=f'check("{ID}", consumers=consumers, seconds=seconds)',
    hints=(
        "What lies there after 30 seconds? It shrinks by what they pack a second, less what comes in. And who has how "
        "many of the twelve partitions?",
        "seconds = 24 * 30 / (10 * consumers - 24). Of the numbers that divide 12, the first that is quick enough.",
    ),
    solution=_numbers(6, "24 * 30 / (10 * 6 - 24)"),
    remark="Five would do in 28 seconds if they shared orders. They share partitions: two of them have three each, a "
    "quarter of all orders, and need 45.",
    judge=judge_outage,
    wrong=(
        Wrong("what lies there, over 30 seconds", _numbers(3, 24), "But while they do, 24 more"),
        Wrong("five are quick enough", _numbers(5, 28), "do not divide by 5"),
        Wrong("a consumer for each partition", _numbers(12, 7.5), "you pay for more than you need"),
        Wrong("as many as there is work", _numbers(2, 30), "never catch up"),
        Wrong("nobody comes meanwhile", _numbers(6, 12), "You forgot those who come in meanwhile"),
        Wrong("as long as it was down", _numbers(6, 30), "how fast does it shrink"),
        Wrong("half a consumer", _numbers(5.3, 24), "whole number"),
    ),
)
