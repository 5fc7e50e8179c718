"""Lesson 01 A: how many workers a slow neighbour holds, and how long to wait for it."""

from typing import Any

from simlib import Scenario, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.two_shops import answers, asks, customers, pages, rows_of, service, shop, work
from simlib.data import orders

BUYERS = 5              # a second
MOST_WORKERS = 20
SLOWEST = 2.0           # seconds that a payment may take on an ordinary day
SLOW = 10.0             # seconds that it takes on the bad one
SOON, SHARE = 1.0, 0.95
SECONDS = 40
AN_HOUR = 3_600


def judge_limits(workers: Any, timeout: Any) -> Verdict:
    """An ordinary day turns nobody away; on a slow one the lookers notice nothing."""
    if refusal := _no_numbers(workers, timeout):
        return refusal
    day = run(_day(workers, timeout, _ordinary))
    if refusal := _turned_away(day, timeout):
        return refusal
    bad = run(_day(workers, timeout, work("charge", SLOW)))
    looked = pages(bad, "lookers")
    prompt = (looked.wait < SOON).mean()
    if prompt < SHARE:
        return _slow_pages(bad, looked, prompt, workers, timeout)
    text = f"{BUYERS} buyers a second x {timeout:g} seconds hold {BUYERS * timeout:g} of {workers} workers on average."
    return Verdict(True, f"01-limits: yes. {text} Of the lookers {prompt:.0%} get their page within a second, and on "
                         "an ordinary day nobody is turned away.")


def _no_numbers(workers: Any, timeout: Any) -> Verdict | None:
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        return no("01-limits", f"workers is a whole number, 1 or more. You gave {workers!r}.")
    if workers > MOST_WORKERS:
        return no("01-limits", f"The machine has memory for {MOST_WORKERS} workers. You gave {workers}.")
    if timeout is None:
        return no("01-limits", "No timeout of yours means the default: 30 seconds here, for ever in many HTTP clients.")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= AN_HOUR:
        return no("01-limits", f"timeout is a number of seconds above 0, {AN_HOUR} at most. You gave {timeout!r}.")
    return None


async def _ordinary(app: Any, order: Any) -> str:
    """Most payments are quick, a few take up to two seconds."""
    seconds = app.random.choice((0.1, 0.1, 0.1, 0.2, 0.5, SLOWEST - 0.05))
    await app.sleep(seconds)
    await app.effect("charge", order["order_id"])
    return "done"


def _day(workers: int, timeout: float, pay: Any) -> Scenario:
    buyers, lookers = (orders(SECONDS * BUYERS, rate=BUYERS, seed=seed) for seed in (0, 1))
    return Scenario((), duration=SECONDS, services=(
        service("payment", answers(pay)),
        service("shop", shop(asks("payment", timeout=timeout), workers=workers)),
        service("buyers", customers("buy", buyers)), service("lookers", customers("look", lookers))))


def _turned_away(day: Any, timeout: float) -> Verdict | None:
    bought = pages(day, "buyers")
    failed = bought[bought.outcome == "raised"]
    if failed.empty:
        return None
    text = (f"On an ordinary day a few payments take almost two seconds. You wait for {timeout:g}: {len(failed)} of "
            f"{len(bought)} buyers are turned away, and some of them have paid.")
    return no("01-limits", text, rows_of(failed))


def _slow_pages(bad: Any, looked: Any, prompt: float, workers: int, timeout: float) -> Verdict:
    text = (f"Payment takes {SLOW:g} seconds. {BUYERS} buyers a second, each {timeout:g} seconds at a worker, want "
            f"{BUYERS * timeout:g} workers on average, and sometimes half as many again. You have {workers}: only "
            f"{prompt:.0%} of the lookers get their page within a second.")
    return no("01-limits", text, rows_of(looked[looked.wait.isna() | (looked.wait >= SOON)]), bad.plot.calls("shop"))


def _numbers(workers: Any, timeout: Any) -> str:
    return f"workers = {workers}\ntimeout = {timeout}"


LIMITS = Exercise(
    id="01-limits",
    starter="workers = ...\ntimeout = ...",
    call='check("01-limits", workers=workers, timeout=timeout)',
    hints=(
        "On the bad day each buyer holds a worker until the timeout. How many buyers come in that time?",
        "timeout: a little above the slowest good payment. workers: 5 a second x timeout, and half as many again.",
    ),
    solution=_numbers(20, 2.2),
    remark="Five a second, 2.2 seconds each: 11 workers on average. The other nine are for chance: buyers do not come "
    "like a clock. A shorter timeout would need fewer, and would turn good buyers away.",
    judge=judge_limits,
    wrong=(
        Wrong("a second is enough", _numbers(20, 1), "are turned away, and some of them have paid"),
        Wrong("ten workers were always enough", _numbers(10, 2.2), "You have 10"),
        Wrong("be patient", _numbers(20, 10), "want 50 workers"),
        Wrong("no timeout", _numbers(20, "None"), "for ever in many HTTP clients"),
        Wrong("a worker for everybody", _numbers(100, 10), "memory for 20 workers"),
        Wrong("milliseconds", _numbers(20, 2_200), "want 11000 workers"),
        Wrong("no worker", _numbers(0, 2), "1 or more"),
        Wrong("no time at all", _numbers(20, 0), "above 0"),
    ),
)
