"""Lesson 01 B: a callee that stands still for a while, and a caller that knows when to stop asking."""

from typing import Any

from simlib import LoseReply, Pause, Scenario, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.two_shops import answers, customers, pages, rows_of, service, shop, work
from simlib.data import orders

BUYERS = 5              # a second; payment can do ten
AT, STILL = 20, 10      # seconds
SECONDS = 80
BACK = 20               # seconds from the first moment of stillness in which buyers may go unserved
LOST = 6                # replies lost on a day when nothing else happens
APART = 60              # calls from one of them to the next
IN_VAIN = 25            # calls to a payment that stands still


def judge_breaker(pay: Any) -> Verdict:
    """A calm day, one with a few lost answers, and one with ten seconds of stillness."""
    calm = run(_day(pay))
    if refusal := _calm_refused(calm):
        return refusal
    losses = [LoseReply("shop-0", "call", nth=APART * number) for number in range(1, LOST + 1)]
    if refusal := _too_touchy(run(_day(pay, *losses))):
        return refusal
    still = run(_day(pay, Pause("payment-0", AT, STILL)))
    served = pages(still, "buyers")
    if refusal := _thanked_unheard(still, served):
        return refusal
    thanked = served.sent[(served.outcome == "answered") & (served.sent > AT + STILL)]
    if thanked.empty or thanked.max() < SECONDS - 10:
        return _never_back(still, served)
    if (lost := _gap(thanked)) > BACK:
        text = f"Payment was well again after {STILL} seconds. You served nobody for {lost:.0f}; {BACK} are allowed."
        return no("01-breaker", text, None, still.plot.calls("shop"))
    return _knocking(still, lost)


def _day(pay: Any, *faults: Any) -> Scenario:
    memory: dict[str, Any] = {"failed": 0, "until": 0}

    async def buy(app: Any, order: Any) -> str:
        await pay(app, order, memory)
        return "thank you"

    rows = orders(SECONDS * BUYERS, rate=BUYERS)
    return Scenario((), duration=SECONDS, faults=faults, services=(
        service("payment", answers(work("charge", 0.1), workers=1)), service("shop", shop(buy)),
        service("buyers", customers("buy", rows))))


def _calm_refused(calm: Any) -> Verdict | None:
    served = pages(calm, "buyers")
    failed = served[served.outcome == "raised"]
    if len(failed):
        text = f"Payment is well, and {len(failed)} of {len(served)} buyers are turned away: {failed.answer.iloc[0]}."
        return no("01-breaker", text, rows_of(failed))
    waiting = int(served.outcome.isin(["pending", "timed out"]).sum())
    if waiting > BUYERS:
        return no("01-breaker", f"Payment is well, and {waiting} of {len(served)} buyers wait, and get no answer.")
    unpaid = len(served) - calm.effects.key.nunique()
    if unpaid > BUYERS:
        return no("01-breaker", f"Payment is well, and {unpaid} of {len(served)} buyers are thanked without paying.")
    return None


def _too_touchy(day: Any) -> Verdict | None:
    served = pages(day, "buyers")
    failed = int((served.outcome == "raised").sum())
    if failed <= LOST:
        return None
    text = (f"{LOST} answers get lost on the network, many seconds apart, and payment is well. You turn {failed} "
            "buyers away. One failure is chance. Count them, and begin again after a success.")
    return no("01-breaker", text, None, day.plot.calls("shop"))


def _thanked_unheard(still: Any, served: Any) -> Verdict | None:
    """Buyers who are thanked although payment never answered for them."""
    asked = still.calls[(still.calls.callee == "payment") & (still.calls.outcome == "answered")]
    thanked = served[served.outcome == "answered"]
    unheard = thanked[~_order_ids(thanked).isin(_order_ids(asked))]
    if unheard.empty:
        return None
    text = (f"Payment stands still, and {len(unheard)} buyers are thanked whom it never answered. An error that you "
            "catch and do not raise again looks to the shop like a payment.")
    return no("01-breaker", text, rows_of(unheard))


def _order_ids(calls: Any) -> Any:
    return calls.request.str.extract(r'"order_id": "([^"]+)"')[0]


def _never_back(still: Any, served: Any) -> Verdict:
    asked = still.calls[still.calls.callee == "payment"]
    late = asked[asked.sent > SECONDS / 2]
    if len(late) < SECONDS:
        text = f"Since second {AT} you have hardly asked payment, and it was well again {STILL} seconds later. Try"
        return no("01-breaker", f"{text} again some time.", None, still.plot.calls("shop"))
    thanked = int((served.outcome == "answered").sum())
    text = (f"{thanked} of {len(served)} buyers are thanked, nobody in the last seconds. Payment is well, but you ask "
            f"it {len(late) / (SECONDS / 2):.0f} times a second, and it can do 10. It works for those who have gone.")
    return no("01-breaker", text, None, still.plot.calls("shop"))


def _gap(thanked: Any) -> float:
    """The longest time in which nobody who came was served."""
    return float(max(thanked.min() - AT, thanked.diff().max()))


def _knocking(still: Any, gap: float) -> Verdict:
    """Whether payment is left alone while it works off what nobody waits for."""
    asked = still.calls[still.calls.callee == "payment"]
    wasted = int(((asked.outcome == "timed out") & (asked.sent > AT)).sum())
    if wasted > IN_VAIN:
        text = (f"You ask payment {wasted} times for nothing, and every buyer waits until you give up. After a few "
                "failures in a row do not ask at all for a while.")
        return no("01-breaker", text, None, still.plot.calls("shop"))
    return Verdict(True, f"01-breaker: yes. {STILL} seconds of stillness cost {gap:.0f} seconds of sales, and "
                         f"payment is asked {wasted} times for nothing.", None, still.plot.calls("shop"))


ASK = 'await app.call("payment", order, timeout=1)'


def _breaker(limit: int = 5, away: Any = 10, success: str = 'memory["failed"] = 0') -> str:
    return f"""
async def pay(app, order, memory):
    if app.now < memory["until"]:
        raise ConnectionError("payment is not well: try again later")
    try:
        {ASK}
        {success}
    except TimeoutError:
        memory["failed"] += 1
        if memory["failed"] >= {limit}:
            memory["until"] = app.now + {away}
        raise
"""


def _tries(number: int) -> str:
    return f"""
async def pay(app, order, memory):
    for attempt in range({number}):
        try:
            return {ASK}
        except TimeoutError:
            if attempt == {number - 1}:
                raise
"""


BREAKER = Exercise(
    id="01-breaker",
    starter=f"""
async def pay(app, order, memory):
    ...     # your code
    {ASK}
""",
    call='check("01-breaker", pay)',
    hints=(
        "Two places. After a TimeoutError: count it; at the fifth in a row write down until when you will not ask. "
        "Before the call: look whether that time has passed.",
        'except TimeoutError: memory["failed"] += 1; if memory["failed"] >= 5: memory["until"] = app.now + 10; raise. '
        'After a success: memory["failed"] = 0.',
    ),
    solution=_breaker(),
    remark="While it is open you turn away buyers whom payment might have served. You bought a shop that comes back by "
    "itself, and buyers who are told at once. simlib/patterns/resilience.py has one to use.",
    judge=judge_breaker,
    wrong=(
        Wrong("three tries", _tries(3), "It works for those who have gone"),
        Wrong("two tries", _tries(2), "It works for those who have gone"),
        Wrong("never again", _breaker(away="10_000"), "Try again some time"),
        Wrong("at the first failure", _breaker(limit=1), "One failure is chance"),
        Wrong("never forget", _breaker(limit=3, success="pass"), "begin again after a success"),
        Wrong("better too long than too short", _breaker(away=40), "You served nobody for"),
        Wrong("ask once", f"async def pay(app, order, memory):\n    {ASK}\n", "times for nothing"),
        Wrong("always open", _breaker().replace("app.now < ", "app.now >= "), "Payment is well, and"),
        Wrong("swallow the error", _breaker().replace("        raise\n", ""), "looks to the shop like a payment"),
        Wrong("say nothing", _breaker().replace("raise ConnectionError", "await app.sleep(1e6)  # ").replace(
            "app.now < ", "app.now >= "), "and get no answer"),
        Wrong("thank them anyway", "async def pay(app, order, memory):\n    return\n", "without paying"),
    ),
)
